"""Run directories: what `train` and `sweep` leave on the disk, so that they can go on from it, bit for bit."""

from jaxnn.runs.directory import NoRun, Run, check_run, open_run

__all__ = ["NoRun", "Run", "check_run", "open_run"]
