"""What a training or a sweep has to do with its run directory, and one that does nothing, for those without."""

from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

# What makes the files for people: their names and contents.
Tables = Callable[[], dict[str, str]]


@runtime_checkable
class Run(Protocol):
    """A training or a sweep, kept or not.

    Attributes:
        begun: the journal's line on the checkpoint that the run goes on from; None for a fresh one.
        events: what the journal says up to there.
        active: whether anything is kept.
    """

    begun: dict[str, Any] | None
    events: tuple[dict[str, Any], ...]
    active: bool

    def record(self, event: str, **fields: Any) -> None:
        """One more line in the journal."""
        ...

    def restore(self, like: Any) -> Any:
        """What the checkpoint holds that `begun` tells of; what is there before it, `like`, for a fresh run."""
        ...

    def visit(self, tree: Any, tables: Tables, **fields: Any) -> bool:
        """Save, and write the tables, when it is time to or when a signal has come; whether one has."""
        ...

    def finish(self, tree: Any, **fields: Any) -> None:
        """Save the end of the run, unless it is already there."""
        ...

    def write(self, tables: Tables) -> None:
        """Files for people, beside those that the run needs."""
        ...


class NoRun:
    """A run that leaves nothing on the disk."""

    begun: dict[str, Any] | None = None
    events: tuple[dict[str, Any], ...] = ()
    active: bool = False

    def record(self, event: str, **fields: Any) -> None: ...

    def restore(self, like: Any) -> Any:
        return like

    def visit(self, tree: Any, tables: Tables, **fields: Any) -> bool:
        del tree, tables, fields
        return False

    def finish(self, tree: Any, **fields: Any) -> None: ...

    def write(self, tables: Tables) -> None: ...
