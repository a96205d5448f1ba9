"""Multiple inputs and outputs

With two inputs, the widths of a petal and a sepal, a hidden node bends a surface instead of a line; with three outputs,
each species adds the two surfaces up in its own way. Setosa's is high where petals are narrow, virginica's where they
are wide, versicolor's in between. A new flower is what its highest output says. The same network is then trained on
all 150 irises, with cross entropy and from many random starts: with two ReLU nodes it often gets stuck, because a node
whose input is negative for every flower has no slope left to learn from.
"""

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

import jaxnn as nn
from experiments.notes import flowers
from experiments.notes.story import Config, Part, Picture, finish, tell

TICKS = np.linspace(0, 1, 6, dtype=np.float32)
STUCK = 0.9  # below this share of right answers: at least one species is not told apart


@dataclasses.dataclass(frozen=True)
class Choices(Config):
    """seeds: how many random starts the network is trained from; epochs: for how long each."""

    seeds: int = 200
    epochs: int = 1000


def grid(ticks: np.ndarray) -> np.ndarray:
    """All pairs of petal and sepal width, sepal widths in rows: shape (ticks², 2)."""
    return np.stack(np.meshgrid(ticks, ticks), axis=-1).reshape(-1, 2)


def surfaces(ticks: np.ndarray) -> dict[str, np.ndarray]:
    """What both hidden nodes and all three outputs make of every flower on the grid."""
    bent = nn.relu(nn.dense(flowers.PARAMS["hidden_1"], grid(ticks)))
    outputs = flowers.NETWORK.apply(flowers.PARAMS, grid(ticks))
    names = ("blue", "orange", *flowers.SPECIES)
    heights = jnp.concatenate([bent, outputs], axis=1).T.reshape(len(names), len(ticks), len(ticks))
    return dict(zip(names, np.asarray(heights), strict=True))


@functools.partial(jax.jit, static_argnames=("seeds", "epochs"))
def train(seeds: int, epochs: int) -> tuple[jax.Array, flowers.Params, jax.Array]:
    """The 2-2-3 network on the real irises from many random starts at once: losses, parameters and accuracies."""
    widths, species = flowers.all_flowers()
    recipe = nn.Recipe(flowers.NETWORK, nn.cross_entropy, optax.adam(0.05))

    def one(key: jax.Array) -> tuple[jax.Array, flowers.Params, jax.Array]:
        fitted = nn.fit(recipe, (widths, species), key=key, epochs=epochs)
        return fitted.losses, fitted.params, nn.accuracy(flowers.NETWORK.apply(fitted.params, widths), species)

    return jax.vmap(one)(jax.random.split(jax.random.key(0), seeds))


def figures() -> dict[str, Any]:
    at_nodes = nn.dense(flowers.PARAMS["hidden_1"], jnp.array([[0.0, 0.0], [0.2, 0.0]]))
    shares = nn.relu(at_nodes[0]) * flowers.PARAMS["output"].weight[:, 0]
    heights = surfaces(TICKS)
    flower = jnp.array([[0.5, 0.37]])
    return {
        "top node (x and ReLU) at petal 0, sepal 0": at_nodes[0, 0],
        "top node at petal 0.2, sepal 0": at_nodes[1, 0],
        "top scaled by -0.1 at (0,0)": shares[0],
        "bottom scaled by 1.5 at (0,0)": shares[1],
        "setosa at (0,0)": heights["setosa"][0, 0],
        "setosa, versicolor, virginica at (0.5, 0.37)": flowers.NETWORK.apply(flowers.PARAMS, flower)[0],
        **{f"surface {name}: rows sepal 0..1, cols petal 0..1, step 0.2": heights[name] for name in flowers.SPECIES},
        "top ReLU surface": heights["blue"],
        "bottom ReLU surface": heights["orange"],
    }


def draw(choices: Choices) -> list[Picture]:
    network = flowers.draw_network("part06_network", flowers.PARAMS, "Two widths in, an output for each species.")
    return [network, draw_surfaces(), draw_training(choices)]


def draw_surfaces() -> Picture:
    fine = np.linspace(0, 1, 26, dtype=np.float32)
    drawing, axes = nn.plots.figure(2, 3, size=(3.33, 3.4))
    panels = [axes[0, 0], axes[0, 1], *axes[1]]
    names = (*flowers.WIDTHS, "")
    for panel, colour, (name, heights) in zip(panels, nn.plots.COLOURS, surfaces(fine).items(), strict=False):
        title = f"{name} node, after ReLU" if name in ("blue", "orange") else f"raw output: {name}"
        nn.plots.surface(panel, fine, fine, heights, names=names, title=title, colour=colour, every=5)
    right = flowers.draw_predictions(axes[0, 2], flowers.PARAMS)
    caption = (
        "The bent surfaces of both hidden nodes, the crinkled ones of the three outputs, and the species whose output "
        f"is the highest, with all 150 irises on top: the notes' network has {right:.1%} of them right."
    )
    return finish(drawing, "part06_surfaces", caption)


def draw_training(choices: Choices) -> Picture:
    losses, params, accuracies = jax.tree.map(np.asarray, train(choices.seeds, choices.epochs))
    stuck = accuracies < STUCK
    drawing, (axes,) = nn.plots.figure(1, 3, size=(3.33, 3.4))
    groups = {"learned all three": losses[~stuck], "stuck": losses[stuck]}
    curves = {name: values for name, values in groups.items() if len(values)}
    nn.plots.learning_curves(axes[0], curves, quantity="cross entropy (nats a flower)")
    axes[1].hist(accuracies, bins=np.linspace(0, 1, 31), color=nn.plots.COLOURS[0])
    axes[1].axvline(STUCK, color=nn.plots.COLOURS[4], label="stuck below")
    axes[1].set(xlabel="accuracy on the irises (0 to 1)", ylabel="number of random starts")
    best = flowers.draw_predictions(axes[2], jax.tree.map(lambda leaf: leaf[accuracies.argmax()], params))
    caption = (
        f"Trained from {choices.seeds} random starts, {stuck.sum()} got stuck below an accuracy of {STUCK} "
        "(lines are medians, bands the range of all starts). The best, shown on the right, has "
        f"{best:.1%} of the flowers right; a black rim marks the others."
    )
    return finish(drawing, "part06_training", caption)


PART = Part("part4", __doc__, figures, draw, (surfaces, train), Choices)

if __name__ == "__main__":
    tell(PART)
