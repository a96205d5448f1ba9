"""How a result goes on: what `SweepResult.extend` calls, which no file holds."""

from collections.abc import Callable
from typing import Any


class Continuation:
    """Goes on with a search in the process that ran it; a pickle holds none."""

    def __init__(self, extend: Callable[[int | None, int | None], Any] | None = None) -> None:
        self.extend = extend

    def __reduce__(self) -> Any:
        return Continuation, ()
