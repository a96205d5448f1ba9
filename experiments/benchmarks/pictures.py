"""Pictures: ratios to the peers, throughput against lanes, and time against the size of network and data."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from experiments.benchmarks.harness import Result, Row
from experiments.benchmarks.machine import PRODUCTS
from experiments.benchmarks.scaling import Series
from experiments.common import save
from jaxnn import plots

# The cases in the picture of ratios.
RATIOS = ("iris_sweep", "digits_sweep", "mnist_cnn", "digits_cnn", "mlp", "iris_fit")


def draw(results: Sequence[Result], series: Sequence[Series]) -> list[Path]:
    """Draws all pictures for which there are measurements and returns their paths."""
    pictures = []
    ratios = [result for result in results if result.name in RATIOS and _select_peers(result)]
    if ratios:
        pictures.append(draw_ratios(ratios))
    convolutions = [result for result in results if result.name.startswith("conv_") and _select_peers(result)]
    if convolutions:
        pictures.append(draw_convolutions(convolutions))
    if series:
        pictures += [draw_lanes(series[0]), draw_costs(series[1:])]
    return pictures


def _select_peers(result: Result) -> list[Row]:
    """Returns the rows of the other tools, without that of the machine's peak rate."""
    return [row for row in result.rows[1:] if row.name != PRODUCTS]


def draw_ratios(results: Sequence[Result]) -> Path:
    """Draws a panel per case with a bar per peer: its time divided by jaxnn's."""
    columns = min(2, len(results))
    drawing, axes = plots.figure(-(-len(results) // columns), columns, size=(6.6, 3.6))
    for panel, result in zip(axes.ravel(), results, strict=False):
        _draw_ratios(panel, result)
    for panel in axes.ravel()[len(results) :]:
        panel.set_visible(False)
    return save(drawing, "benchmarks", "ratios")


def _draw_ratios(axes: Any, result: Result) -> None:
    peers = sorted(_select_peers(result), key=lambda row: -row.ratio[0])
    y, ratios = np.arange(len(peers)), np.array([row.ratio for row in peers])
    median, low, high = ratios.T
    axes.barh(y, median - 1, left=1, color=[plots.COLOURS[0 if ratio >= 1 else 4] for ratio in median])
    axes.errorbar(median, y, xerr=[median - low, high - median], fmt="none", ecolor=plots.COLOURS[7], capsize=2)
    for position, ratio, end in zip(y, median, np.maximum(high, 1), strict=True):
        axes.annotate(f"{ratio:.3g}×", (end, position), (4, 0), textcoords="offset points", va="center", fontsize=9)
    axes.axvline(1, color=plots.COLOURS[7], linewidth=1)
    axes.set_yticks(y, [row.name for row in peers])
    axes.set_xscale("log")
    axes.set_xlim(min(0.5, low.min() / 1.5), max(20.0, high.max() * 4))
    format_ratios(axes.xaxis)
    axes.set(xlabel="time of the peer / time of jaxnn")
    axes.set_title(result.title.replace(": ", ":\n", 1), fontsize=10)


def draw_convolutions(results: Sequence[Result]) -> Path:
    """Draws a group of bars per case: the ratios of XLA's convolution and of PyTorch's."""
    drawing, [[axes]] = plots.figure(1, 1, size=(9.0, 1.2 + 0.42 * len(results)))
    names = list(dict.fromkeys(row.name for result in results for row in _select_peers(result)))
    y, height = np.arange(len(results))[::-1], 0.8 / len(names)
    for i, name in enumerate(names):
        ratios = [next((row.ratio[0] for row in result.rows if row.name == name), np.nan) for result in results]
        offset = (i - (len(names) - 1) / 2) * height
        axes.barh(y - offset, np.array(ratios) - 1, height, left=1, label=name, color=plots.COLOURS[i])
    axes.axvline(1, color=plots.COLOURS[7], linewidth=1)
    axes.set_yticks(y, [result.title.removeprefix("conv alone: ") for result in results])
    axes.set(xscale="log", xlabel="time of the peer / time of jaxnn", ylim=(-0.7, len(results) - 0.3))
    axes.set_xlim(min(0.5, axes.get_xlim()[0]), max(20.0, axes.get_xlim()[1]))
    format_ratios(axes.xaxis)
    axes.grid(alpha=0.3, axis="x")
    axes.legend(frameon=False, loc="lower right")
    axes.set_title("Convolution alone, forward and both gradients")
    return save(drawing, "benchmarks", "convolutions")


def draw_lanes(series: Series) -> Path:
    """Draws trials per second and memory per lane against the number of lanes."""
    drawing, [[speed, memory]] = plots.figure(1, 2)
    lanes = np.array(series.sizes)
    speed.plot(lanes, lanes / np.array(series.seconds), color=plots.COLOURS[0], marker=plots.MARKERS[0])
    speed.set(xlabel="lanes", ylabel="trials per second", xscale="log", yscale="log")
    speed.set_title("Throughput of a sweep of iris networks")
    memory.plot(lanes, np.array(series.bytes) / lanes / 1024, color=plots.COLOURS[1], marker=plots.MARKERS[1])
    memory.set(xlabel="lanes", ylabel="memory per lane (KiB)", xscale="log", yscale="log")
    memory.set_title("All lanes at once")
    for axes in (speed, memory):
        format_sizes(axes, lanes)
        axes.grid(alpha=0.3)
    return save(drawing, "benchmarks", "lanes")


def draw_costs(series: Sequence[Series]) -> Path:
    """Draws time against size for each series, with a dotted line of proportional growth."""
    columns = min(3, len(series))
    drawing, axes = plots.figure(-(-len(series) // columns), columns, size=(4.6, 3.6))
    for i, one in enumerate(series):
        panel = axes.ravel()[i]
        seconds, sizes = np.array(one.seconds), np.array(one.sizes)
        panel.plot(sizes, seconds, color=plots.COLOURS[0], marker=plots.MARKERS[0], label="measured")
        panel.plot(sizes, seconds[-1] * sizes / sizes[-1], color=plots.COLOURS[7], linewidth=0.8, linestyle=":",
                   label="in proportion")  # fmt: skip
        panel.set(xlabel=one.name, ylabel="run (s)", xscale="log", yscale="log")
        format_sizes(panel, sizes)
        panel.set_title(one.title, fontsize=10)
        panel.grid(alpha=0.3)
    for panel in axes.ravel()[len(series) :]:
        panel.axis("off")
    # The last panel is often empty.
    axes.ravel()[-1].legend(*axes.ravel()[0].get_legend_handles_labels(), frameon=False, loc="upper left")
    return save(drawing, "benchmarks", "costs")


def format_ratios(axis: Any) -> None:
    """Labels a logarithmic axis with 0.1×, 1×, 10× …"""
    format_powers(axis, "{x:g}×")


def format_powers(axis: Any, template: str) -> None:
    """Labels only the powers of ten of a logarithmic axis."""
    from matplotlib.ticker import NullFormatter, StrMethodFormatter

    axis.set_major_formatter(StrMethodFormatter(template))
    axis.set_minor_formatter(NullFormatter())


def format_sizes(axes: Any, sizes: np.ndarray) -> None:
    """Labels the horizontal axis with the sizes, and extends the vertical one to at least a decade."""
    axes.set_xticks(sizes, [f"{size:,}" for size in sizes], minor=False)
    axes.set_xticks([], minor=True)
    format_powers(axes.yaxis, "{x:g}")
    low, high = axes.get_ylim()
    margin = max(1.0, (10 / (high / low)) ** 0.5)
    axes.set_ylim(low / margin, high * margin)
