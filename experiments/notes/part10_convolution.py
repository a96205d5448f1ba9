"""Convolutional networks

A small image, 6×6 pixels, shows an O or an X. A 3×3 filter slides over it; each dot product with the pixels beneath, plus
a bias, is a cell of the feature map. ReLU and max pooling leave four numbers, the inputs of an ordinary network.

Three things come of it. There are fewer weights: 9 for the filter and 4 for the hidden node, where every pixel would
need one of its own. Each of the four numbers looks at neighbouring pixels together, and neighbours are what lines and
corners are made of. And a letter may move a little, though not as far as one might hope: the network of the notes knows
an X that is shifted to the right by one, but not one that is shifted to the left. Trained on letters that were shifted,
the same network learns all of these.
"""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import jaxnn as nn
from experiments.notes import letters
from experiments.notes.letters import PARAMS, O, X
from experiments.notes.story import Config, Part, Picture, finish, tell


@dataclasses.dataclass(frozen=True)
class Choices(Config):
    """seeds: how many random filters are trained; epochs: for how long; noise: added to the ink, a standard deviation."""

    seeds: int = 48
    epochs: int = 60
    noise: float = 0.1


def dot_products(image: jax.Array) -> jax.Array:
    """Of the filter with the pixels beneath it, at each place: the feature map without its bias."""
    return nn.conv(PARAMS["conv_1"]._replace(bias=jnp.zeros(1)), image[None])[0, :, :, 0]


def weights_of_hidden_node(height: int, width: int) -> int:
    """How many weights a hidden node takes that looks at every pixel."""
    return jax.eval_shape(nn.mlp([height * width, 1]).init, jax.random.key(0))["output"].weight.size


def looked_at(row: int, column: int) -> jax.Array:
    """How many windows beneath one pooled number hold each pixel: the slope of the sum of all of them."""
    every_pixel = nn.Affine(jnp.ones((3, 3, 1, 1)), jnp.zeros(1))
    pooled = jax.grad(lambda image: 4 * nn.mean_pool(nn.conv(every_pixel, image[None]), 2)[0, row, column, 0])
    return pooled(O)[:, :, 0]


def figures() -> dict[str, Any]:
    of_o, of_x, of_shifted_o, of_shifted_x = map(letters.inside, (O, X, *(letters.shifted(one, 0, 1) for one in (O, X))))
    products = dot_products(O)
    return {
        "dot product, first position (O)": products[0, 0],
        "dot product, second position (O)": products[0, 1],
        "dot product, last position (O)": products[-1, -1],
        "feature map O": of_o["feature map"],
        "post-ReLU O": of_o["after ReLU"],
        "max pooled O": of_o["max pooled"],
        "mean pooled O": of_o["mean pooled"],
        "hidden x-coordinate O": of_o["hidden"],
        "outputs [O, X] for image O": of_o["outputs"],
        "feature map X": of_x["feature map"],
        "post-ReLU X": of_x["after ReLU"],
        "max pooled X": of_x["max pooled"],
        "outputs [O, X] for image X": of_x["outputs"],
        "hidden x-coordinate X": of_x["hidden"],
        "outputs [O, X] for O shifted right": of_shifted_o["outputs"],
        "O output for shifted X": of_shifted_x["outputs"][0],
        "weights of one hidden node without convolution: 6x6, 100x100": [
            weights_of_hidden_node(6, 6),
            weights_of_hidden_node(100, 100),
        ],
        "weights with convolution, 6x6: filter, hidden node": [PARAMS["conv_1"].weight.size, PARAMS["hidden_1"].weight.size],
    }


def draw(choices: Choices) -> list[Picture]:
    drawing, axes = nn.plots.figure(size=(10, 4))
    names = {"inputs": ["top left", "top right", "bottom left", "bottom right"], "outputs": ["O", "X"]}
    nn.plots.network(axes[0, 0], [PARAMS["hidden_1"], PARAMS["output"]], **names, activation=nn.relu)
    network = finish(drawing, "part10_network", "Behind the pooling: four inputs, one hidden node with ReLU, two outputs.")
    return [draw_sliding(), draw_stages(), network, draw_training(choices)]


