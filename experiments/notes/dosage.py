"""The example of parts 1 to 5: how well each dosage of a drug works, and a 1-2-1 network that learns it."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float

import jaxnn as nn
from experiments.notes.story import Picture, finish

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Params = dict[str, nn.Affine]

NETWORK = nn.mlp([1, 2, 1], activation=nn.softplus)
DOSAGES, EFFICACY = DATA = nn.datasets.dosage().data
GRID = np.linspace(0, 1, 201, dtype=np.float32)[:, None]
# w1, b1: the blue node on top; w2, b2: the orange one; w3, w4, b3: the output. What part 4 learns, to two decimals.
FOUND = {"w1": 3.34, "b1": -1.43, "w2": -3.53, "b2": 0.57, "w3": -1.22, "w4": -2.3, "b3": 2.61}
NAMES = tuple(FOUND)


def params(
    *, w1: ArrayLike, b1: ArrayLike, w2: ArrayLike, b2: ArrayLike, w3: ArrayLike, w4: ArrayLike, b3: ArrayLike
) -> Params:
    """The notes' seven numbers as parameters of a 1-2-1 network."""
    w1, b1, w2, b2, w3, w4, b3 = (jnp.asarray(value, float) for value in (w1, b1, w2, b2, w3, w4, b3))
    return {
        "hidden_1": nn.Affine(jnp.stack([w1, w2])[None], jnp.stack([b1, b2])),
        "output": nn.Affine(jnp.stack([w3, w4])[:, None], b3[None]),
    }


def seven(params: Params) -> Float[Array, "7"]:
    """w1, b1, w2, b2, w3, w4, b3 of a 1-2-1 network."""
    hidden, output = params["hidden_1"], params["output"]
    each_node = jnp.stack([hidden.weight[0], hidden.bias], axis=1)
    return jnp.concatenate([each_node.ravel(), output.weight[:, 0], output.bias])


def predict(params: Params, dosages: ArrayLike = DOSAGES) -> Float[Array, "dosages"]:
    """The efficacy that the network expects of each dosage."""
    return NETWORK.apply(params, dosages)[:, 0]


def ssr(params: Params) -> Float[Array, ""]:
    """Σ (observed - predicted)² over the three dosages."""
    return nn.squared_residuals(NETWORK.apply(params, DOSAGES), EFFICACY).sum()


def draw_network(name: str, params: Params, caption: str, **bends: Callable[[Any], Any]) -> Picture:
    """The 1-2-1 network with its numbers, those that are NaN as question marks."""
    drawing, axes = nn.plots.figure(size=(10.0, 2.8))
    look: dict[str, Any] = {"activation": nn.softplus} | bends
    names = {"inputs": ["dosage\n(0 to 1)"], "outputs": ["efficacy\n(0 to 1)"]}
    nn.plots.network(axes[0, 0], [*params.values()], **names, **look)
    return finish(drawing, name, caption)


def draw_squiggles(axes: "Axes", squiggles: Mapping[str, Params]) -> None:
    """What networks make of every dosage, one line each, over the data."""
    for colour, (label, params) in zip(nn.plots.COLOURS, squiggles.items(), strict=False):
        axes.plot(GRID, predict(params, GRID), color=colour, linewidth=2, label=label)
    axes.plot(DOSAGES, EFFICACY, "o", color="black", markersize=7, label="data")
    axes.set(xlabel="dosage (0 to 1)", ylabel="efficacy (0 none, 1 full)")
