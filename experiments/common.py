"""What all experiments share: reading the configuration from the command line, and saving pictures."""

import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import jax

import jaxnn as nn
from jaxnn import plots

Config = TypeVar("Config")

RUNS = Path("runs")


def run_command(config_type: type[Config], main: Callable[[Config], Any], *, keep_programs: bool = True) -> None:
    """Runs `main` with a configuration read from the command line.

    Args:
        config_type: a frozen dataclass; its fields are the options, and their docstrings the help texts.
        main: the experiment, a function of the configuration.
        keep_programs: whether compiled programs are kept on disk for the next command.
    """
    try:
        import tyro
    except ImportError as error:
        raise SystemExit("the experiments read their options with tyro: pip install 'jaxnn[experiments]'") from error
    spec = sys.modules["__main__"].__spec__
    config = tyro.cli(config_type, prog=f"python -m {spec.name.removesuffix('.__main__')}" if spec else None)
    if keep_programs:
        _keep_programs()
    try:
        main(config)
    except KeyboardInterrupt as interrupt:
        print(interrupt, file=sys.stderr)
        # The exit codes of a shell: 130 after Ctrl-C, 143 after SIGTERM.
        raise SystemExit(128 + getattr(interrupt, "signal", signal.SIGINT)) from None


def _keep_programs() -> None:
    """Keeps compiled programs on disk, if there is a place for them and the user has not chosen one."""
    if jax.config.values["jax_compilation_cache_dir"] is not None:
        return
    try:
        print(f"compiled programs are kept in {nn.use_compilation_cache()}", file=sys.stderr)
    except OSError as error:
        print(f"compiled programs are not kept: {error}", file=sys.stderr)


def make_parent(directory: Path | None) -> Path | None:
    """Creates the parents of a run directory, if one is given, and returns the directory."""
    if directory is not None:
        directory.parent.mkdir(parents=True, exist_ok=True)
    return directory


def save(drawing: Any, experiment: str, name: str) -> Path:
    """Writes a figure to `runs/<experiment>/<name>.png` and returns the path."""
    return plots.save(drawing, RUNS / experiment / f"{name}.png")


def print_pictures(paths: list[Path]) -> None:
    """Prints the paths of the pictures, the last lines of an experiment."""
    print("pictures:", *(f"  {path}" for path in paths), sep="\n")
