"""Inside the black box

A drug, three dosages, and how well it works: low and high dosages do nothing, the middle one does. The network bends a
line at each of its two hidden nodes, stretches and flips the two curves with its weights, and adds them up. Nothing
but seven numbers and one bend, softplus, makes the squiggle that runs through the data. How many hidden layers there
are, and how many nodes in each, is for whoever builds the network to decide.
"""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import jaxnn as nn
from experiments import common
from experiments.notes.networks import DOSAGE, DOSAGE_NETWORK, DOSAGES, EFFICACY, dosage_params
from experiments.notes.story import Config, Part, Picture, tell

PARAMS = dosage_params(w1=-34.4, b1=2.14, w2=-2.52, b2=1.29, w3=-1.3, w4=2.28, b3=-0.58)


@dataclasses.dataclass(frozen=True)
class Choices(Config):
    """hidden: how many nodes each hidden layer of the larger network has."""

    hidden: tuple[int, ...] = (4, 3)


def inside(dosages: Any) -> dict[str, Any]:
    """What each place in the network computes, from the dosages to the efficacy; columns: blue, orange."""
    at_nodes = nn.dense(PARAMS["hidden_1"], dosages)
    bent = nn.softplus(at_nodes)
    scaled = bent * PARAMS["output"].weight.T
    output = DOSAGE_NETWORK.apply(PARAMS, dosages)
    return {"at nodes": at_nodes, "bent": bent, "scaled": scaled, "output": output}


def figures() -> dict[str, Any]:
    places = inside(jnp.array([[0.0], [0.1], [0.5], [1.0]]))
    x, bent, scaled, output = (np.asarray(places[name]) for name in ("at nodes", "bent", "scaled", "output"))
    shown = [0, 2, 3]
    return {
        "x-coordinate top node, dosage 0": x[0, 0],
        "softplus top node, dosage 0": bent[0, 0],
        "scaled blue, dosage 0": scaled[0, 0],
        "x-coordinate top node, dosage 0.1": x[1, 0],
        "softplus top node, dosage 0.1": bent[1, 0],
        "output, dosage 0.5": output[2, 0],
        "x-coordinate top node, dosage 0.5": x[2, 0],
        "output at dosage 0, 0.5, 1": output[shown, 0],
        "softplus bottom node at 0, 0.5, 1": bent[shown, 1],
        "scaled orange at 0, 0.5, 1": scaled[shown, 1],
        "peak of squiggle [dosage, output]": peak(),
        "sigmoid(2.14) (if sigmoid were chosen)": nn.sigmoid(x[0, 0]),
    }


def peak() -> np.ndarray:
    """The dosage at which the squiggle's slope is 0, to five decimals, and the output there."""
    dosages = jnp.linspace(0, 1, 100_001)

    def output(dosage):
        return DOSAGE_NETWORK.apply(PARAMS, dosage[None, None])[0, 0]

    dosage = dosages[jnp.argmin(jnp.abs(jax.jit(jax.vmap(jax.grad(output)))(dosages)))]
    return np.array([dosage, output(dosage)])


def draw(choices: Choices) -> list[Picture]:
    return [draw_network(), draw_curves(), draw_activations(), draw_larger(choices.hidden)]


def draw_network() -> Picture:
    drawing, axes = nn.plots.figure(size=(10, 2.8))
    names = {"inputs": ["dosage\n(0 to 1)"], "outputs": ["efficacy\n(0 to 1)"]}
    nn.plots.network(axes[0, 0], [*PARAMS.values()], **names, activation=nn.softplus)
    caption = "The network: weights on the connections, biases under the nodes, the bend inside the hidden ones."
    return Picture(common.save(drawing, "notes", "part01_network"), caption)


def draw_curves() -> Picture:
    places = inside(DOSAGES)
    drawing, axes = nn.plots.figure(2, 2, size=(5, 3.5))
    for node, name in enumerate(("blue", "orange")):
        look = {"color": nn.plots.COLOURS[node], "linewidth": 2.5}
        weight = float(PARAMS["output"].weight[node, 0])
        axes[0, node].plot(DOSAGES, places["bent"][:, node], **look, label=f"{name}: the bent line")
        axes[0, node].plot(DOSAGES, places["scaled"][:, node], **look, linestyle="--", label=f"times {weight:.3g}")
        axes[1, 0].plot(DOSAGES, places["scaled"][:, node], **look, linestyle="--", label=f"{name}, scaled")
    green = {"color": nn.plots.COLOURS[2], "linewidth": 2.5}
    axes[1, 0].plot(DOSAGES, places["scaled"].sum(axis=1), **green, label="their sum")
    axes[1, 1].plot(DOSAGES, places["output"], **green, label="sum − 0.58: the squiggle")
    axes[1, 1].plot(DOSAGE, EFFICACY, "o", color="black", label="data")
    for panel in axes.flat:
        panel.set(xlabel="dosage (0 to 1)", ylabel="share of the efficacy")
        panel.legend(fontsize="small")
        panel.grid(alpha=0.3)
    axes[1, 1].set_ylabel("efficacy (0 none, 1 full)")
    caption = "The blue and the orange curve, each bent and scaled, their sum, and the squiggle over the data."
    return Picture(common.save(drawing, "notes", "part01_curves"), caption)


def draw_activations() -> Picture:
    x = np.linspace(-5, 5, 201, dtype=np.float32)
    drawing, axes = nn.plots.figure(1, 3, size=(3.33, 2.8))
    for number, bend in enumerate((nn.softplus, nn.relu, nn.sigmoid)):
        axes[0, number].plot(x, bend(x), color=nn.plots.COLOURS[number], linewidth=2.5)
        axes[0, number].set(title=bend.__name__, xlabel="x", ylabel=f"{bend.__name__}(x)")
        axes[0, number].grid(alpha=0.3)
    caption = "Three activation functions: softplus bends the lines here, ReLU in parts 5 to 10, and sigmoid would do as well."
    return Picture(common.save(drawing, "notes", "part01_activations"), caption)


def draw_larger(hidden: tuple[int, ...]) -> Picture:
    params = nn.mlp([2, *hidden, 1], activation=nn.softplus).init(jax.random.key(1))
    drawing, axes = nn.plots.figure(size=(10, 4.2))
    names = {"inputs": ["input 1", "input 2"], "outputs": ["output"]}
    nn.plots.network(axes[0, 0], [*params.values()], **names, activation=nn.softplus, numbers=False)
    nodes = " and ".join(map(str, hidden))
    caption = (
        f"A larger network before training, hidden layers of {nodes} nodes: red weights are positive, blue negative."
    )
    return Picture(common.save(drawing, "notes", "part01_larger"), caption)


PART = Part("part1", __doc__, figures, draw, (inside,), Choices)

if __name__ == "__main__":
    tell(PART)
