"""`python -m jaxnn.report DIRECTORY` makes the page of a run from its directory, and prints where it is."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from jaxnn.report.write import write_directory_report


def main(arguments: Sequence[str] | None = None) -> int:
    """Makes the page of a run; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m jaxnn.report",
        description="Makes a page to look at from the directory of a sweep or a training.",
    )
    parser.add_argument("directory", type=Path, help="the directory= of the sweep or training")
    parser.add_argument("--output", type=Path, help="the file; by default report.html in the directory")
    parser.add_argument("--title", help="the heading; by default the name of the directory")
    options = parser.parse_args(arguments)
    try:
        print(write_directory_report(options.directory, options.output, title=options.title))
    except (ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
