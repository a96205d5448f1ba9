"""Convolutional networks

A small image, 6×6 pixels, shows an O or an X. A 3×3 filter slides over it; each dot product with the pixels of its
window, plus a bias, is a cell of the feature map. ReLU and max pooling leave four numbers, the inputs of a dense
network.

This has three advantages. There are fewer weights: 9 in the filter and 4 at the hidden node, where a dense node needs
one for every pixel. Each of the four numbers combines neighbouring pixels, and lines and corners consist of neighbours.
And a letter may be shifted a little, though less than one might hope: the network of the notes recognizes an X that is
shifted to the right by one pixel, but not to the left. Trained on shifted letters, the same network recognizes both.
"""

import dataclasses
from typing import Any

import jax
import numpy as np

import jaxnn as nn
from experiments.notes import letters
from experiments.notes.letters import LETTER_O, LETTER_X, PARAMS
from experiments.notes.story import Config, Part, Picture, finish, run_part


@dataclasses.dataclass(frozen=True)
class Options(Config):
    """Draw the stages of the convolutional network of the notes, and train it on shifted letters."""

    seeds: int = 48
    """Number of random starts."""
    epochs: int = 300
    """Training steps from each start."""
    noise: float = 0.1
    """Standard deviation of the noise in the letters, where black is 1."""


def figures() -> dict[str, Any]:
    images = {"O": LETTER_O, "X": LETTER_X}
    images |= {f"shifted {name}": letters.shift(image, 0, 1) for name, image in images.items()}
    stages = {name: letters.compute_stages(image) for name, image in images.items()}
    products = letters.compute_dot_products(LETTER_O)
    maps = {"post-ReLU": "after ReLU"} | {kind: kind for kind in ("feature map", "max pooled", "mean pooled")}
    sizes = [PARAMS[layer].weight.size for layer in ("conv_1", "hidden_1")]
    return {
        "dot product, first position (O)": products[0, 0],
        "dot product, second position (O)": products[0, 1],
        "dot product, last position (O)": products[-1, -1],
        **{f"{kind} {name}": stages[name][stage] for name in "OX" for kind, stage in maps.items()},
        **{f"hidden x-coordinate {name}": stages[name]["hidden"] for name in "OX"},
        **{f"outputs [O, X] for image {name}": stages[name]["outputs"] for name in "OX"},
        "outputs [O, X] for O shifted right": stages["shifted O"]["outputs"],
        "O output for shifted X": stages["shifted X"]["outputs"][0],
        "weights of one hidden node without convolution: 6x6, 100x100": [
            letters.count_dense_weights(size, size) for size in (6, 100)
        ],
        "weights with convolution, 6x6: filter, hidden node": sizes,
    }


def draw(options: Options) -> list[Picture]:
    drawing, axes = nn.plots.figure(size=(10.0, 4.0))
    inputs = ["top left", "top right", "bottom left", "bottom right"]
    layers = [PARAMS["hidden_1"], PARAMS["output"]]
    nn.plots.network(axes[0, 0], layers, inputs=inputs, outputs=["O", "X"], activation=nn.relu)
    network = finish(drawing, "part10_network", "After the pooling: four inputs, a hidden node, two outputs.")
    return [draw_sliding(), draw_stages(), network, draw_training(options)]


def draw_sliding() -> Picture:
    drawing, axes = nn.plots.figure(2, 3, size=(3.33, 3.2))
    products = letters.compute_dot_products(LETTER_O)
    for panel, (row, column) in zip(axes[0], ((0, 0), (0, 1), (3, 3)), strict=True):
        title = f"dot product {products[row, column]:.0f}, feature map {products[row, column] - 2:.0f}"
        nn.plots.feature_map(panel, LETTER_O[:, :, 0], title=title, outline=(row, column, 3))
    nn.plots.feature_map(axes[1, 0], PARAMS["conv_1"].weight[:, :, 0, 0], title="the filter, bias −2")
    feature_map = letters.compute_stages(LETTER_O)["feature map"]
    nn.plots.feature_map(axes[1, 1], feature_map, title="feature map of O", signed=True)
    nn.plots.feature_map(axes[1, 2], letters.count_windows(0, 0), title="windows of the first input")
    caption = (
        "The filter at its first, second and last position on the O, its feature map, and the number of windows in "
        "which the first input of the dense network sees each pixel."
    )
    return finish(drawing, "part10_sliding", caption)


def draw_stages() -> Picture:
    images = {"O": LETTER_O, "X": LETTER_X, "X, one to the right": letters.shift(LETTER_X, 0, 1)}
    drawing, axes = nn.plots.figure(len(images), 5, size=(2.0, 2.5))
    for row, (name, image) in zip(axes, images.items(), strict=True):
        stages = letters.compute_stages(image)
        nn.plots.feature_map(row[0], image[:, :, 0], title=name)
        for panel, kind in zip(row[1:], ("feature map", "after ReLU", "max pooled", "mean pooled"), strict=True):
            scale = 2.0 if kind == "feature map" else 1.0
            nn.plots.feature_map(panel, stages[kind], title=kind, signed=kind == "feature map", scale=scale)
        o, x = stages["outputs"]
        row[0].set_xlabel(f"outputs: O {o:.2f}, X {x:.2f}")
    caption = "The stages of the network for three images, with the outputs below; mean pooling beside max pooling."
    return finish(drawing, "part10_stages", caption)


def draw_training(options: Options) -> Picture:
    before, after, accuracies = jax.tree.map(np.asarray, letters.train(options.seeds, options.epochs, options.noise))
    first, best = (jax.tree.map(lambda leaf: leaf[accuracies.argmax()], params) for params in (before, after))
    drawing, axes = nn.plots.figure(2, 4, size=(2.5, 2.6))
    example, _ = letters.draw_letters(jax.random.key(1), 256, options.noise)
    nn.plots.image(axes[0, 0], example[0, :, :, 0], title="a training image")
    for panel, params, title in ((axes[0, 1], first, "random filter"), (axes[0, 2], best, "learned filter")):
        nn.plots.feature_map(panel, params["conv_1"].weight[:, :, 0, 0].round(1), title=title, signed=True)
    axes[0, 3].hist(accuracies, bins=np.linspace(0, 1, 21), color=nn.plots.COLOURS[0])
    axes[0, 3].set(xlabel="accuracy (0 to 1)", ylabel="number of random filters")
    for panels, params, kind in ((axes[1, :2], PARAMS, "the notes'"), (axes[1, 2:], best, "the learned")):
        for panel, letter, cells in zip(panels, "OX", letters.compute_margins(params), strict=True):
            nn.plots.feature_map(panel, cells.round(1), title=f"{letter}, {kind} network", signed=True)
            panel.set(xticks=range(5), yticks=range(5), xticklabels=letters.SHIFTS, yticklabels=letters.SHIFTS)
            panel.set(xlabel="shift right (pixels)", ylabel="shift down (pixels)")
    good, stuck = (accuracies > 0.95).sum(), (accuracies < 0.6).sum()
    caption = (
        f"Above: of {options.seeds} random filters, {good} reached an accuracy above 0.95 on letters shifted by up to "
        f"one pixel each way, and {stuck} got stuck at chance level; the best reached {accuracies.max():.3f}. Below: "
        "the right output minus the wrong one for each shift; red is classified correctly, blue is not."
    )
    return finish(drawing, "part10_training", caption)


PART = Part("part8", __doc__, figures, draw, (letters.compute_stages, letters.train), Options)

if __name__ == "__main__":
    run_part(PART)
