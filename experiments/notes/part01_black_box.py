"""Inside the black box

A drug is given in three dosages: low and high ones have no effect, the middle one works. Each of the two hidden nodes
transforms a line into a curve. The weights stretch and flip the two curves, and their sum is the squiggle that fits the
data. All it takes is seven numbers and one activation function, softplus. The number of hidden layers, and of nodes in
each, is a choice of the person who builds the network.
"""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import jaxnn as nn
from experiments.notes import dosage
from experiments.notes.story import Config, Part, Picture, finish, run_part

PARAMS = dosage.make_params(w1=-34.4, b1=2.14, w2=-2.52, b2=1.29, w3=-1.3, w4=2.28, b3=-0.58)


@dataclasses.dataclass(frozen=True)
class Options(Config):
    """Draw the 1-2-1 network of the notes, and a larger one."""

    hidden: tuple[int, ...] = (4, 3)
    """Number of nodes in each hidden layer of the larger network."""


def compute_stages(dosages: Any) -> dict[str, Any]:
    """Returns every intermediate value from the dosages to the efficacy; columns: blue node, orange node."""
    x = nn.dense(PARAMS["hidden_1"], dosages)
    activated = nn.softplus(x)
    scaled = activated * PARAMS["output"].weight.T
    output = dosage.NETWORK.apply(PARAMS, dosages)[:, 0]
    return {"x": x, "activated": activated, "scaled": scaled, "output": output}


def figures() -> dict[str, Any]:
    stages = compute_stages(jnp.array([[0.0], [0.1], [0.5], [1.0]]))
    x, activated, scaled, output = map(np.asarray, stages.values())
    shown = [0, 2, 3]
    return {
        "x-coordinate top node, dosage 0": x[0, 0],
        "softplus top node, dosage 0": activated[0, 0],
        "scaled blue, dosage 0": scaled[0, 0],
        "x-coordinate top node, dosage 0.1": x[1, 0],
        "softplus top node, dosage 0.1": activated[1, 0],
        "output, dosage 0.5": output[2],
        "x-coordinate top node, dosage 0.5": x[2, 0],
        "output at dosage 0, 0.5, 1": output[shown],
        "softplus bottom node at 0, 0.5, 1": activated[shown, 1],
        "scaled orange at 0, 0.5, 1": scaled[shown, 1],
        "peak of squiggle [dosage, output]": find_peak(),
        "sigmoid(2.14) (if sigmoid were chosen)": nn.sigmoid(x[0, 0]),
    }


def find_peak() -> np.ndarray:
    """Returns the dosage at which the squiggle's slope is 0, to five decimals, and the output there."""
    dosages = jnp.linspace(0, 1, 100_001)

    def output(one):
        return dosage.predict(PARAMS, one[None, None])[0]

    top = dosages[jnp.argmin(jnp.abs(jax.jit(jax.vmap(jax.grad(output)))(dosages)))]
    return np.array([top, output(top)])


def draw(options: Options) -> list[Picture]:
    caption = "The network: weights on the connections, biases under the nodes, activation in the hidden nodes."
    network = dosage.draw_network("part01_network", PARAMS, caption)
    return [network, draw_curves(), draw_activations(), draw_larger(options.hidden)]


def draw_curves() -> Picture:
    stages = compute_stages(dosage.GRID)
    drawing, axes = nn.plots.figure(2, 2, size=(5.0, 3.5))
    for node, (name, weight) in enumerate({"blue": "−1.3", "orange": "2.28"}.items()):
        style = {"color": nn.plots.COLOURS[node], "linewidth": 2.5}
        axes[0, node].plot(dosage.GRID, stages["activated"][:, node], **style, label=f"{name}: after softplus")
        axes[0, node].plot(dosage.GRID, stages["scaled"][:, node], **style, linestyle="--", label=f"times {weight}")
        axes[1, 0].plot(dosage.GRID, stages["scaled"][:, node], **style, linestyle="--", label=f"{name}, scaled")
    for panel in axes.flat:
        panel.set(xlabel="dosage (0 to 1)", ylabel="share of the efficacy")
    green = {"color": nn.plots.COLOURS[2], "linewidth": 2.5}
    axes[1, 0].plot(dosage.GRID, stages["scaled"].sum(axis=1), **green, label="their sum")
    axes[1, 1].plot(dosage.GRID, stages["output"], **green, label="sum − 0.58: the squiggle")
    dosage.draw_squiggles(axes[1, 1], {})
    caption = "The blue and the orange curve, after softplus and scaled; their sum; and the squiggle over the data."
    return finish(drawing, "part01_curves", caption)


def draw_activations() -> Picture:
    x = np.linspace(-5, 5, 201, dtype=np.float32)
    drawing, axes = nn.plots.figure(1, 3, size=(3.33, 2.8))
    for number, activation in enumerate((nn.softplus, nn.relu, nn.sigmoid)):
        axes[0, number].plot(x, activation(x), color=nn.plots.COLOURS[number], linewidth=2.5)
        axes[0, number].set(title=activation.__name__, xlabel="x", ylabel=f"{activation.__name__}(x)")
    caption = "Three activation functions: softplus is used here, ReLU in parts 5 to 10; sigmoid would work too."
    return finish(drawing, "part01_activations", caption)


def draw_larger(hidden: tuple[int, ...]) -> Picture:
    params = nn.mlp([2, *hidden, 1], activation=nn.softplus).init(jax.random.key(1))
    drawing, axes = nn.plots.figure(size=(10.0, 4.2))
    names: dict[str, Any] = {"inputs": ["input 1", "input 2"], "outputs": ["output"]}
    nn.plots.network(axes[0, 0], [*params.values()], **names, activation=nn.softplus, numbers=False)
    sizes = ", then ".join(f"{size} nodes" for size in hidden)
    caption = f"A larger network before training: {sizes}. Positive weights are red, negative blue, large ones thick."
    return finish(drawing, "part01_larger", caption)


PART = Part("part1", __doc__, figures, draw, (compute_stages,), Options)

if __name__ == "__main__":
    run_part(PART)
