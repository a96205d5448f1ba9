"""A penalty on the parameters, which the training loss includes."""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array

from jaxnn.buffers import partition


def add_penalty(penalty: Any, losses: Array, params: Any) -> Array:
    """Adds the penalty of the learned parameters to the loss of each example; None adds nothing."""
    if penalty is None:
        return losses
    return losses + jnp.asarray(penalty(partition(params)[0]), losses.dtype)


def check_penalty(caller: str, penalty: Any, params: Any) -> None:
    """Checks that a penalty gives one real number, with the parameters or their shapes; None passes."""
    if penalty is None:
        return
    result = jax.eval_shape(penalty, partition(params)[0])
    is_number = isinstance(result, jax.ShapeDtypeStruct) and result.shape == ()
    if not is_number or not jnp.issubdtype(result.dtype, jnp.floating):
        raise ValueError(f"{caller}: penalty must make one floating-point number of the params, not {result}")
