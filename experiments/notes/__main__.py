"""All parts of the notes and one page with everything: `python -m experiments.notes`."""

import concurrent.futures
import multiprocessing
import time
from dataclasses import dataclass

from experiments import common
from experiments.notes.page import write_page
from experiments.notes.parts import PARTS, tell_one


@dataclass(frozen=True)
class Config:
    """Work through all ten parts of the notes and write them as one page, runs/notes/index.html."""

    processes: int = 2
    """Parts told at a time: most of the work is compiling, which keeps one core busy."""


def main(config: Config) -> None:
    """Tell the parts side by side, and write the page."""
    started = time.perf_counter()
    told = []
    with concurrent.futures.ProcessPoolExecutor(config.processes, multiprocessing.get_context("spawn")) as pool:
        for part, (pictures, table) in zip(PARTS, pool.map(tell_one, range(len(PARTS))), strict=True):
            told.append((part, pictures, table))
            print(f"{time.perf_counter() - started:5.1f} s  {part.title}", flush=True)
    page = write_page(common.RUNS / "notes" / "index.html", told)
    print(f"{time.perf_counter() - started:5.1f} s  {page}, {page.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    common.command(Config, main)
