"""All parts of the notes, one after the other, and one page with everything: `python -m experiments.notes`."""

import time

from experiments import common
from experiments.notes import part01_black_box, part02_backpropagation
from experiments.notes.page import write_page

PARTS = [module.PART for module in (part01_black_box, part02_backpropagation)]


def main() -> None:
    """Tell every part with its own default choices."""
    started = time.perf_counter()
    told = []
    for part in PARTS:
        told.append((part, part.draw(part.config())))
        print(f"{time.perf_counter() - started:5.1f} s  {part.title}", flush=True)
    page = write_page(common.RUNS / "notes" / "index.html", told)
    print(f"{time.perf_counter() - started:5.1f} s  {page}, {page.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
