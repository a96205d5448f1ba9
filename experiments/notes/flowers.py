"""The example of parts 6 to 9: a network from petal and sepal width of an iris to a raw output for each species."""

from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

import jaxnn as nn
from experiments.notes.story import Picture, finish

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Params = dict[str, nn.Affine]

NETWORK = nn.mlp([2, 2, 3])
WIDTHS = ("petal width (0 to 1)", "sepal width (0 to 1)")
SPECIES = ("setosa", "versicolor", "virginica")
# The first column of the hidden weights is the blue node, the second the orange one.
PARAMS = {
    "hidden_1": nn.Affine(jnp.array([[-2.5, -1.5], [0.6, 0.4]]), jnp.array([1.6, 0.7])),
    "output": nn.Affine(jnp.array([[-0.1, 2.4, -2.2], [1.5, -5.2, 3.7]]), jnp.array([0.0, 0.0, 1.0])),
}
# The same network from another random start.
OTHER_PARAMS = {
    "hidden_1": nn.Affine(jnp.array([[-0.5, -1.7], [0.1, 0.4]]), jnp.array([0.3, 0.8])),
    "output": nn.Affine(jnp.array([[-0.7, 11.4, -10.7], [1.5, -4.7, 3.3]]), jnp.array([0.0, 0.0, 1.0])),
}
# Flowers 2, 101 and 59 of `load_flowers`, a setosa, a virginica and a versicolor, to two decimals as in the notes.
THREE_WIDTHS, THREE_SPECIES = THREE = jnp.array([[0.04, 0.42], [1.0, 0.54], [0.5, 0.37]]), np.array([0, 2, 1])


def load_flowers() -> tuple[Float[Array, "150 2"], np.ndarray]:
    """Returns petal and sepal widths of the 150 irises, each scaled to 0 … 1, and their species."""
    flowers = nn.datasets.iris()
    widths = jnp.asarray(flowers.x[:, [3, 1]], float)
    return nn.scale(nn.min_max_scaling(widths), widths), flowers.targets


def with_b3(b3: Float[Array, ""]) -> Params:
    """Returns the parameters of the notes with another output bias for setosa."""
    return PARAMS | {"output": PARAMS["output"]._replace(bias=PARAMS["output"].bias.at[0].set(b3))}


def draw_network(name: str, params: Params, caption: str) -> Picture:
    """Draws the 2-2-3 network with its parameters."""
    drawing, axes = nn.plots.figure(size=(10.0, 3.8))
    inputs = [width.replace(" (", "\n(") for width in WIDTHS]
    nn.plots.network(axes[0, 0], [*params.values()], inputs=inputs, outputs=SPECIES, activation=nn.relu)
    return finish(drawing, name, caption)


def draw_predictions(axes: "Axes", params: Params) -> float:
    """Draws the decision regions with all irises on top, and returns the accuracy on them."""
    widths, species = load_flowers()
    classify = jax.jit(lambda x: nn.argmax(NETWORK.apply(params, jnp.asarray(x, float))))
    nn.plots.decision_regions(axes, classify, np.asarray(widths), species, features=WIDTHS, classes=SPECIES)
    axes.legend(loc="upper right", fontsize="x-small")
    return float(nn.accuracy(NETWORK.apply(params, widths), species))
