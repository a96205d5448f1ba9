"""Scaling: how time grows with lanes, trials, width, depth, the size of images and the number of examples.

A slope is that of the logarithms between two neighbours: 0 costs nothing more, 1 grows in proportion. The bend is
where it passes one half: below it the machine waits for something else than the work.
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
from experiments.benchmarks.peers import ours
from experiments.benchmarks.problems import Problem

REPEATS = 5


class Series(NamedTuple):
    """Seconds of the run for every size.

    Attributes:
        name: what grows, with its unit.
        title: of what.
        sizes, seconds: ascending.
        bytes: of memory at a time, where it was asked for.
    """

    name: str
    title: str
    sizes: tuple[int, ...]
    seconds: tuple[float, ...]
    bytes: tuple[int, ...] = ()

    @property
    def slopes(self) -> list[float]:
        """Between neighbours, on logarithmic axes."""
        return (np.diff(np.log(self.seconds)) / np.diff(np.log(self.sizes))).tolist()

    @property
    def bend(self) -> int | None:
        """The size from which on the slope stays above one half; None where it never does."""
        steep = [slope > 0.5 for slope in self.slopes]
        flat = max((i for i, one in enumerate(steep) if not one), default=-1)
        return None if flat == len(steep) - 1 else self.sizes[flat + 1]


def measure(quick: bool) -> list[Series]:
    """All series, or two small ones if it must be quick."""
    if quick:
        return [lanes_series((2, 4), 5), widths((4, 8))]
    return [
        lanes_series((1, 2, 4, 16, 64, 256, 1024, 4096), 200),
        trials_series((16, 64, 256, 1024, 4096), 200),
        widths((4, 16, 64, 256, 1024)),
        fits("hidden layers of 32", "an MLP on 120 flowers, 100 steps", (1, 2, 4, 8, 16),
             lambda depth: flowers([4, *[32] * depth, 3])),
        fits("pixels of an image", "a CNN (8, 16), 10 steps of 64", (16, 64, 256, 1024, 4096),
             lambda count: problems.random_images(steps=10, size=math.isqrt(count), channels=(8, 16), hidden=32)),
        fits("examples", "4-16-3, all rows at once, 100 steps", (30, 120, 480, 1920, 7680, 30720),
             lambda count: flowers([4, 16, 3], count)),
    ]  # fmt: skip


def widths(sizes: Sequence[int]) -> Series:
    """Wider and wider hidden layers."""
    title = "an MLP on 120 flowers, 100 steps"
    return fits("width of the hidden layer", title, sizes, lambda size: flowers([4, size, 3]))


def lanes_series(lanes: Sequence[int], epochs: int) -> Series:
    """As many trials as lanes, the same on every device; the memory is that of all lanes side by side."""
    lanes = [count for count in lanes if count % len(jax.devices()) == 0]
    all_ = [problems.iris(epochs=epochs, trials=count) for count in lanes]
    seconds = [ours.sweep(problem, lanes=count)[0]["run"] for count, problem in zip(lanes, all_, strict=True)]
    sizes = tuple(memory(problem) for problem in all_)
    return Series(
        "lanes", f"a sweep of iris networks, {epochs} epochs, a trial a lane", tuple(lanes), tuple(seconds), sizes
    )


def trials_series(trials: Sequence[int], epochs: int) -> Series:
    """More and more trials through the lanes that a sweep chooses itself."""
    seconds = [ours.sweep(problems.iris(epochs=epochs, trials=count))[0]["run"] for count in trials]
    return Series("trials", f"a sweep of iris networks, {epochs} epochs, lanes chosen", tuple(trials), tuple(seconds))


def memory(problem: Problem) -> int:
    """Bytes that XLA plans for `jax.vmap` of the whole fit: arguments, results and everything between."""
    model = ours.model_of(problem)

    def train(rate: Any, key: Any) -> Any:
        recipe = nn.Recipe(model, nn.cross_entropy, optax.adam(rate))
        return nn.fit(recipe, problem.data, key=key, epochs=problem.epochs).params

    keys = jax.random.split(jax.random.key(0), len(problem.rates))
    plan = jax.jit(jax.vmap(train)).lower(problem.rates, keys).compile().memory_analysis()
    if plan is None:
        return 0
    return plan.argument_size_in_bytes + plan.output_size_in_bytes + plan.temp_size_in_bytes


def flowers(sizes: list[int], count: int = 120) -> Problem:
    """Iris, repeated or cut to so many rows, for a network of these sizes."""
    problem = problems.iris(epochs=100)
    rows = np.arange(count) % len(problem.data[1])
    return problem._replace(data=(problem.data[0][rows], problem.data[1][rows]), layers=problems.draw(sizes))


def fits(name: str, title: str, sizes: Sequence[int], problem_of: Callable[[int], Problem]) -> Series:
    """The median of several runs of `nn.fit`, for every size."""
    seconds = []
    for size in sizes:
        run, _ = ours.fit(problem_of(size))
        run()
        seconds.append(float(np.median([_seconds(run) for _ in range(REPEATS)])))
    return Series(name, title, tuple(sizes), tuple(seconds))


def _seconds(run: Callable[[], Any]) -> float:
    begun = time.perf_counter()
    run()
    return time.perf_counter() - begun


def table(series: Series) -> str:
    """Sizes, seconds and slopes, and where it bends."""
    lines = [
        f"\nscaling: {series.title}",
        f"  {series.name:<28}{'run':>10}{'slope':>8}" + f"{'a lane':>12}" * bool(series.bytes),
    ]
    slopes = ["", *(f"{slope:.2f}" for slope in series.slopes)]
    for i, (size, seconds, slope) in enumerate(zip(series.sizes, series.seconds, slopes, strict=True)):
        each = f"{series.bytes[i] / size / 1024:>8.1f} KiB" if series.bytes else ""
        lines.append(f"  {size:<28,}{seconds * 1e3:>7.4g} ms{slope:>8}{each}")
    whole = np.log(series.seconds[-1] / series.seconds[0]) / np.log(series.sizes[-1] / series.sizes[0])
    bend = "never" if series.bend is None else f"from {series.bend:,}"
    return "\n".join([*lines, f"  slope over all {whole:.2f}; steeper than one half: {bend}"])
