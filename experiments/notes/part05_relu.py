"""ReLU in action

The same 1-2-1 network with another bend: ReLU lets a positive number through and makes 0 of a negative one. Two bent
lines add up to a wedge, and a last ReLU behind the output cuts off what lies below 0: a pointed squiggle through the
same three points. At its bend ReLU has no derivative; 0 or 1 will both do, and this library takes 0.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import jaxnn as nn
from experiments.notes import dosage
from experiments.notes.story import Config, Part, Picture, finish, tell

PARAMS = dosage.params(w1=1.7, b1=-0.85, w2=12.6, b2=0.0, w3=-40.8, w4=2.7, b3=-16.0)
SHOWN = np.array([[0.0], [0.2], [0.4], [0.5], [0.6], [0.8], [1.0]], np.float32)

WEDGE = nn.mlp([1, 2, 1], activation=nn.relu)
NETWORK = nn.Model(WEDGE.init, lambda params, x, *, key=None: nn.relu(WEDGE.apply(params, x, key=key)))


def inside(dosages: Any) -> dict[str, Any]:
    """What each place in the network computes; columns: blue, orange."""
    at_nodes = nn.dense(PARAMS["hidden_1"], dosages)
    bent = nn.relu(at_nodes)
    scaled = bent * PARAMS["output"].weight.T
    wedge = WEDGE.apply(PARAMS, dosages)[:, 0]
    output = NETWORK.apply(PARAMS, dosages)[:, 0]
    return {"at nodes": at_nodes, "bent": bent, "scaled": scaled, "wedge": wedge, "output": output}


def where_it_leaves_zero() -> jax.Array:
    """Newton's step to the wedge's zeros, exact on a straight line, from both sides of its tip."""

    def wedge(one):
        return WEDGE.apply(PARAMS, one[None, None])[0, 0]

    starts = jnp.array([0.49, 0.51])
    return starts - jax.vmap(wedge)(starts) / jax.vmap(jax.grad(wedge))(starts)


def figures() -> dict[str, Any]:
    places = {name: np.asarray(values) for name, values in inside(SHOWN).items()}
    top, bottom = places["scaled"].T
    return {
        "top node x, dosage 0": places["at nodes"][0, 0],
        "top node ReLU, dosage 0": places["bent"][0, 0],
        "top node x, dosage 0.2": places["at nodes"][1, 0],
        "top node ReLU, dosage 0.6": places["bent"][4, 0],
        "wedge after bias, dosage 0": places["wedge"][0],
        "final output, dosage 0": places["output"][0],
        "dosages used below": SHOWN[:, 0],
        "top ReLU": places["bent"][:, 0],
        "top ReLU x -40.8": top,
        "bottom ReLU x 2.70": bottom,
        "wedge (sum)": top + bottom,
        "wedge + bias": places["wedge"],
        "final output": places["output"],
        "dosages where the final output leaves 0": where_it_leaves_zero(),
        "slope of ReLU at -1, 0 (the bend), 1": jax.vmap(jax.grad(nn.relu))(jnp.array([-1.0, 0.0, 1.0])),
    }


def draw(_: Config) -> list[Picture]:
    caption = "The network with ReLU in its hidden nodes and behind its output."
    bends = {"activation": nn.relu, "last": nn.relu}
    return [dosage.draw_network("part05_network", PARAMS, caption, **bends), draw_lines()]


def draw_lines() -> Picture:
    places = inside(dosage.GRID)
    drawing, axes = nn.plots.figure(2, 2, size=(5.0, 3.5))
    blue, orange, green = nn.plots.COLOURS[:3]
    lines = [
        (axes[0, 0], places["bent"][:, 0], blue, "-", "blue: the bent line"),
        (axes[0, 0], places["bent"][:, 1], orange, "-", "orange: never below its bend here"),
        (axes[0, 1], places["scaled"][:, 0], blue, "--", "blue times −40.8"),
        (axes[0, 1], places["scaled"][:, 1], orange, "--", "orange times 2.7"),
        (axes[0, 1], places["scaled"].sum(axis=1), green, "-", "their sum: a wedge"),
        (axes[1, 0], places["wedge"], green, "-", "wedge − 16"),
        (axes[1, 1], places["output"], green, "-", "after the last ReLU"),
    ]
    for panel, values, colour, style, label in lines:
        panel.plot(dosage.GRID, values, color=colour, linestyle=style, linewidth=2.5, label=label)
        panel.set(xlabel="dosage (0 to 1)", ylabel="share of the efficacy")
    axes[1, 0].axhline(0, color="black", linewidth=1)
    dosage.draw_squiggles(axes[1, 1], {})
    axes[1, 1].plot(SHOWN, NETWORK.apply(PARAMS, SHOWN), "s", color=green, markersize=4)
    caption = "From two bent lines to a wedge, and from the wedge to a pointed squiggle through the data."
    return finish(drawing, "part05_lines", caption)


PART = Part("part3", __doc__, figures, draw, (inside, where_it_leaves_zero))

if __name__ == "__main__":
    tell(PART)
