"""How a result goes on with its search."""

from collections.abc import Callable
from typing import Any


class Continuation:
    """Goes on with a search in the process that ran it; a pickle holds none.

    Args:
        extend: gets the numbers of trials and epochs, and returns the `SweepResult` that has them.
    """

    def __init__(self, extend: Callable[[int | None, int | None], Any] | None = None) -> None:
        self.extend = extend

    def __reduce__(self) -> Any:
        return Continuation, ()
