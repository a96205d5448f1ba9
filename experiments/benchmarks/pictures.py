"""Pictures: ratios to the peers, throughput against lanes, and cost against the size of network and data."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from experiments.benchmarks.harness import Result, Row
from experiments.benchmarks.machine import PRODUCTS
from experiments.benchmarks.scaling import Series
from experiments.common import save
from jaxnn import plots

PEERS_ONLY = ("iris_sweep", "digits_sweep", "mnist_cnn", "digits_cnn", "mlp", "iris_fit")


def draw(results: Sequence[Result], series: Sequence[Series]) -> list[Path]:
    """All for which there is something to show."""
    found = []
    shown = [result for result in results if result.name in PEERS_ONLY and _peers(result)]
    if shown:
        found.append(draw_ratios(shown))
    convolutions = [result for result in results if result.name.startswith("conv_") and _peers(result)]
    if convolutions:
        found.append(draw_convolutions(convolutions))
    if series:
        found += [draw_lanes(series[0]), draw_costs(series[1:])]
    return found


def _peers(result: Result) -> list[Row]:
    """The other tools' sides; the machine's limit is none."""
    return [row for row in result.rows[1:] if row.name != PRODUCTS]


def draw_ratios(results: Sequence[Result]) -> Path:
    """A panel for each case, a bar for each peer: how many times as long it takes."""
    columns = min(2, len(results))
    drawing, axes = plots.figure(-(-len(results) // columns), columns, size=(6.6, 3.6))
    for panel, result in zip(axes.ravel(), results, strict=False):
        _ratios(panel, result)
    for panel in axes.ravel()[len(results) :]:
        panel.set_visible(False)
    return save(drawing, "benchmarks", "ratios")


def _ratios(axes: Any, result: Result) -> None:
    peers = sorted(_peers(result), key=lambda row: -row.ratio[0])
    places, ratios = np.arange(len(peers)), np.array([row.ratio for row in peers])
    middle, low, high = ratios.T
    axes.barh(places, middle - 1, left=1, color=[plots.COLOURS[0 if ratio >= 1 else 4] for ratio in middle])
    axes.errorbar(middle, places, xerr=[middle - low, high - middle], fmt="none", ecolor=plots.COLOURS[7], capsize=2)
    for place, ratio, end in zip(places, middle, np.maximum(high, 1), strict=True):
        axes.annotate(f"{ratio:.3g}×", (end, place), (4, 0), textcoords="offset points", va="center", fontsize=9)
    axes.axvline(1, color=plots.COLOURS[7], linewidth=1)
    axes.set_yticks(places, [row.name for row in peers])
    axes.set_xscale("log")
    axes.set_xlim(min(0.5, low.min() / 1.5), max(20.0, high.max() * 4))
    times(axes.xaxis)
    axes.set(xlabel="time of the peer / time of jaxnn")
    axes.set_title(result.title.replace(": ", ":\n", 1), fontsize=10)


def draw_convolutions(results: Sequence[Result]) -> Path:
    """A group of bars for each shape, lanes and loop: XLA's convolution and PyTorch's."""
    drawing, [[axes]] = plots.figure(1, 1, size=(9.0, 1.2 + 0.42 * len(results)))
    names = list(dict.fromkeys(row.name for result in results for row in _peers(result)))
    places, thick = np.arange(len(results))[::-1], 0.8 / len(names)
    for i, name in enumerate(names):
        ratios = [next((row.ratio[0] for row in result.rows if row.name == name), np.nan) for result in results]
        axes.barh(places - (i - (len(names) - 1) / 2) * thick, np.array(ratios) - 1, thick, left=1, label=name,
                  color=plots.COLOURS[i])  # fmt: skip
    axes.axvline(1, color=plots.COLOURS[7], linewidth=1)
    axes.set_yticks(places, [result.title.removeprefix("conv alone: ") for result in results])
    axes.set(xscale="log", xlabel="time of the peer / time of jaxnn", ylim=(-0.7, len(results) - 0.3))
    axes.set_xlim(min(0.5, axes.get_xlim()[0]), max(20.0, axes.get_xlim()[1]))
    times(axes.xaxis)
    axes.grid(alpha=0.3, axis="x")
    axes.legend(frameon=False, loc="lower right")
    axes.set_title("Convolution alone, forward and both gradients")
    return save(drawing, "benchmarks", "convolutions")


def draw_lanes(series: Series) -> Path:
    """Trials a second, and memory a lane."""
    drawing, [[speed, memory]] = plots.figure(1, 2)
    lanes = np.array(series.sizes)
    speed.plot(lanes, lanes / np.array(series.seconds), color=plots.COLOURS[0], marker=plots.MARKERS[0])
    speed.set(xlabel="lanes", ylabel="trials a second", xscale="log", yscale="log")
    speed.set_title("Throughput of a sweep of iris networks")
    memory.plot(lanes, np.array(series.bytes) / lanes / 1024, color=plots.COLOURS[1], marker=plots.MARKERS[1])
    memory.set(xlabel="lanes", ylabel="memory a lane (KiB)", xscale="log", yscale="log")
    memory.set_title("All lanes side by side")
    for axes in (speed, memory):
        named(axes, lanes)
        axes.grid(alpha=0.3)
    return save(drawing, "benchmarks", "lanes")


def draw_costs(series: Sequence[Series]) -> Path:
    """Time against each size; the thin line grows in proportion."""
    columns = min(3, len(series))
    drawing, axes = plots.figure(-(-len(series) // columns), columns, size=(4.6, 3.6))
    for i, one in enumerate(series):
        panel = axes.ravel()[i]
        seconds, sizes = np.array(one.seconds), np.array(one.sizes)
        panel.plot(sizes, seconds, color=plots.COLOURS[0], marker=plots.MARKERS[0], label="measured")
        panel.plot(sizes, seconds[-1] * sizes / sizes[-1], color=plots.COLOURS[7], linewidth=0.8, linestyle=":",
                   label="in proportion")  # fmt: skip
        panel.set(xlabel=one.name, ylabel="run (s)", xscale="log", yscale="log")
        named(panel, sizes)
        panel.set_title(one.title, fontsize=10)
        panel.grid(alpha=0.3)
    for panel in axes.ravel()[len(series) :]:
        panel.axis("off")
    # In the last panel, which is often an empty one.
    axes.ravel()[-1].legend(*axes.ravel()[0].get_legend_handles_labels(), frameon=False, loc="upper left")
    return save(drawing, "benchmarks", "costs")


def times(axis: Any) -> None:
    """A logarithmic axis of ratios: 0.1×, 1×, 10× …"""
    plain(axis, "{x:g}×")


def plain(axis: Any, form: str) -> None:
    """Powers of ten on a logarithmic axis, in this form, and nothing between."""
    from matplotlib.ticker import NullFormatter, StrMethodFormatter

    axis.set_major_formatter(StrMethodFormatter(form))
    axis.set_minor_formatter(NullFormatter())


def named(axes: Any, sizes: np.ndarray) -> None:
    """The sizes themselves below a logarithmic axis, and at least a decade of the other."""
    axes.set_xticks(sizes, [f"{size:,}" for size in sizes], minor=False)
    axes.set_xticks([], minor=True)
    plain(axes.yaxis, "{x:g}")
    low, high = axes.get_ylim()
    wider = max(1.0, (10 / (high / low)) ** 0.5)
    axes.set_ylim(low / wider, high * wider)
