"""Multiple inputs and outputs

With two inputs, the widths of petal and sepal, the value of a hidden node is a surface instead of a curve. With three
outputs, each species adds the two surfaces with its own weights. The output for setosa is high where petals are narrow,
that for virginica where they are wide, and that for versicolor in between. The prediction for a new flower is the
species with the highest output. The same network is then trained on all 150 irises, with cross entropy and from many
random starts. With only two ReLU nodes it often gets stuck: a node whose input is negative for every flower has a slope
of 0 and cannot learn.
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
from experiments.notes.story import Config, Part, Picture, finish, run_part

TICKS = np.linspace(0, 1, 6, dtype=np.float32)
STUCK = 0.9  # accuracy below which at least one species is not recognized


@dataclasses.dataclass(frozen=True)
class Options(Config):
    """Draw the 2-2-3 network of the notes, and train it on all irises."""

    seeds: int = 200
    """Number of random starts."""
    epochs: int = 1000
    """Training steps from each start."""


def make_grid(ticks: np.ndarray) -> np.ndarray:
    """Returns all pairs of petal and sepal width, sepal widths in rows: shape (ticks², 2)."""
    return np.stack(np.meshgrid(ticks, ticks), axis=-1).reshape(-1, 2)


def compute_surfaces(ticks: np.ndarray) -> dict[str, np.ndarray]:
    """Returns the values of both hidden nodes and all three outputs on the grid, by name."""
    activated = nn.relu(nn.dense(flowers.PARAMS["hidden_1"], make_grid(ticks)))
    outputs = flowers.NETWORK.apply(flowers.PARAMS, make_grid(ticks))
    names = ("blue", "orange", *flowers.SPECIES)
    heights = jnp.concatenate([activated, outputs], axis=1).T.reshape(len(names), len(ticks), len(ticks))
    return dict(zip(names, np.asarray(heights), strict=True))


@functools.partial(jax.jit, static_argnames=("seeds", "epochs"))
def train(seeds: int, epochs: int) -> tuple[jax.Array, flowers.Params, jax.Array]:
    """Trains the 2-2-3 network on all irises from many random starts at once: losses, parameters and accuracies."""
    widths, species = flowers.load_flowers()
    recipe = nn.Recipe(flowers.NETWORK, nn.cross_entropy, optax.adam(0.05))

    def train_one(key: jax.Array) -> tuple[jax.Array, flowers.Params, jax.Array]:
        fitted = nn.fit(recipe, (widths, species), key=key, epochs=epochs)
        return fitted.losses, fitted.params, nn.accuracy(flowers.NETWORK.apply(fitted.params, widths), species)

    return jax.vmap(train_one)(jax.random.split(jax.random.key(0), seeds))


def figures() -> dict[str, Any]:
    x = nn.dense(flowers.PARAMS["hidden_1"], jnp.array([[0.0, 0.0], [0.2, 0.0]]))
    scaled = nn.relu(x[0]) * flowers.PARAMS["output"].weight[:, 0]
    heights = compute_surfaces(TICKS)
    flower = jnp.array([[0.5, 0.37]])
    return {
        "top node (x and ReLU) at petal 0, sepal 0": x[0, 0],
        "top node at petal 0.2, sepal 0": x[1, 0],
        "top scaled by -0.1 at (0,0)": scaled[0],
        "bottom scaled by 1.5 at (0,0)": scaled[1],
        "setosa at (0,0)": heights["setosa"][0, 0],
        "setosa, versicolor, virginica at (0.5, 0.37)": flowers.NETWORK.apply(flowers.PARAMS, flower)[0],
        **{f"surface {name}: rows sepal 0..1, cols petal 0..1, step 0.2": heights[name] for name in flowers.SPECIES},
        "top ReLU surface": heights["blue"],
        "bottom ReLU surface": heights["orange"],
    }


def draw(options: Options) -> list[Picture]:
    network = flowers.draw_network("part06_network", flowers.PARAMS, "Two widths in, an output for each species.")
    return [network, draw_surfaces(), draw_training(options)]


def draw_surfaces() -> Picture:
    fine = np.linspace(0, 1, 26, dtype=np.float32)
    drawing, axes = nn.plots.figure(2, 3, size=(3.33, 3.4))
    panels = [axes[0, 0], axes[0, 1], *axes[1]]
    names = (*flowers.WIDTHS, "")
    for panel, colour, (name, heights) in zip(panels, nn.plots.COLOURS, compute_surfaces(fine).items(), strict=False):
        title = f"{name} node, after ReLU" if name in ("blue", "orange") else f"raw output: {name}"
        nn.plots.surface(panel, fine, fine, heights, names=names, title=title, colour=colour, every=5)
    accuracy = flowers.draw_predictions(axes[0, 2], flowers.PARAMS)
    caption = (
        "The surfaces of both hidden nodes and of the three outputs, and the species with the highest output, with all "
        f"150 irises on top: the network of the notes has {accuracy:.1%} of them right."
    )
    return finish(drawing, "part06_surfaces", caption)


def draw_training(options: Options) -> Picture:
    losses, params, accuracies = jax.tree.map(np.asarray, train(options.seeds, options.epochs))
    stuck = accuracies < STUCK
    drawing, (axes,) = nn.plots.figure(1, 3, size=(3.33, 3.4))
    groups = {"learned all three": losses[~stuck], "stuck": losses[stuck]}
    curves = {name: group for name, group in groups.items() if len(group)}
    nn.plots.learning_curves(axes[0], curves, quantity="cross entropy (nats a flower)")
    axes[1].hist(accuracies, bins=np.linspace(0, 1, 31), color=nn.plots.COLOURS[0])
    axes[1].axvline(STUCK, color=nn.plots.COLOURS[4], label="stuck below")
    axes[1].set(xlabel="accuracy on the irises (0 to 1)", ylabel="number of random starts")
    best = flowers.draw_predictions(axes[2], jax.tree.map(lambda leaf: leaf[accuracies.argmax()], params))
    caption = (
        f"Of {options.seeds} random starts, {stuck.sum()} got stuck below an accuracy of {STUCK} "
        "(lines are medians, bands the range of all starts). The best, shown on the right, has "
        f"{best:.1%} of the flowers right; the others have a black edge."
    )
    return finish(drawing, "part06_training", caption)


PART = Part("part4", __doc__, figures, draw, (compute_surfaces, train), Options)

if __name__ == "__main__":
    run_part(PART)
