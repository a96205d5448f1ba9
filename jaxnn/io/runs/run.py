"""The interface between `train` or `sweep` and its run directory, and the run without a directory."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol, runtime_checkable

from jaxnn.io.files import Content

# The user's `log=`: called with the number of an epoch or a trial, and values by name. "stop" ends a training.
Log = Callable[[int, dict[str, float]], Any]
# Returns the CSV tables of a run as file names and contents; they are for users, and jaxnn never reads them.
Tables = Callable[[], Mapping[str, Content]]


class Stage(NamedTuple):
    """Where a run stands when its files for users are written.

    Attributes:
        goes_on: whether it goes on.
        error: the exception that ends it, or None.
    """

    goes_on: bool
    error: BaseException | None = None


# Returns more files for users, as names, or absolute paths, and contents.
MoreTables = Callable[[Stage], Mapping[str, Content]]


@runtime_checkable
class Run(Protocol):
    """A training or a sweep, with or without a run directory.

    Attributes:
        resumed_from: the journal's event of the checkpoint from which the run resumes; None for a new run.
        events: the events of the journal up to that checkpoint, which is the last one.
        configuration: with which the run started; empty without a directory.
        active: whether the run has a directory.
        last_number: of the last checkpoint, from 1; 0 before the first.
        seconds: of all calls up to now, as checkpoints record them; 0 without a directory.
    """

    resumed_from: dict[str, Any] | None
    events: tuple[dict[str, Any], ...]
    configuration: dict[str, Any]
    active: bool
    last_number: int

    @property
    def seconds(self) -> float: ...

    def record(self, event: str, **fields: Any) -> None:
        """Appends an event to the journal."""
        ...

    def restore(self, like: Any) -> Any:
        """Loads the checkpoint from which the run resumes; returns `like` for a new run."""
        ...

    def save_if_due(self, tree: Any, tables: Tables, **fields: Any) -> bool:
        """Saves a checkpoint and the tables if enough time has passed or a signal has arrived.

        Args:
            tree: the pytree to save.
            tables: returns the tables.
            fields: more fields of the checkpoint's event in the journal.

        Returns:
            Whether a signal has arrived, so that the run must end.
        """
        ...

    def save(self, tree: Any, tables: Tables, **fields: Any) -> None:
        """Saves a checkpoint and the tables."""
        ...

    def finish(self, tree: Any, **fields: Any) -> None:
        """Saves the last checkpoint, unless the run resumed from one with the same fields."""
        ...

    def write_tables(self, tables: Tables) -> None:
        """Writes the tables at the end of the run."""
        ...

    def add_tables(self, more: MoreTables) -> None:
        """Adds files that are written whenever the tables are, and when an exception ends the run."""
        ...


class NoRun:
    """A run without a directory: it saves and restores nothing."""

    resumed_from: dict[str, Any] | None = None
    events: tuple[dict[str, Any], ...] = ()
    active: bool = False
    last_number: int = 0
    seconds: float = 0.0

    def __init__(self) -> None:
        self.configuration: dict[str, Any] = {}

    def record(self, event: str, **fields: Any) -> None: ...

    def restore(self, like: Any) -> Any:
        return like

    def save_if_due(self, tree: Any, tables: Tables, **fields: Any) -> bool:
        del tree, tables, fields
        return False

    def save(self, tree: Any, tables: Tables, **fields: Any) -> None: ...

    def finish(self, tree: Any, **fields: Any) -> None: ...

    def write_tables(self, tables: Tables) -> None: ...

    def add_tables(self, more: MoreTables) -> None: ...
