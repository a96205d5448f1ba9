"""Run directories: what `train` and `sweep` leave on the disk, so that they can go on from it, bit for bit."""

from jaxnn.io.runs.directory import check_run, open_run
from jaxnn.io.runs.run import Run

__all__ = ["Run", "check_run", "open_run"]
