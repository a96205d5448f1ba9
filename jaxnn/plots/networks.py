"""A network drawn as nodes and connections, with its weights and biases."""

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from jaxtyping import ArrayLike, Float

from jaxnn.plots.figures import COLOURS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Colours of connections with a positive weight, a negative one, and one that is NaN.
_POSITIVE = COLOURS[4]
_NEGATIVE = COLOURS[0]
_UNKNOWN = COLOURS[7]
# The radius of a node, in inches.
_RADIUS = 0.17


def network(
    axes: "Axes",
    layers: Sequence[tuple[Float[ArrayLike, "_ _"], Float[ArrayLike, "_"] | None]],
    *,
    inputs: Sequence[str],
    outputs: Sequence[str],
    activation: Callable[[np.ndarray], Any] | None = None,
    last: Callable[[np.ndarray], Any] | None = None,
    numbers: bool = True,
) -> None:
    """Draws dense layers: positive weights are red lines, negative ones blue, and the larger the thicker.

    Args:
        axes: to draw on.
        layers: (weight, bias) of each layer, such as an `Affine`, shapes (inputs, outputs) and (outputs,) or None.
            A value that is NaN is unknown and drawn as a question mark.
        inputs: names of the inputs, with units.
        outputs: names of the outputs, with units.
        activation: activation function of the hidden nodes, drawn inside them.
        last: activation function of the output nodes, or None.
        numbers: whether to write every weight on its connection and every bias under its node.

    Example:
        >>> import jaxnn as nn
        >>> drawing, [[axes]] = nn.plots.figure()
        >>> params = nn.mlp([2, 3, 1]).init(jax.random.key(0))
        >>> network(axes, list(params.values()), inputs=["width (cm)", "length (cm)"], outputs=["weight (g)"])
        >>> len(axes.lines)
        9
    """
    weights: list[Any] = [np.asarray(weight, float) for weight, _ in layers]
    sizes = [len(weights[0]), *(weight.shape[1] for weight in weights)]
    positions = [_compute_positions(number, size, max(sizes)) for number, size in enumerate(sizes)]
    largest = max(float(np.nanmax(np.abs(weight), initial=1e-12)) for weight in weights)
    for starts, ends, weight in zip(positions, positions[1:], weights, strict=False):
        for source, target in np.ndindex(*weight.shape):
            _draw_connection(axes, starts[source], ends[target], weight[source, target], largest, numbers)
    activations = [None, *[activation] * (len(layers) - 1), last]
    biases = [None, *(bias for _, bias in layers)]
    for column, bias, function in zip(positions, biases, activations, strict=True):
        is_written = numbers and bias is not None
        texts = [_format_signed(value) for value in np.asarray(bias, float)] if is_written else [""] * len(column)
        for position, text in zip(column, texts, strict=True):
            _draw_node(axes, position, function, text)
    _draw_names(axes, positions[0], inputs, -1)
    _draw_names(axes, positions[-1], outputs, 1)
    axes.set(xlim=(-0.6, len(layers) + 0.6), ylim=(-max(sizes) / 2 - 0.15, max(sizes) / 2 + 0.05))
    axes.axis("off")


def _compute_positions(number: int, size: int, largest: int) -> np.ndarray:
    """Returns (x, y) of a layer's nodes, the first on top; small layers are spread out to the height of large ones."""
    spacing = min(largest / size, 1.5)
    return np.stack([np.full(size, float(number)), spacing * (np.arange(size)[::-1] - (size - 1) / 2)], axis=1)


def _draw_connection(
    axes: "Axes", start: np.ndarray, end: np.ndarray, weight: float, largest: float, number: bool
) -> None:
    colour = _UNKNOWN if math.isnan(weight) else _NEGATIVE if weight < 0 else _POSITIVE
    width = 1.0 if math.isnan(weight) else 0.5 + 2.5 * abs(weight) / largest
    axes.plot(*np.stack([start, end], axis=1), color=colour, linewidth=width, alpha=0.75, zorder=1)
    if number:
        # Closer to the start, where the lines are apart but have not crossed yet.
        x, y = start + 0.32 * (end - start)
        box = {"facecolor": "white", "edgecolor": "none", "pad": 1.0}
        axes.text(x, y, f"× {_format(weight)}", color=colour, bbox=box, ha="center", va="center", zorder=2)


def _draw_node(axes: "Axes", position: np.ndarray, activation: Callable[[np.ndarray], Any] | None, bias: str) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.transforms import ScaledTranslation

    axes.scatter(*position, s=(144 * _RADIUS) ** 2, facecolor="white", edgecolor="black", linewidth=1.3, zorder=3)
    below: dict[str, Any] = {"xytext": (0, -144 * _RADIUS), "textcoords": "offset points"}
    axes.annotate(bias, tuple(position), **below, ha="center", va="center", zorder=4)
    if activation is not None:
        x = np.linspace(-4, 4, 81, dtype=np.float32)
        y = np.asarray(activation(x))
        inches = _RADIUS * 0.62 * np.stack([x / 4, 2 * (y - y.min()) / np.ptp(y) - 1])
        drawing: Any = axes.get_figure(root=True)
        # The curve has its size in inches, like the node, and its centre in data coordinates.
        transform = drawing.dpi_scale_trans + ScaledTranslation(position[0], position[1], cast(Any, axes.transData))
        axes.add_artist(Line2D(*inches, transform=transform, color=COLOURS[2], linewidth=2, zorder=4))


def _draw_names(axes: "Axes", column: np.ndarray, names: Sequence[str], side: int) -> None:
    """Writes the names on the left (side -1) or the right (side 1) of a column of nodes."""
    for position, name in zip(column, names, strict=True):
        style: dict[str, Any] = {"ha": "left" if side > 0 else "right", "va": "center", "fontweight": "bold"}
        axes.annotate(name, tuple(position), (side * 100 * _RADIUS, 0), textcoords="offset points", **style)


def _format(value: float) -> str:
    return "?" if math.isnan(value) else f"{value:.3g}".replace("-", "−")


def _format_signed(value: float) -> str:
    return "+ ?" if math.isnan(value) else f"{'+' if value >= 0 else '−'} {abs(value):.3g}"
