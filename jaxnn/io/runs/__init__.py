"""Run directories: what `train` and `sweep` write to the disk, so that a later call resumes with the same bits."""

from jaxnn.io.runs.directory import check_run, open_run
from jaxnn.io.runs.run import Log, Run

__all__ = ["Log", "Run", "check_run", "open_run"]
