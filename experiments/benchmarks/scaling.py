"""Scaling: how time grows with lanes, trials, width, depth, the size of images and the number of examples.

A slope is that of log time against log size between two sizes: 0 is constant time, 1 is proportional. The knee is the
size from which on the slope is above one half; below it, overhead dominates.
"""

import math
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
import optax

import jaxnn as nn
from experiments.benchmarks import problems
from experiments.benchmarks.peers import jaxnn_models
from experiments.benchmarks.problems import Problem

REPEATS = 5  # timed runs per size, of which the median counts


class Series(NamedTuple):
    """The seconds of a run for every size.

    Attributes:
        name: the quantity that grows, with its unit.
        title: what is run.
        sizes: ascending.
        seconds: of "run" for each size.
        bytes: peak memory for each size; empty if not measured.
    """

    name: str
    title: str
    sizes: tuple[int, ...]
    seconds: tuple[float, ...]
    bytes: tuple[int, ...] = ()

    @property
    def slopes(self) -> list[float]:
        """Slopes between consecutive sizes, on logarithmic axes."""
        return (np.diff(np.log(self.seconds)) / np.diff(np.log(self.sizes))).tolist()

    @property
    def knee(self) -> int | None:
        """The size from which on the slope stays above one half, or None."""
        steep = [slope > 0.5 for slope in self.slopes]
        last_flat = max((i for i, one in enumerate(steep) if not one), default=-1)
        return None if last_flat == len(steep) - 1 else self.sizes[last_flat + 1]


def measure(quick: bool) -> list[Series]:
    """Measures all series, or two small ones in a quick run."""
    if quick:
        return [measure_lanes((2, 4), 5), measure_widths((4, 8))]
    return [
        measure_lanes((1, 2, 4, 16, 64, 256, 1024, 4096), 200),
        measure_trials((16, 64, 256, 1024, 4096), 200),
        measure_widths((4, 16, 64, 256, 1024)),
        measure_fits("hidden layers of 32", "an MLP on 120 flowers, 100 steps", (1, 2, 4, 8, 16),
                     lambda depth: make_flowers([4, *[32] * depth, 3])),
        measure_fits("pixels of an image", "a CNN (8, 16), 10 steps of 64", (16, 64, 256, 1024, 4096), make_images),
        measure_fits("examples", "4-16-3, all rows at once, 100 steps", (30, 120, 480, 1920, 7680, 30720),
                     lambda count: make_flowers([4, 16, 3], count)),
    ]  # fmt: skip


def measure_widths(sizes: Sequence[int]) -> Series:
    """Times fits with hidden layers of increasing width."""
    title = "an MLP on 120 flowers, 100 steps"
    return measure_fits("width of the hidden layer", title, sizes, lambda size: make_flowers([4, size, 3]))


def measure_lanes(lanes: Sequence[int], epochs: int) -> Series:
    """Times sweeps with one trial per lane, spread evenly over the devices; the memory is that of all lanes at once."""
    lanes = [count for count in lanes if count % len(jax.devices()) == 0]
    sweeps = [problems.iris(epochs=epochs, trials=count) for count in lanes]
    seconds = [jaxnn_models.sweep(problem, lanes=count)[0]["run"] for count, problem in zip(lanes, sweeps, strict=True)]
    sizes = tuple(plan_memory(problem) for problem in sweeps)
    title = f"a sweep of iris networks, {epochs} epochs, one trial per lane"
    return Series("lanes", title, tuple(lanes), tuple(seconds), sizes)


def measure_trials(trials: Sequence[int], epochs: int) -> Series:
    """Times sweeps of increasing numbers of trials, with the default number of lanes."""
    seconds = [jaxnn_models.sweep(problems.iris(epochs=epochs, trials=count))[0]["run"] for count in trials]
    title = f"a sweep of iris networks, {epochs} epochs, default lanes"
    return Series("trials", title, tuple(trials), tuple(seconds))


def plan_memory(problem: Problem) -> int:
    """Returns the bytes that XLA plans for `jax.vmap` of the whole fit: arguments, results and temporary arrays."""
    model = jaxnn_models.make_model(problem)

    def train(rate: Any, key: Any) -> Any:
        recipe = nn.Recipe(model, nn.cross_entropy, optax.adam(rate))
        return nn.fit(recipe, problem.data, key=key, epochs=problem.epochs).params

    keys = jax.random.split(jax.random.key(0), len(problem.rates))
    plan = jax.jit(jax.vmap(train)).lower(problem.rates, keys).compile().memory_analysis()
    if plan is None:
        return 0
    return plan.argument_size_in_bytes + plan.output_size_in_bytes + plan.temp_size_in_bytes


def make_flowers(sizes: list[int], count: int = 120) -> Problem:
    """Makes a problem of `count` rows of iris, repeated if necessary, for a network of these sizes."""
    problem = problems.iris(epochs=100)
    rows = np.arange(count) % len(problem.data[1])
    return problem._replace(data=(problem.data[0][rows], problem.data[1][rows]), layers=problems.draw_layers(sizes))


def make_images(pixels: int) -> Problem:
    """Makes a problem of square images with this number of pixels."""
    return problems.random_images(steps=10, size=math.isqrt(pixels), channels=(8, 16), hidden=32)


def measure_fits(name: str, title: str, sizes: Sequence[int], make_problem: Callable[[int], Problem]) -> Series:
    """Times several runs of `nn.fit` for every size and takes the median."""
    seconds = []
    for size in sizes:
        run, _ = jaxnn_models.compile_fit(make_problem(size))
        run()
        seconds.append(float(np.median([_time(run) for _ in range(REPEATS)])))
    return Series(name, title, tuple(sizes), tuple(seconds))


def _time(run: Callable[[], Any]) -> float:
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def format_table(series: Series) -> str:
    """Returns a table of sizes, seconds and slopes, and the knee, as text."""
    lines = [
        f"\nscaling: {series.title}",
        f"  {series.name:<28}{'run':>10}{'slope':>8}" + f"{'per lane':>12}" * bool(series.bytes),
    ]
    slopes = ["", *(f"{slope:.2f}" for slope in series.slopes)]
    for i, (size, seconds, slope) in enumerate(zip(series.sizes, series.seconds, slopes, strict=True)):
        memory = f"{series.bytes[i] / size / 1024:>8.1f} KiB" if series.bytes else ""
        lines.append(f"  {size:<28,}{seconds * 1e3:>7.4g} ms{slope:>8}{memory}")
    overall = np.log(series.seconds[-1] / series.seconds[0]) / np.log(series.sizes[-1] / series.sizes[0])
    knee = "never" if series.knee is None else f"from {series.knee:,}"
    return "\n".join([*lines, f"  slope over all {overall:.2f}; steeper than one half: {knee}"])
