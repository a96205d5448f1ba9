"""What every experiment does: read its settings from the command line, and say where its pictures are."""

import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from jaxnn import plots

Config = TypeVar("Config")

RUNS = Path("runs")


def command(config: type[Config], main: Callable[[Config], Any]) -> None:
    """Run `main` with the settings of a frozen dataclass, taken from the command line."""
    try:
        import tyro
    except ImportError as error:
        raise SystemExit("the experiments read their settings with tyro: pip install 'jaxnn[experiments]'") from error
    spec = sys.modules["__main__"].__spec__
    settings = tyro.cli(config, prog=f"python -m {spec.name.removesuffix('.__main__')}" if spec else None)
    try:
        main(settings)
    except KeyboardInterrupt as interrupt:
        print(interrupt, file=sys.stderr)
        # As a shell has it: 130 after Ctrl-C, 143 after SIGTERM.
        raise SystemExit(128 + getattr(interrupt, "signal", signal.SIGINT)) from None


def kept_in(directory: Path | None) -> Path | None:
    """The directory of a run, whose parent is made."""
    if directory is not None:
        directory.parent.mkdir(parents=True, exist_ok=True)
    return directory


def save(drawing: Any, experiment: str, name: str) -> Path:
    """Write a figure to `runs/<experiment>/<name>.png`."""
    return plots.save(drawing, RUNS / experiment / f"{name}.png")


def say_where(paths: list[Path]) -> None:
    """The last lines of an experiment: its pictures."""
    print("pictures:", *(f"  {path}" for path in paths), sep="\n")
