"""The example of parts 1 to 5: a 1-2-1 network that predicts the efficacy of a drug from its dosage."""

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
# The parameters that part 4 learns, to two decimals. w1, b1: the blue node on top; w2, b2: the orange node below;
# w3, w4, b3: the output.
LEARNED = {"w1": 3.34, "b1": -1.43, "w2": -3.53, "b2": 0.57, "w3": -1.22, "w4": -2.3, "b3": 2.61}
NAMES = tuple(LEARNED)


def make_params(
    *, w1: ArrayLike, b1: ArrayLike, w2: ArrayLike, b2: ArrayLike, w3: ArrayLike, w4: ArrayLike, b3: ArrayLike
) -> Params:
    """Returns the seven numbers of the notes as parameters of the 1-2-1 network."""
    w1, b1, w2, b2, w3, w4, b3 = (jnp.asarray(value, float) for value in (w1, b1, w2, b2, w3, w4, b3))
    return {
        "hidden_1": nn.Affine(jnp.stack([w1, w2])[None], jnp.stack([b1, b2])),
        "output": nn.Affine(jnp.stack([w3, w4])[:, None], b3[None]),
    }


def flatten_params(params: Params) -> Float[Array, "7"]:
    """Returns w1, b1, w2, b2, w3, w4, b3 of the 1-2-1 network."""
    hidden, output = params["hidden_1"], params["output"]
    each_node = jnp.stack([hidden.weight[0], hidden.bias], axis=1)
    return jnp.concatenate([each_node.ravel(), output.weight[:, 0], output.bias])


def predict(params: Params, dosages: ArrayLike = DOSAGES) -> Float[Array, "dosages"]:
    """Returns the efficacy that the network predicts for each dosage."""
    return NETWORK.apply(params, dosages)[:, 0]


def ssr(params: Params) -> Float[Array, ""]:
    """Σ (observed - predicted)² over the three dosages."""
    return nn.squared_error(NETWORK.apply(params, DOSAGES), EFFICACY).sum()


def draw_network(name: str, params: Params, caption: str, **activations: Callable[[Any], Any]) -> Picture:
    """Draws the 1-2-1 network with its parameters; those that are NaN become question marks."""
    drawing, axes = nn.plots.figure(size=(10.0, 2.8))
    functions: dict[str, Any] = {"activation": nn.softplus} | activations
    names = {"inputs": ["dosage\n(0 to 1)"], "outputs": ["efficacy\n(0 to 1)"]}
    nn.plots.network(axes[0, 0], [*params.values()], **names, **functions)
    return finish(drawing, name, caption)


def draw_squiggles(axes: "Axes", squiggles: Mapping[str, Params]) -> None:
    """Draws the predictions of each network for all dosages as a line, with the data on top."""
    for colour, (label, params) in zip(nn.plots.COLOURS, squiggles.items(), strict=False):
        axes.plot(GRID, predict(params, GRID), color=colour, linewidth=2, label=label)
    axes.plot(DOSAGES, EFFICACY, "o", color="black", markersize=7, label="data")
    axes.set(xlabel="dosage (0 to 1)", ylabel="efficacy (0 none, 1 full)")
