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
from experiments.notes import dosage
from experiments.notes.story import Config, Part, Picture, finish, tell

PARAMS = dosage.params(w1=-34.4, b1=2.14, w2=-2.52, b2=1.29, w3=-1.3, w4=2.28, b3=-0.58)


@dataclasses.dataclass(frozen=True)
class Choices(Config):
    """hidden: how many nodes each hidden layer of the larger network has."""

    hidden: tuple[int, ...] = (4, 3)


def inside(dosages: Any) -> dict[str, Any]:
    """What each place in the network computes, from the dosages to the efficacy; columns: blue, orange."""
    at_nodes = nn.dense(PARAMS["hidden_1"], dosages)
    bent = nn.softplus(at_nodes)
    scaled = bent * PARAMS["output"].weight.T
    output = dosage.NETWORK.apply(PARAMS, dosages)[:, 0]
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
        "output, dosage 0.5": output[2],
        "x-coordinate top node, dosage 0.5": x[2, 0],
        "output at dosage 0, 0.5, 1": output[shown],
        "softplus bottom node at 0, 0.5, 1": bent[shown, 1],
        "scaled orange at 0, 0.5, 1": scaled[shown, 1],
        "peak of squiggle [dosage, output]": peak(),
        "sigmoid(2.14) (if sigmoid were chosen)": nn.sigmoid(x[0, 0]),
    }


def peak() -> np.ndarray:
    """The dosage at which the squiggle's slope is 0, to five decimals, and the output there."""
    dosages = jnp.linspace(0, 1, 100_001)

    def output(one):
        return dosage.predict(PARAMS, one[None, None])[0]

    top = dosages[jnp.argmin(jnp.abs(jax.jit(jax.vmap(jax.grad(output)))(dosages)))]
    return np.array([top, output(top)])


def draw(choices: Choices) -> list[Picture]:
    caption = "The network: weights on the connections, biases under the nodes, the bend inside the hidden ones."
    network = dosage.draw_network("part01_network", PARAMS, caption)
    return [network, draw_curves(), draw_activations(), draw_larger(choices.hidden)]


def draw_curves() -> Picture:
    places = inside(dosage.GRID)
    drawing, axes = nn.plots.figure(2, 2, size=(5.0, 3.5))
    for node, (name, times) in enumerate({"blue": "−1.3", "orange": "2.28"}.items()):
        look = {"color": nn.plots.COLOURS[node], "linewidth": 2.5}
        axes[0, node].plot(dosage.GRID, places["bent"][:, node], **look, label=f"{name}: the bent line")
        axes[0, node].plot(dosage.GRID, places["scaled"][:, node], **look, linestyle="--", label=f"times {times}")
        axes[1, 0].plot(dosage.GRID, places["scaled"][:, node], **look, linestyle="--", label=f"{name}, scaled")
    for panel in axes.flat:
        panel.set(xlabel="dosage (0 to 1)", ylabel="share of the efficacy")
    green = {"color": nn.plots.COLOURS[2], "linewidth": 2.5}
    axes[1, 0].plot(dosage.GRID, places["scaled"].sum(axis=1), **green, label="their sum")
    axes[1, 1].plot(dosage.GRID, places["output"], **green, label="sum − 0.58: the squiggle")
    dosage.draw_squiggles(axes[1, 1], {})
    caption = "The blue and the orange curve, each bent and scaled, their sum, and the squiggle over the data."
    return finish(drawing, "part01_curves", caption)


def draw_activations() -> Picture:
    x = np.linspace(-5, 5, 201, dtype=np.float32)
    drawing, axes = nn.plots.figure(1, 3, size=(3.33, 2.8))
    for number, bend in enumerate((nn.softplus, nn.relu, nn.sigmoid)):
        axes[0, number].plot(x, bend(x), color=nn.plots.COLOURS[number], linewidth=2.5)
        axes[0, number].set(title=bend.__name__, xlabel="x", ylabel=f"{bend.__name__}(x)")
    caption = "Three activation functions: softplus bends the lines here, ReLU in parts 5 to 10; sigmoid would do too."
    return finish(drawing, "part01_activations", caption)


def draw_larger(hidden: tuple[int, ...]) -> Picture:
    params = nn.mlp([2, *hidden, 1], activation=nn.softplus).init(jax.random.key(1))
    drawing, axes = nn.plots.figure(size=(10.0, 4.2))
    names: dict[str, Any] = {"inputs": ["input 1", "input 2"], "outputs": ["output"]}
    nn.plots.network(axes[0, 0], [*params.values()], **names, activation=nn.softplus, numbers=False)
    sizes = ", then ".join(f"{size} nodes" for size in hidden)
    caption = f"A larger network before training: {sizes}; positive weights are red, negative blue, large ones thick."
    return finish(drawing, "part01_larger", caption)


PART = Part("part1", __doc__, figures, draw, (inside,), Choices)

if __name__ == "__main__":
    tell(PART)
