"""Benchmarks: jaxnn beside other tools. `python -m experiments.benchmarks`.

Every case has several sides that do the same work. Before they are timed their losses are compared; then they take
turns. The table, the pictures and `runs/benchmarks/results.json` say what came of it.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import jaxnn as nn
from experiments.benchmarks import (
    cold_start,
    conv_alone,
    digits_sweep,
    iris_sweep,
    lane_counts,
    machine,
    one_network,
    pictures,
    report,
    scaling,
    targets,
    workers,
)
from experiments.benchmarks.harness import Case, Result, measure
from experiments.common import command, say_where

CASES: dict[str, Callable[[bool], list[Case]]] = {
    "iris_sweep": iris_sweep.cases,
    "digits_sweep": digits_sweep.cases,
    "lane_counts": lane_counts.cases,
    "one_network": one_network.cases,
    "conv_alone": conv_alone.cases,
    "cold_start": cold_start.cases,
}


@dataclass(frozen=True)
class Config:
    """Time jaxnn beside PyTorch, scikit-learn, Optuna, Flax, Equinox and plain JAX, as far as they are installed."""

    only: tuple[str, ...] = ()
    """Of iris_sweep, digits_sweep, lane_counts, one_network, conv_alone, cold_start, scaling; all by default."""
    quick: bool = False
    """Tiny sizes and one round: whether all runs, not how fast."""
    rounds: int = 5
    """Turns that every side takes."""


def main(config: Config) -> list[Result]:
    """Run the cases, print their tables and the targets, write the results and draw the pictures."""
    unknown = set(config.only) - {*CASES, "scaling"}
    if unknown:
        raise SystemExit(f"--only: no case {', '.join(sorted(unknown))}; there are {', '.join([*CASES, 'scaling'])}")
    started = time.perf_counter()
    about, versions, limits = machine.describe(), machine.versions(), machine.limits(config.quick)
    print(report.headline(about, versions, limits))
    results: list[Result] = []
    series: list[scaling.Series] = []

    def write() -> Path:
        """What has been measured so far: a long run that breaks keeps it."""
        return report.write(results, series, targets.judge(results), about, versions, limits)

    for result in run_cases(config, limits):
        results.append(result)
        write()
    series += scaling.measure(config.quick) if wanted(config, "scaling") else []
    print(*map(scaling.table, series), sep="\n")

    print(report.verdicts(targets.judge(results)))
    print(f"the benchmarks took {time.perf_counter() - started:.0f} s")
    print(f"results: {write()}")
    say_where(pictures.draw(results, series))
    if not all(result.agrees for result in results):
        raise SystemExit(f"losses disagree: {', '.join(result.name for result in results if not result.agrees)}")
    return results


def run_cases(config: Config, limits: machine.Limits) -> Iterator[Result]:
    """The chosen cases, one after the other, each with its table as soon as it is done."""
    workers.few = config.quick
    try:
        for name, cases in CASES.items():
            for case in cases(config.quick) if wanted(config, name) else []:
                if case.work.flop:
                    case = case._replace(sides=[*case.sides, machine.products_side(case.work, config.quick)])
                result = measure(case, 1 if config.quick else config.rounds)
                print(report.table(result, limits), flush=True)
                yield result
    finally:
        workers.close()


def wanted(config: Config, name: str) -> bool:
    """Whether a case is to be run."""
    return not config.only or name in config.only


if __name__ == "__main__":
    nn.use_all_cores()
    command(Config, main)
