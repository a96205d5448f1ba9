"""What a training or a sweep shows while it runs: a bar in a terminal, a table in a notebook, lines in a log file."""

import sys
from typing import Any

from jaxnn.progress.display import Display

__all__ = ["Display", "open_progress"]


def open_progress(name: str, unit: str, total: int, *, wanted: bool) -> Display:
    """Returns the display that suits where the process writes to, a context manager.

    Args:
        name: of what runs, such as "sweep".
        unit: what is counted, such as "trial".
        total: the number of units.
        wanted: whether to show anything.
    """
    kind = _choose_kind() if wanted else Display
    return kind(name, unit, total)


def _choose_kind() -> type[Display]:
    if _is_notebook():
        from jaxnn.progress.notebook import Table

        return Table
    if sys.stderr.isatty():
        from jaxnn.progress.terminal import Bar

        return Bar
    from jaxnn.progress.lines import Lines

    return Lines


def _is_notebook() -> bool:
    """Returns whether the process is the kernel of a notebook."""
    ipython: Any = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return shell is not None and hasattr(shell, "kernel")