def draw_sliding() -> Picture:
    drawing, axes = nn.plots.figure(2, 3, size=(3.33, 3.2))
    products = dot_products(O)
    for panel, (row, column) in zip(axes[0], ((0, 0), (0, 1), (3, 3)), strict=True):
        title = f"dot product {products[row, column]:.0f}, feature map {products[row, column] - 2:.0f}"
        nn.plots.feature_map(panel, O[:, :, 0], title=title, outline=(row, column, 3))
    nn.plots.feature_map(axes[1, 0], PARAMS["conv_1"].weight[:, :, 0, 0], title="the filter, bias −2")
    nn.plots.feature_map(axes[1, 1], letters.inside(O)["feature map"], title="feature map of O", signed=True)
    nn.plots.feature_map(axes[1, 2], looked_at(0, 0), title="windows that the first input sees")
    caption = "The filter at its first, second and last place over the O, its feature map, and the neighbourhood of one input."
    return finish(drawing, "part10_sliding", caption)


def draw_stages() -> Picture:
    images = {"O": O, "X": X, "X, one to the right": letters.shifted(X, 0, 1)}
    drawing, axes = nn.plots.figure(len(images), 5, size=(2, 2.5))
    for row, (name, image) in zip(axes, images.items(), strict=True):
        places = letters.inside(image)
        nn.plots.feature_map(row[0], image[:, :, 0], title=name)
        for panel, kind in zip(row[1:], ("feature map", "after ReLU", "max pooled", "mean pooled"), strict=True):
            scale = 2.0 if kind == "feature map" else 1.0
            nn.plots.feature_map(panel, places[kind], title=kind, signed=kind == "feature map", scale=scale)
        o, x = places["outputs"]
        row[0].set_xlabel(f"outputs: O {o:.2f}, X {x:.2f}")
    caption = "Three images on their way through the network, with the outputs below; mean pooling beside max pooling."
    return finish(drawing, "part10_stages", caption)


def draw_training(choices: Choices) -> Picture:
    before, after, accuracies = letters.train(choices.seeds, choices.epochs, choices.noise)
    first, best = (jax.tree.map(lambda leaf: leaf[accuracies.argmax()], params) for params in (before, after))
    drawing, axes = nn.plots.figure(2, 4, size=(2.5, 2.6))
    letters_shown = letters.noisy_letters(jax.random.key(1), 1, choices.noise)[0]
    nn.plots.image(axes[0, 0], letters_shown[0, :, :, 0], title="a letter to learn from")
    nn.plots.feature_map(axes[0, 1], first["conv_1"].weight[:, :, 0, 0].round(1), title="random filter", signed=True)
    nn.plots.feature_map(axes[0, 2], best["conv_1"].weight[:, :, 0, 0].round(1), title="learned filter", signed=True)
    axes[0, 3].hist(np.asarray(accuracies), bins=np.linspace(0, 1, 21), color=nn.plots.COLOURS[0])
    axes[0, 3].set(xlabel="accuracy (0 to 1)", ylabel="number of random filters")
    for panels, params, whose in ((axes[1, :2], PARAMS, "the notes'"), (axes[1, 2:], best, "the learned")):
        for panel, letter, cells in zip(panels, "OX", letters.margins(params), strict=True):
            nn.plots.feature_map(panel, cells.round(1), title=f"{letter}, {whose} network", signed=True)
            panel.set(xticks=range(5), yticks=range(5), xticklabels=letters.SHIFTS, yticklabels=letters.SHIFTS)
            panel.set(xlabel="shift right (pixels)", ylabel="shift down (pixels)")
    right = int((accuracies > 0.95).sum())
    caption = (
        f"Above: of {choices.seeds} random filters {right} were trained to an accuracy above 0.95 on letters shifted by up "
        f"to one pixel each way; the best reached {float(accuracies.max()):.3f}. Below: by how much the right output is "
        "above the wrong one for each shift; red holds, blue fails."
    )
    return finish(drawing, "part10_training", caption)


PART = Part("part8", __doc__, figures, draw, (letters.inside, letters.train), Choices)

if __name__ == "__main__":
    tell(PART)
