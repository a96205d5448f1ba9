"""A GPU: how many steps it trains in a second side by side, how long whole sweeps take, and convolutions alone.

The first table has the first and the second call of the same sweep in one process. The second has `jax.vmap` of
`nn.fit` and of plain JAX over 1 to 65,536 lanes. The third has a 3×3 convolution with both gradients. Every row is
printed and written to `runs/benchmarks/gpu.json` as soon as it is known. It takes a few minutes.
"""

import functools
import json
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

import jaxnn as nn
from experiments.benchmarks import machine, problems
from experiments.benchmarks.compiling import compile_program
from experiments.benchmarks.conv_alone import SHAPES, Shape, draw_arrays, jaxnn_conv, run_step
from experiments.benchmarks.peers import jaxnn_models, networks, plain_jax
from experiments.benchmarks.problems import HIGHEST, LOWEST, Problem
from experiments.benchmarks.report import format_seconds
from experiments.common import RUNS

BUDGET = 420.0  # seconds after which no further row is started
REPEATS = 5  # timed calls of a program, of which the median counts


class Row(NamedTuple):
    """One measurement.

    Attributes:
        table: "sweeps", "fits" or "convolutions".
        work: what is computed, and by what.
        lanes: the number side by side.
        startup: seconds to trace and compile; for a sweep, of the first call.
        seconds: of a call; for a sweep, of the second.
        rate: training steps in a second, or TFLOP/s of a convolution.
        detail: of a sweep, the number of its chunks and how busy its lanes are; of a row that failed, the error.
    """

    table: str
    work: str
    lanes: int
    startup: float = float("nan")
    seconds: float = float("nan")
    rate: float = float("nan")
    detail: str = ""


Measurement = tuple[str, str, int, Callable[[], Row]]


def measure(quick: bool) -> list[Row]:
    """Measures all rows, or tiny ones; prints each and writes all so far."""
    if not quick and jax.devices()[0].platform != "gpu":
        print(f"\ngpu: left out, JAX computes on {jax.devices()[0].platform}")
        return []
    started, rows = time.perf_counter(), []
    print(f"\ngpu: {jax.devices()[0].device_kind}\n  {'work':<44}{'lanes':>8}{'startup':>10}{'call':>10}{'rate':>11}")
    for table, work, lanes, run in list_measurements(quick):
        if time.perf_counter() - started > BUDGET:
            rows.append(Row(table, work, lanes, detail=f"left out after {BUDGET:.0f} s"))
        else:
            rows.append(_try(table, work, lanes, run))
        print(format_row(rows[-1]), flush=True)
        write_rows(rows)
    print(f"  rows: {write_rows(rows)}")
    return rows


def list_measurements(quick: bool) -> Iterator[Measurement]:
    """Yields table, work and lanes of every row, and the function that measures it."""
    for name, problem in _make_sweeps(quick):
        yield "sweeps", name, len(problem.rates), functools.partial(measure_sweep, name, problem)
    for name, problem, counts in _make_fits(quick):
        for lanes in counts:
            yield "fits", f"{name}: jaxnn", lanes, functools.partial(measure_fit, name, problem, lanes)
            yield "fits", f"{name}: plain vmap", lanes, functools.partial(measure_plain, name, problem, lanes)
    for shape in (Shape(2, 4, 2, 3),) if quick else SHAPES:
        for lanes in (1, 16):
            for tool, convolve in (("jaxnn", jaxnn_conv), ("lax.conv", networks.convolve)):
                work = f"conv {shape.images}×{shape.size}×{shape.size}×{shape.inputs}→{shape.outputs}: {tool}"
                yield "convolutions", work, lanes, functools.partial(measure_conv, work, convolve, shape, lanes)


def _make_fits(quick: bool) -> list[tuple[str, Problem, tuple[int, ...]]]:
    if quick:
        table = problems.random_table(steps=1, sizes=(4, 3), batch=8)
        return [("iris", problems.iris(epochs=2), (1,)), ("MLP 4-3", table, (2,))]
    return [
        ("iris 4-16-3", problems.iris(epochs=500), (1, 1024, 4096, 8192, 65536)),
        ("digits CNN 8, 16", problems.digits(epochs=4), (1, 16, 256, 1024)),
        ("28×28 CNN 32, 64", problems.random_images(steps=20), (1, 4, 16, 32, 128)),
        ("MLP 784-256-10", problems.random_table(steps=50), (1, 64, 512)),
    ]


def _make_sweeps(quick: bool) -> list[tuple[str, Problem]]:
    iris, digits, images = problems.iris, problems.digits, problems.random_images
    if quick:
        return [("iris × 4", _with_trials(iris(epochs=4), 6))]
    return [
        ("iris × 500", _with_trials(iris(epochs=500), 1024)),
        ("iris × 500", _with_trials(iris(epochs=500), 16384)),
        ("28×28 CNN × 20", _with_trials(images(steps=20, epochs=20), 64)),
        ("digits CNN × 20", _with_trials(digits(epochs=20), 4096)),
        ("iris × 500", _with_trials(iris(epochs=500), 65536)),
    ]


