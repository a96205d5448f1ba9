"""Convolutional networks

A small image, 6×6 pixels, shows an O or an X. A 3×3 filter slides over it; each dot product with the pixels beneath,
plus a bias, is a cell of the feature map. ReLU and max pooling leave four numbers, the inputs of an ordinary network.

Three things come of it. There are fewer weights: 9 for the filter and 4 for the hidden node, where every pixel would
need one of its own. Each of the four numbers looks at neighbouring pixels together, and neighbours are what lines and
corners are made of. And a letter may move a little, though not as far as one might hope: the network of the notes knows
an X that is shifted to the right by one, but not one that is shifted to the left. Trained on letters that were shifted,
the same network learns all of these.
"""

import dataclasses
from typing import Any

import jax
import numpy as np

import jaxnn as nn
from experiments.notes import letters
from experiments.notes.letters import LETTER_O, LETTER_X, PARAMS
from experiments.notes.story import Config, Part, Picture, finish, tell


@dataclasses.dataclass(frozen=True)
class Choices(Config):
    """seeds: how many random filters are trained; epochs: for how long; noise: standard deviation, in units of ink."""

    seeds: int = 48
    epochs: int = 300
    noise: float = 0.1


def figures() -> dict[str, Any]:
    images = {"O": LETTER_O, "X": LETTER_X}
    images |= {f"shifted {name}": letters.shifted(image, 0, 1) for name, image in images.items()}
    of = {name: letters.inside(image) for name, image in images.items()}
    products = letters.dot_products(LETTER_O)
    maps = {"post-ReLU": "after ReLU"} | {kind: kind for kind in ("feature map", "max pooled", "mean pooled")}
    sizes = [PARAMS[layer].weight.size for layer in ("conv_1", "hidden_1")]
    return {
        "dot product, first position (O)": products[0, 0],
        "dot product, second position (O)": products[0, 1],
        "dot product, last position (O)": products[-1, -1],
        **{f"{kind} {name}": of[name][place] for name in "OX" for kind, place in maps.items()},
        **{f"hidden x-coordinate {name}": of[name]["hidden"] for name in "OX"},
        **{f"outputs [O, X] for image {name}": of[name]["outputs"] for name in "OX"},
        "outputs [O, X] for O shifted right": of["shifted O"]["outputs"],
        "O output for shifted X": of["shifted X"]["outputs"][0],
        "weights of one hidden node without convolution: 6x6, 100x100": [
            letters.weights_of_hidden_node(size, size) for size in (6, 100)
        ],
        "weights with convolution, 6x6: filter, hidden node": sizes,
    }


def draw(choices: Choices) -> list[Picture]:
    drawing, axes = nn.plots.figure(size=(10.0, 4.0))
    inputs = ["top left", "top right", "bottom left", "bottom right"]
    layers = [PARAMS["hidden_1"], PARAMS["output"]]
    nn.plots.network(axes[0, 0], layers, inputs=inputs, outputs=["O", "X"], activation=nn.relu)
    network = finish(drawing, "part10_network", "Behind the pooling: four inputs, a hidden node, two outputs.")
    return [draw_sliding(), draw_stages(), network, draw_training(choices)]


def draw_sliding() -> Picture:
    drawing, axes = nn.plots.figure(2, 3, size=(3.33, 3.2))
    products = letters.dot_products(LETTER_O)
    for panel, (row, column) in zip(axes[0], ((0, 0), (0, 1), (3, 3)), strict=True):
        title = f"dot product {products[row, column]:.0f}, feature map {products[row, column] - 2:.0f}"
        nn.plots.feature_map(panel, LETTER_O[:, :, 0], title=title, outline=(row, column, 3))
    nn.plots.feature_map(axes[1, 0], PARAMS["conv_1"].weight[:, :, 0, 0], title="the filter, bias −2")
    nn.plots.feature_map(axes[1, 1], letters.inside(LETTER_O)["feature map"], title="feature map of O", signed=True)
    nn.plots.feature_map(axes[1, 2], letters.looked_at(0, 0), title="windows that the first input sees")
    caption = "The filter at its first, second and last place over the O, its feature map, and what one input sees."
    return finish(drawing, "part10_sliding", caption)


def draw_stages() -> Picture:
    images = {"O": LETTER_O, "X": LETTER_X, "X, one to the right": letters.shifted(LETTER_X, 0, 1)}
    drawing, axes = nn.plots.figure(len(images), 5, size=(2.0, 2.5))
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
    before, after, accuracies = jax.tree.map(np.asarray, letters.train(choices.seeds, choices.epochs, choices.noise))
    first, best = (jax.tree.map(lambda leaf: leaf[accuracies.argmax()], params) for params in (before, after))
    drawing, axes = nn.plots.figure(2, 4, size=(2.5, 2.6))
    example, _ = letters.noisy_letters(jax.random.key(1), 256, choices.noise)
    nn.plots.image(axes[0, 0], example[0, :, :, 0], title="a letter to learn from")
    for panel, params, title in ((axes[0, 1], first, "random filter"), (axes[0, 2], best, "learned filter")):
        nn.plots.feature_map(panel, params["conv_1"].weight[:, :, 0, 0].round(1), title=title, signed=True)
    axes[0, 3].hist(accuracies, bins=np.linspace(0, 1, 21), color=nn.plots.COLOURS[0])
    axes[0, 3].set(xlabel="accuracy (0 to 1)", ylabel="number of random filters")
    for panels, params, whose in ((axes[1, :2], PARAMS, "the notes'"), (axes[1, 2:], best, "the learned")):
        for panel, letter, cells in zip(panels, "OX", letters.margins(params), strict=True):
            nn.plots.feature_map(panel, cells.round(1), title=f"{letter}, {whose} network", signed=True)
            panel.set(xticks=range(5), yticks=range(5), xticklabels=letters.SHIFTS, yticklabels=letters.SHIFTS)
            panel.set(xlabel="shift right (pixels)", ylabel="shift down (pixels)")
    right, dead = (accuracies > 0.95).sum(), (accuracies < 0.6).sum()
    caption = (
        f"Above: of {choices.seeds} random filters {right} were trained to an accuracy above 0.95 on letters shifted "
        f"by up to one pixel each way, and {dead} got stuck at chance; the best reached {accuracies.max():.3f}. "
        "Below: by how much the right output is above the wrong one for each shift; red holds, blue fails."
    )
    return finish(drawing, "part10_training", caption)


PART = Part("part8", __doc__, figures, draw, (letters.inside, letters.train), Choices)

if __name__ == "__main__":
    tell(PART)
