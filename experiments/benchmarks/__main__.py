"""Benchmarks: jaxnn beside other tools. `python -m experiments.benchmarks`.

Every case has several contenders that train the same networks. Their losses are compared before they are timed in
interleaved rounds. The results are printed as tables, drawn as pictures and written to `runs/benchmarks/results.json`.
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
    gpu,
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
from experiments.common import print_pictures, run_command

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
    """Time jaxnn beside PyTorch, scikit-learn, Optuna, Flax, Equinox and plain JAX; missing packages are left out."""

    only: tuple[str, ...] = ()
    """Of iris_sweep, digits_sweep, lane_counts, one_network, conv_alone, cold_start, scaling, gpu; all by default."""
    quick: bool = False
    """Tiny sizes and one round, to check that everything runs."""
    rounds: int = 5
    """Rounds in which every contender is timed."""


def main(config: Config) -> list[Result]:
    """Runs the cases, prints their tables and the targets, writes the results and draws the pictures."""
    names = [*CASES, "scaling", "gpu"]
    unknown = set(config.only) - set(names)
    if unknown:
        raise SystemExit(f"--only: no case {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    started = time.perf_counter()
    about, versions = machine.describe_machine(), machine.list_versions()
    limits = machine.measure_limits(config.quick)
    print(report.format_machine(about, versions, limits))
    results: list[Result] = []
    series: list[scaling.Series] = []

    def write() -> Path:
        """Writes what has been measured so far, which an error later in a long run must not lose."""
        return report.write_results(results, series, targets.check_targets(results), about, versions, limits)

    for result in run_cases(config, limits):
        results.append(result)
        write()
    series += scaling.measure(config.quick) if is_selected(config, "scaling") else []
    print(*map(scaling.format_table, series), sep="\n")
    if is_selected(config, "gpu"):
        gpu.measure(config.quick)

    print(report.format_targets(targets.check_targets(results)))
    print(f"the benchmarks took {time.perf_counter() - started:.0f} s")
    print(f"results: {write()}")
    print_pictures(pictures.draw(results, series))
    if not all(result.agrees for result in results):
        raise SystemExit(f"losses disagree: {', '.join(result.name for result in results if not result.agrees)}")
    return results


def run_cases(config: Config, limits: machine.Limits) -> Iterator[Result]:
    """Runs the selected cases one after the other and prints each table as soon as its case is finished."""
    workers.single_process = config.quick
    try:
        for name, cases in CASES.items():
            for case in cases(config.quick) if is_selected(config, name) else []:
                if case.cost.flop:
                    products = machine.products_contender(case.cost, config.quick)
                    case = case._replace(contenders=[*case.contenders, products])
                result = measure(case, 1 if config.quick else config.rounds)
                print(report.format_table(result, limits), flush=True)
                yield result
    finally:
        workers.close()


def is_selected(config: Config, name: str) -> bool:
    """Returns whether a case is to be run."""
    return not config.only or name in config.only


if __name__ == "__main__":
    nn.use_all_cores()
    run_command(Config, main)
