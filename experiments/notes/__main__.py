"""All parts of the notes, and a page with all of them: `python -m experiments.notes`."""

import concurrent.futures
import multiprocessing
import time
from dataclasses import dataclass

from experiments import common
from experiments.notes.page import write_page
from experiments.notes.parts import PARTS, compute_part


@dataclass(frozen=True)
class Config:
    """Compute all ten parts of the notes and write them as one page, runs/notes/index.html."""

    processes: int = 2
    """Parts computed at a time: most of the work is compiling, which keeps one core busy."""


def main(config: Config) -> None:
    """Computes the parts in parallel and writes the page."""
    started = time.perf_counter()
    sections = []
    with concurrent.futures.ProcessPoolExecutor(config.processes, multiprocessing.get_context("spawn")) as pool:
        for part, (pictures, table) in zip(PARTS, pool.map(compute_part, range(len(PARTS))), strict=True):
            sections.append((part, pictures, table))
            print(f"{time.perf_counter() - started:5.1f} s  {part.title}", flush=True)
    page = write_page(common.RUNS / "notes" / "index.html", sections)
    print(f"{time.perf_counter() - started:5.1f} s  {page}, {page.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    common.run_command(Config, main)
