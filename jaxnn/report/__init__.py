"""Reports: a sweep or a training as one page to look at, in a file that needs no server and no other file.

`SweepResult.report` and `TrainResult.report` write one, a run with a directory keeps one, and
`python -m jaxnn.report DIRECTORY` makes one from a directory without the code that made the run.
"""

from jaxnn.report.write import write_directory_report, write_report

__all__ = ["write_directory_report", "write_report"]
