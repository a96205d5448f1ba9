"""Formats and models of other tools, one module for each; a tool is imported when its module first needs it."""

from jaxnn.integrations import equinox, flax

__all__ = ["equinox", "flax"]
