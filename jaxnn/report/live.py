"""The page of a run that goes on, for its directory: written again at its checkpoints, as long as that is cheap."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jaxnn._checks.warn import warn_user
from jaxnn.report.about import About
from jaxnn.report.page import make_page

_FILE = "report.html"
# The share of the time that making pages may take while a run goes on.
_SHARE = 0.01
# Seconds before the first page, whose cost is not known.
_WAIT = 2.0
# The most letters of a message that a page shows.
_LONGEST_ERROR = 500
# Seconds between two looks of an open page at its file.
_LEAST_RELOAD, _MOST_RELOAD = 2.0, 30.0


class LivePage:
    """Makes the page of a run in a directory.

    Attributes:
        path: of its file.
    """

    def __init__(self, caller: str, directory: str | Path, save_every: float) -> None:
        self._caller, self._directory = caller, Path(directory)
        self.path = self._directory / _FILE
        self._reload = min(max(save_every / 2, _LEAST_RELOAD), _MOST_RELOAD)
        self._due = time.monotonic() + _WAIT

    def make(
        self,
        describe: Callable[[About], dict[str, Any]],
        configuration: dict[str, Any],
        state: str,
        error: BaseException | None = None,
    ) -> dict[str, str]:
        """Returns the page by the name of its file; nothing if it is too soon.

        Args:
            describe: returns the document.
            configuration: of the run.
            state: "running", "unfinished" or "ended"; only a page of a run that goes on can wait.
            error: the exception that ends the run; its state is then "unfinished".
        """
        started = time.monotonic()
        if state == "running" and started < self._due:
            return {}
        state = state if error is None else "unfinished"
        about = About(
            self._directory.resolve().name, str(self._directory), configuration, state=state, written=time.time(),
            reload=self._reload if state == "running" else 0.0, error="" if error is None else _describe_error(error),
        )  # fmt: skip
        try:
            page = make_page(describe(about))
        except Exception as problem:  # a run of hours must not end for want of a page
            warn_user(f"{self._caller}: no {_FILE}, because of {type(problem).__name__}: {problem}")
            return {}
        finally:
            now = time.monotonic()
            self._due = now + (now - started) / _SHARE
        return {_FILE: page}


def _describe_error(error: BaseException) -> str:
    """Returns the type of an exception and the first line of its message.

    Example:
        >>> _describe_error(ValueError("no\\nand more")), _describe_error(KeyboardInterrupt())
        ('ValueError: no', 'KeyboardInterrupt')
    """
    [first, *_] = str(error).strip().splitlines() or [""]
    return ": ".join(filter(None, (type(error).__name__, first[:_LONGEST_ERROR])))
