"""What ends a sweep in blocks before its last trial, and its progress."""

import time
from collections.abc import Callable
from typing import Any

from jaxnn.progress import Display
from jaxnn.sweeps.blocks.collector import BlockCollector
from jaxnn.sweeps.ends import Limits


class Watch:
    """Looks at limits and signals between two events of a sweep, and shows progress.

    Args:
        collector: the blocks that are done.
        limits: of the sweep.
        caught: the signal that arrived, if any.
        display: of the progress.
        blocks: the number of all blocks.
        keep_page: gets the number of blocks that are done.
    """

    def __init__(
        self,
        collector: BlockCollector,
        limits: Limits,
        caught: Any,
        display: Display,
        blocks: int,
        keep_page: Callable[[int], None],
    ) -> None:
        self._collector, self._limits, self._caught, self._display = collector, limits, caught, display
        self._blocks, self._started, self._done_before = blocks, time.monotonic(), len(collector.blocks)
        self._keep_page = keep_page

    def show(self, progress: int | float, running: int | None = None, lost: int = 0) -> None:
        """Shows the trials that have ended, and blocks done, running and lost; keeps the page."""
        collector = self._collector
        shown = {"blocks": f"{len(collector.blocks)}/{self._blocks}"}
        shown |= {} if running is None else {"running": str(running)}
        shown |= {"lost": str(lost)} if lost else {}
        shown |= {
            name: str(collector.statuses[name])
            for name in ("stopped", "diverged", "failed")
            if collector.statuses[name]
        }
        shown |= {"best": f"{collector.best:.4f}"} if collector.best > -float("inf") else {}
        self._display.update(progress, shown)
        if not self._caught.number:
            self._keep_page(len(collector.blocks))

    def count_left(self) -> int:
        """Returns how many blocks are not done."""
        return max(self._blocks - len(self._collector.blocks), 0)

    def has_ended(self) -> bool:
        """Returns whether a signal, the time or the target score ends the sweep here; a call runs at least a block."""
        seconds, target = self._limits
        has_new = len(self._collector.blocks) > self._done_before
        if self._caught.number or (target is not None and self._collector.best >= target):
            return True
        return seconds is not None and has_new and time.monotonic() - self._started >= seconds
