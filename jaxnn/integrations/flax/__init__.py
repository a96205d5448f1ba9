"""Flax: its modules as models, its weights in and out, and this library's convolution in its layers (extra `flax`)."""

from jaxnn.integrations.flax.convolution import conv_general_dilated
from jaxnn.integrations.flax.models import model, update, variables
from jaxnn.integrations.flax.weights import as_variables, load

__all__ = ["as_variables", "conv_general_dilated", "load", "model", "update", "variables"]
