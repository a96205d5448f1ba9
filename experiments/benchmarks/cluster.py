"""Sweeps in blocks: one process beside one and two workers, and what a trial costs in sweeps of very many trials.

Every sweep runs in a process of its own, with an empty compilation cache ("cold") or that of the run before. The driver
is timed beside its workers: its own processor time for a block, also as a share of the time that workers spent on it.
So are its processor time after the last block (tables and page), and its peak memory. Workers share the cores of this
computer, so that two of them are no faster than one process with two devices; the table shows what the division costs.
"""

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any, NamedTuple

import jax
import optax

import jaxnn as nn
from experiments.benchmarks.report import format_seconds
from experiments.common import RUNS


class Row(NamedTuple):
    """One sweep.

    Attributes:
        work: who ran it.
        trials: their number.
        seconds: of the sweep, with the start of workers and compilation.
        driver: the driver's processor seconds for a block, between the first and the last.
        share: these as a share of the seconds that a worker took for a block.
        end: the driver's processor seconds after the last block.
        memory: the driver's peak, in bytes.
        directory: the bytes of its directory.
    """

    work: str
    trials: int
    seconds: float
    driver: float
    share: float
    end: float
    memory: int
    directory: int


def measure(quick: bool) -> list[Row]:
    """Measures and prints all rows, and writes them to `runs/benchmarks/cluster.json`."""
    trials = 64 if quick else 4096
    names = "trials", "sweep", "a trial", "a block", "share", "end", "peak", "disk"
    titles = "".join(f"{title:>10}" for title in names)
    print(f"\ncluster\n  {'work':<24}{titles}")
    rows = []
    for workers in (0, 1, 2):
        with tempfile.TemporaryDirectory() as cache:
            for state in ("cold", "cached"):
                work = f"{workers or 'no'} worker{'' if workers == 1 else 's'}, {state}"
                rows.append(run(work, workers, trials, trials // 4, cache))
    counts = (64, 256) if quick else (1000, 10_000, 100_000)
    with tempfile.TemporaryDirectory() as cache:
        growing = [run("2 workers", 2, count, counts[0] // 4, cache) for count in counts]
    if not quick:  # so few trials tell nothing
        _print_growth(growing[0], growing[-1])
    rows += growing
    RUNS.joinpath("benchmarks").mkdir(parents=True, exist_ok=True)
    (RUNS / "benchmarks" / "cluster.json").write_text(json.dumps([row._asdict() for row in rows], indent=1))
    return rows


def _print_growth(few: Row, many: Row) -> None:
    """Prints what each trial more costs, and what a block costs the driver at both ends."""
    more = many.trials - few.trials
    memory, files = ((large - small) / more for small, large in (
        (few.memory, many.memory), (few.directory, many.directory)
    ))  # fmt: skip
    seconds = format_seconds((many.seconds - few.seconds) / more)
    blocks = (format_seconds(row.driver) for row in (few, many))
    print(
        f"  each trial from {few.trials:,} to {many.trials:,}: {seconds}, {memory:,.0f} bytes of the driver's memory, "
        f"{files:,.0f} bytes of files; a block costs the driver {' and '.join(blocks)}"
    )


def run(work: str, workers: int, trials: int, block: int, cache: str) -> Row:
    """Runs a sweep in a process of its own, and prints its row."""
    environment = os.environ | {"JAX_COMPILATION_CACHE_DIR": cache, "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0"}
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "experiments.benchmarks.cluster", *map(str, (workers, trials, block)), folder]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    row = Row(work, trials, **json.loads(done.stdout.splitlines()[-1]))
    beside = (format_seconds(row.driver), f"{row.share:.1%}") if row.driver == row.driver else ("–", "–")
    sizes = (f"{size / 2**20:.1f} MB" for size in (row.memory, row.directory))
    numbers = format_seconds(row.seconds), format_seconds(row.seconds / trials), *beside, format_seconds(row.end)
    print(f"  {work:<24}{''.join(f'{cell:>10}' for cell in (trials, *numbers, *sizes))}", flush=True)
    return row


def make_recipe(hypers: dict[str, Any]) -> nn.Recipe:
    """Returns the recipe of a network for iris."""
    return nn.Recipe(nn.mlp([4, 16, 3]), nn.cross_entropy, optax.adam(hypers["learning_rate"]))


def time_sweep(workers: int, trials: int, block: int, folder: Path) -> dict[str, Any]:
    """Times a sweep of iris networks under ASHA."""
    flowers = nn.datasets.iris()
    split = nn.train_test_split(jax.random.key(1), flowers.data, test=0.3, stratify=flowers.targets)
    started = time.perf_counter()
    watch = _Watch(folder / "run", -(-trials // block))
    watch.start()
    result = nn.sweep(
        make_recipe, {"learning_rate": nn.log_uniform(1e-4, 1.0)}, split.train, key=jax.random.key(0), trials=trials,
        epochs=500, validation=split.test, score=nn.accuracy, scheduler=nn.asha(), block=block,
        directory=folder / "run", executor=nn.executors.processes(workers) if workers else None, progress=False,
    )  # fmt: skip
    seconds, ended = time.perf_counter() - started, time.process_time()
    watch.join()
    driver = watch.seconds_of_block() if workers else float("nan")
    spent = sum(chunk.seconds for chunk in result.chunks) * block / trials
    return {
        "seconds": seconds,
        "driver": driver,
        "share": driver / spent,
        "end": max(ended - watch.last, 0.0),
        "memory": measure_peak(),
        "directory": sum(file.stat().st_size for file in (folder / "run").iterdir()),
    }


def measure_peak() -> int:
    """Returns the most bytes of memory that this process has had."""
    status = Path("/proc/self/status")
    if status.exists():  # `ru_maxrss` may be that of the process that started this one
        [peak] = [line for line in status.read_text().splitlines() if line.startswith("VmHWM:")]
        return int(peak.split()[1]) * 1024
    import resource  # not on Windows

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


class _Watch(threading.Thread):
    """Notes the processor time of this process at the first and at the last of the blocks that it sees."""

    def __init__(self, folder: Path, blocks: int) -> None:
        super().__init__(daemon=True)
        self._folder, self._blocks = folder, blocks
        self._seen: list[tuple[int, float]] = []

    def run(self) -> None:
        done = 0
        while done < self._blocks:
            time.sleep(0.2)
            done = len(list(self._folder.glob("block-*")))
            if done and (not self._seen or done > self._seen[-1][0]):
                self._seen.append((done, time.process_time()))

    @property
    def last(self) -> float:
        """The processor time at the last block."""
        return self._seen[-1][1]

    def seconds_of_block(self) -> float:
        """Returns the processor seconds for a block between the two; NaN if all came at once."""
        (first, start), (last, end) = self._seen[0], self._seen[-1]
        return (end - start) / (last - first) if last > first else float("nan")


if __name__ == "__main__":
    nn.use_all_cores()
    workers, trials, block, folder = sys.argv[1:]
    print(json.dumps(time_sweep(int(workers), int(trials), int(block), Path(folder))))
