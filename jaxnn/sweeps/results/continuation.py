"""How a result goes on: what `SweepResult.extend` calls, which no file holds."""

from collections.abc import Callable
from typing import Any


class Continuation:
    """Goes on with a search in the process that ran it; a pickle holds none."""

    def __init__(self, extend: Callable[[int | None, int | None], Any] | None = None) -> None:
        self.extend = extend

    def go_on(self, trials: int | None, epochs: int | None) -> Any:
        """Goes on to more trials, or more epochs, or both; see `SweepResult.extend`."""
        if trials is None and epochs is None:
            raise ValueError("extend: give the number of all trials, or of epochs, or both")
        if self.extend is None:
            raise ValueError(
                "extend: only the result of a sweep without a directory can go on, in its own process; with "
                "directory=, call sweep with more trials or epochs"
            )
        return self.extend(trials, epochs)

    def __reduce__(self) -> Any:
        return Continuation, ()
