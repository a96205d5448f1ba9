"""Benchmarks: jaxnn beside other tools. `python -m experiments.benchmarks`.

Whole processes come first: what a user waits. Every other case has several contenders that train the same networks.
Their losses are compared before they are timed in interleaved rounds. The results are printed as tables, drawn as
pictures and written to `runs/benchmarks/results.json`.
"""

import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import jaxnn as nn
from experiments.benchmarks import (
    cluster,
    conv_alone,
    digits_sweep,
    foreign_sweep,
    gpu,
    iris_sweep,
    lane_counts,
    machine,
    one_network,
    pictures,
    processes,
    report,
    residual_network,
    scaling,
    streaming,
    tables,
    targets,
    whole_process,
    workers,
)
from experiments.benchmarks.harness import Case, Result, measure
from experiments.common import print_pictures, run_command

CASES: dict[str, Callable[[bool], list[Case]]] = {
    "iris_sweep": iris_sweep.cases,
    "digits_sweep": digits_sweep.cases,
    "foreign_sweep": foreign_sweep.cases,
    "lane_counts": lane_counts.cases,
    "one_network": one_network.cases,
    "residual_network": residual_network.cases,
    "conv_alone": conv_alone.cases,
    "streaming": streaming.cases,
}
# Measured by functions of their own.
OTHERS = ("whole_process", *whole_process.SEARCHES, "scaling", "gpu", "cluster")


@dataclass(frozen=True)
class Config:
    """Time jaxnn beside PyTorch, scikit-learn, Optuna, Flax, Equinox and plain JAX; missing packages are left out."""

    only: tuple[str, ...] = ()
    """Of whole_process (or its iris_64, iris_1024, iris_8192, cnn_256, shapes, widths), iris_sweep, digits_sweep,
    foreign_sweep, lane_counts, one_network, residual_network, conv_alone, streaming, scaling, gpu, cluster; all by
    default."""
    quick: bool = False
    """Tiny sizes and one round, to check that everything runs."""
    rounds: int | None = None
    """Rounds in which every contender is timed; by default 3 for whole processes and 5 for the others."""


def main(config: Config) -> list[Result]:
    """Runs the cases, prints their tables and the targets, writes the results and draws the pictures."""
    unknown = set(config.only) - {*CASES, *OTHERS}
    if unknown:
        raise SystemExit(f"--only: no case {', '.join(sorted(unknown))}; there are {', '.join([*CASES, *OTHERS])}")
    started = time.perf_counter()
    about, versions = machine.describe_machine(), machine.list_versions()
    limits = machine.measure_limits(config.quick)
    print(report.format_machine(about, versions, limits))
    results: list[Result] = []
    waits: list[processes.ProcessResult] = []
    series: list[scaling.Series] = []

    def write() -> Path:
        """Writes what has been measured so far, which an error later in a long run must not lose."""
        checked = targets.check_targets([*waits, *results])
        return report.write_results(results, waits, series, checked, about, versions, limits)

    for wait in run_processes(config):
        waits.append(wait)
        write()
    for result in run_cases(config, limits):
        results.append(result)
        write()
    series += scaling.measure(config.quick) if is_selected(config, "scaling") else []
    print(*map(scaling.format_table, series), sep="\n")
    if is_selected(config, "gpu"):
        gpu.measure(config.quick)
    if is_selected(config, "cluster"):
        cluster.measure(config.quick)

    print(report.format_targets(targets.check_targets([*waits, *results])))
    print(f"the benchmarks took {time.perf_counter() - started:.0f} s")
    print(f"results: {write()}")
    print_pictures(pictures.draw(results, series))
    if not all(result.agrees for result in results):
        raise SystemExit(f"losses disagree: {', '.join(result.name for result in results if not result.agrees)}")
    return results


def run_processes(config: Config) -> Iterator[processes.ProcessResult]:
    """Times the whole processes and prints each table as soon as its case is finished."""
    with tempfile.TemporaryDirectory() as folder:
        for case in whole_process.cases(config.quick, Path(folder)):
            if not (is_selected(config, "whole_process") or is_selected(config, case.name)):
                continue
            result = processes.measure(case, 1 if config.quick else config.rounds or 3)
            print(tables.format_table(result), flush=True)
            yield result


def run_cases(config: Config, limits: machine.Limits) -> Iterator[Result]:
    """Runs the selected cases one after the other and prints each table as soon as its case is finished."""
    workers.single_process = config.quick
    try:
        for name, cases in CASES.items():
            for case in cases(config.quick) if is_selected(config, name) else []:
                if case.cost.flop:
                    products = machine.products_contender(case.cost, config.quick)
                    case = case._replace(contenders=[*case.contenders, products])
                result = measure(case, 1 if config.quick else config.rounds or 5)
                print(report.format_table(result, limits), flush=True)
                yield result
    finally:
        workers.close()


def is_selected(config: Config, name: str) -> bool:
    """Returns whether a case is to be run."""
    return not config.only or name in config.only


if __name__ == "__main__":
    nn.use_all_cores()
    run_command(Config, main, keep_programs=False)
