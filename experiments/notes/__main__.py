"""All parts of the notes, one after the other, and one page with everything: `python -m experiments.notes`."""

import time

from experiments import common
from experiments.notes import (
    part01_black_box,
    part02_backpropagation,
    part03_three_parameters,
    part04_seven_parameters,
    part05_relu,
    part06_inputs_and_outputs,
    part07_argmax_softmax,
    part08_cross_entropy,
    part09_cross_entropy_slopes,
    part10_convolution,
)
from experiments.notes.page import write_page

PARTS = (
    part01_black_box.PART,
    part02_backpropagation.PART,
    part03_three_parameters.PART,
    part04_seven_parameters.PART,
    part05_relu.PART,
    part06_inputs_and_outputs.PART,
    part07_argmax_softmax.PART,
    part08_cross_entropy.PART,
    part09_cross_entropy_slopes.PART,
    part10_convolution.PART,
)


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
