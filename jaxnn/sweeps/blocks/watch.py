"""What ends a sweep in blocks before its last trial, and its progress."""

import time
from typing import Any

from jaxnn.progress import Display
from jaxnn.sweeps.blocks.ledger import Ledger
from jaxnn.sweeps.ends import Limits


class Watch:
    """Looks at limits and signals between two events of a sweep, and shows progress.

    Args:
        ledger: the blocks that are done.
        limits: of the sweep.
        caught: the signal that arrived, if any.
        display: of the progress.
        blocks: the number of all blocks.
    """

    def __init__(self, ledger: Ledger, limits: Limits, caught: Any, display: Display, blocks: int) -> None:
        self._ledger, self._limits, self._caught, self._display = ledger, limits, caught, display
        self._blocks, self._started, self._done_before = blocks, time.monotonic(), len(ledger.blocks)

    def show(self, progress: int | float, running: int | None = None, lost: int = 0) -> None:
        """Shows the trials that have ended, and blocks done, running and lost."""
        ledger = self._ledger
        shown = {"blocks": f"{len(ledger.blocks)}/{self._blocks}"}
        shown |= {} if running is None else {"running": str(running)}
        shown |= {"lost": str(lost)} if lost else {}
        shown |= {
            name: str(ledger.statuses[name]) for name in ("stopped", "diverged", "failed") if ledger.statuses[name]
        }
        shown |= {"best": f"{ledger.best:.4f}"} if ledger.best > -float("inf") else {}
        self._display.update(progress, shown)

    def count_left(self) -> int:
        """Returns how many blocks are not done."""
        return max(self._blocks - len(self._ledger.blocks), 0)

    def has_ended(self) -> bool:
        """Returns whether a signal, the time or the target score ends the sweep here; a call runs at least a block."""
        seconds, target = self._limits
        has_new = len(self._ledger.blocks) > self._done_before
        if self._caught.number or (target is not None and self._ledger.best >= target):
            return True
        return seconds is not None and has_new and time.monotonic() - self._started >= seconds
