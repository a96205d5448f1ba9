"""Binary cross entropy: the loss of labels that are 0 or 1, one or many for each example."""

import jax
from jaxtyping import Array, ArrayLike, Float, Shaped

from jaxnn._checks.labels import check_binary
from jaxnn._kernels.batch_last import wide_batch_last
from jaxnn._kernels.dtypes import as_arrays

# One logit for each example, or a table of them.
Logits = Shaped[ArrayLike, "batch"] | Shaped[ArrayLike, "batch labels"]


def binary_cross_entropy(logits: Logits, labels: ArrayLike) -> Float[Array, "batch"]:
    """-label · log p - (1 - label) · log(1 - p) with p = sigmoid(logit), the mean over the labels of an example.

    Args:
        logits: raw outputs, before sigmoid: shape (batch, 1) or (batch,) for one label, (batch, labels) for many.
        labels: 0 or 1, or probabilities in between, of any type: shape (batch,) for one label, else that of the logits.

    Returns:
        One value for each example, shape (batch,), in nats. Traced labels cannot be checked.

    Raises:
        ValueError: a label is not between 0 and 1 (the message names its row), or the shapes do not match.

    Example:
        >>> binary_cross_entropy(jnp.array([[0.0], [2.0]]), jnp.array([0, 1])).round(3)
        Array([0.693, 0.127], dtype=float32)

    One network learns many labels, which do not exclude each other:

        >>> binary_cross_entropy(jnp.zeros((1, 3)), jnp.array([[0, 1, 1]])).round(3)
        Array([0.693], dtype=float32)
    """
    check_binary("binary_cross_entropy", "logits", logits, labels, soft=True)
    return _binary_cross_entropy(*as_columns(logits, labels))


def as_columns(logits: ArrayLike, labels: ArrayLike) -> tuple[Array, Array]:
    """Returns logits and labels as tables of one shape, (batch, labels)."""
    logits_array, labels_array = as_arrays((logits, labels))
    logits_array = logits_array[:, None] if logits_array.ndim == 1 else logits_array
    return logits_array, labels_array.reshape(logits_array.shape)


@wide_batch_last
def _binary_cross_entropy(logits, labels):
    return surprise(logits, labels).mean(axis=0)


def surprise(logits: Array, labels: Array) -> Array:
    """Returns the binary cross entropy of each entry, to full precision for logits of any size."""
    return labels * jax.nn.softplus(-logits) + (1 - labels) * jax.nn.softplus(logits)
