"""ReLU in action

The same 1-2-1 network with another activation function: ReLU keeps positive numbers and replaces negative ones by 0.
The two hidden nodes add up to a wedge. A last ReLU after the output cuts off everything below 0, and the result is a
pointed squiggle through the same three points. ReLU has no derivative at 0; either 0 or 1 works, and this library
uses 0.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import jaxnn as nn
from experiments.notes import dosage
from experiments.notes.story import Config, Part, Picture, finish, run_part

PARAMS = dosage.make_params(w1=1.7, b1=-0.85, w2=12.6, b2=0.0, w3=-40.8, w4=2.7, b3=-16.0)
SHOWN = np.array([[0.0], [0.2], [0.4], [0.5], [0.6], [0.8], [1.0]], np.float32)

WEDGE = nn.mlp([1, 2, 1], activation=nn.relu)
NETWORK = nn.Model(WEDGE.init, lambda params, x, *, key=None: nn.relu(WEDGE.apply(params, x, key=key)))


def compute_stages(dosages: Any) -> dict[str, Any]:
    """Returns every intermediate value from the dosages to the efficacy; columns: blue node, orange node."""
    x = nn.dense(PARAMS["hidden_1"], dosages)
    activated = nn.relu(x)
    scaled = activated * PARAMS["output"].weight.T
    wedge = WEDGE.apply(PARAMS, dosages)[:, 0]
    output = NETWORK.apply(PARAMS, dosages)[:, 0]
    return {"x": x, "activated": activated, "scaled": scaled, "wedge": wedge, "output": output}


def find_zeros() -> jax.Array:
    """Returns the zeros of the wedge: one step of Newton's method from either side of its tip, exact for lines."""

    def wedge(one):
        return WEDGE.apply(PARAMS, one[None, None])[0, 0]

    starts = jnp.array([0.49, 0.51])
    return starts - jax.vmap(wedge)(starts) / jax.vmap(jax.grad(wedge))(starts)


def figures() -> dict[str, Any]:
    stages = {name: np.asarray(values) for name, values in compute_stages(SHOWN).items()}
    top, bottom = stages["scaled"].T
    return {
        "top node x, dosage 0": stages["x"][0, 0],
        "top node ReLU, dosage 0": stages["activated"][0, 0],
        "top node x, dosage 0.2": stages["x"][1, 0],
        "top node ReLU, dosage 0.6": stages["activated"][4, 0],
        "wedge after bias, dosage 0": stages["wedge"][0],
        "final output, dosage 0": stages["output"][0],
        "dosages used below": SHOWN[:, 0],
        "top ReLU": stages["activated"][:, 0],
        "top ReLU x -40.8": top,
        "bottom ReLU x 2.70": bottom,
        "wedge (sum)": top + bottom,
        "wedge + bias": stages["wedge"],
        "final output": stages["output"],
        "dosages where the final output leaves 0": find_zeros(),
        "slope of ReLU at -1, 0 (undefined), 1": jax.vmap(jax.grad(nn.relu))(jnp.array([-1.0, 0.0, 1.0])),
    }


def draw(_: Config) -> list[Picture]:
    caption = "The network with ReLU in its hidden nodes and after its output."
    activations = {"activation": nn.relu, "last": nn.relu}
    return [dosage.draw_network("part05_network", PARAMS, caption, **activations), draw_lines()]


def draw_lines() -> Picture:
    stages = compute_stages(dosage.GRID)
    drawing, axes = nn.plots.figure(2, 2, size=(5.0, 3.5))
    blue, orange, green = nn.plots.COLOURS[:3]
    lines = [
        (axes[0, 0], stages["activated"][:, 0], blue, "-", "blue: after ReLU"),
        (axes[0, 0], stages["activated"][:, 1], orange, "-", "orange: its input is never negative here"),
        (axes[0, 1], stages["scaled"][:, 0], blue, "--", "blue times −40.8"),
        (axes[0, 1], stages["scaled"][:, 1], orange, "--", "orange times 2.7"),
        (axes[0, 1], stages["scaled"].sum(axis=1), green, "-", "their sum: a wedge"),
        (axes[1, 0], stages["wedge"], green, "-", "wedge − 16"),
        (axes[1, 1], stages["output"], green, "-", "after the last ReLU"),
    ]
    for panel, values, colour, style, label in lines:
        panel.plot(dosage.GRID, values, color=colour, linestyle=style, linewidth=2.5, label=label)
        panel.set(xlabel="dosage (0 to 1)", ylabel="share of the efficacy")
    axes[1, 0].axhline(0, color="black", linewidth=1)
    dosage.draw_squiggles(axes[1, 1], {})
    axes[1, 1].plot(SHOWN, NETWORK.apply(PARAMS, SHOWN), "s", color=green, markersize=4)
    caption = "From two lines after ReLU to a wedge, and from the wedge to a pointed squiggle through the data."
    return finish(drawing, "part05_lines", caption)


PART = Part("part3", __doc__, figures, draw, (compute_stages, find_zeros))

if __name__ == "__main__":
    run_part(PART)