def _with_trials(problem: Problem, trials: int) -> Problem:
    """Returns a sweep; `nn.sweep` draws the minibatches itself, so that only those of one trial are there."""
    rates = LOWEST * (HIGHEST / LOWEST) ** ((np.arange(trials) + 0.5) / trials)
    return problem._replace(rates=rates.astype(np.float32), single=False)


def measure_fit(name: str, problem: Problem, lanes: int) -> Row:
    """Measures `jax.vmap` of `nn.fit`, or `nn.fit` alone."""
    keys = np.asarray(jax.random.key_data(jax.random.split(jax.random.key(0), lanes)))
    train = jaxnn_models.make_training(problem)
    return _measure_training(f"{name}: jaxnn", train, (problem.data, problem.test), keys, problem, lanes)


def measure_plain(name: str, problem: Problem, lanes: int) -> Row:
    """Measures `jax.vmap` of plain JAX, with the batch first and `lax.conv`; each lane has its own minibatches."""

    def train(data: Any, test: Any, rate: Any, rows: Any) -> Any:
        rows = None if problem.rows is None else rows
        return plain_jax.fit(networks.network, problem.steps, data, test, problem.layers, rate, rows)

    rows = np.zeros(lanes, np.int32)
    if problem.rows is not None:
        rows = np.random.default_rng(0).integers(0, len(problem.data[1]), (lanes, *problem.rows.shape[1:]), np.int32)
    return _measure_training(f"{name}: plain vmap", train, (problem.data, problem.test), rows, problem, lanes)


def _measure_training(work: str, train: Any, shared: Any, own: np.ndarray, problem: Problem, lanes: int) -> Row:
    rates = np.full(lanes, 1e-3, np.float32)
    if lanes == 1:
        rates, own = rates[0], own[0]
    mapped = train if lanes == 1 else jax.vmap(train, (None, None, 0, 0))
    startup, seconds = _time_program(mapped, *shared, rates, own)
    return Row("fits", work, lanes, startup, seconds, lanes * problem.steps / seconds)


def measure_sweep(name: str, problem: Problem) -> Row:
    """Measures two calls of a sweep that evaluates each trial once, at its end."""

    def run() -> tuple[float, nn.SweepResult]:
        started = time.perf_counter()
        result = jaxnn_models.run_sweep(problem, evaluate_at="rungs")
        return time.perf_counter() - started, result

    (first, _), (second, result), trials = run(), run(), len(problem.rates)
    [count] = result.plan.lane_counts.values()
    chunk = f"{len(result.chunks)} chunks, {count.width} lanes, {count.tile} at a time, {result.occupancy:.0%} busy"
    return Row("sweeps", name, trials, first, second, trials * problem.steps / second, chunk)


def measure_conv(work: str, convolve: Any, shape: Shape, lanes: int) -> Row:
    """Measures a convolution with both gradients."""
    arrays = draw_arrays(shape, lanes, shape.images)
    step = functools.partial(run_step, convolve)
    if lanes == 1:
        arrays = arrays[0][0], arrays[1][0]
    startup, seconds = _time_program(step if lanes == 1 else jax.vmap(step), *arrays)
    flop = 3 * 2 * shape.images * shape.size**2 * 9 * shape.inputs * shape.outputs * lanes
    return Row("convolutions", work, lanes, startup, seconds, flop / seconds / 1e12)


def _time_program(function: Callable[..., Any], *arguments: Any) -> tuple[float, float]:
    """Returns the seconds to compile, and of a call: the median of several groups of calls of 0.1 s together."""
    arguments = jax.device_put(arguments)
    program, startup = compile_program(function, *arguments)

    def time_calls(count: int) -> float:
        started = time.perf_counter()
        jax.block_until_ready([program(*arguments) for _ in range(count)][-1])
        return (time.perf_counter() - started) / count

    time_calls(1)
    calls = min(max(int(0.1 / time_calls(1)), 1), 20)
    return sum(startup.values()), statistics.median(time_calls(calls) for _ in range(REPEATS))


def _try(table: str, work: str, lanes: int, run: Callable[[], Row]) -> Row:
    """Returns the row, or one with the error, which must not end the run."""
    try:
        return run()
    except jax.errors.JaxRuntimeError as error:
        return Row(table, work, lanes, detail=f"failed: {str(error).splitlines()[0][:100]}")


def format_row(row: Row) -> str:
    """Returns a row as one line."""
    rate = f"{row.rate:,.1f} T" if row.table == "convolutions" else f"{row.rate / 1e3:,.1f} k/s"
    numbers = f"{format_seconds(row.startup):>10}{format_seconds(row.seconds):>10}{rate:>13}"
    return f"  {row.work:<44}{row.lanes:>8,}{numbers if row.seconds > 0 else ''}  {row.detail}"


def write_rows(rows: list[Row]) -> Path:
    """Writes the machine, the versions and all rows so far to `runs/benchmarks/gpu.json`."""
    path = RUNS / "benchmarks" / "gpu.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    everything = {
        "machine": machine.describe_machine(),
        "versions": machine.list_versions(),
        "rows": [row._asdict() for row in rows],
    }
    path.write_text(json.dumps(everything, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return path
