"""The blocks of a sweep in their order: asks the sampler for settings, and tells it the results of blocks.

Block b is asked for right after block b - ahead was told, and blocks are told in their order. What a sampler proposes
so does not depend on which worker is the first to end.
"""

from collections.abc import Callable
from typing import Any

from jaxnn.sweeps.blocks.block import Block
from jaxnn.sweeps.blocks.calls import BlockCalls
from jaxnn.sweeps.describe import mismatch_error
from jaxnn.sweeps.engine.trial import TrialResult
from jaxnn.sweeps.samplers.base import AsynchronousSampler, TrialSampler
from jaxnn.sweeps.space.traced import check_settings

# Returns the results of a block that is done.
ReadResults = Callable[[int], list[TrialResult]]


class BlockQueue:
    """Gives blocks to be run.

    A sampler without `ask_limit` does not wait for results, and is asked when a block is to be sent.

    Attributes:
        pending: the settings of the blocks that were asked for and are not done.
    """

    def __init__(
        self,
        sampler: TrialSampler,
        space: dict[str, Any],
        calls: BlockCalls,
        *,
        trials: int,
        size: int,
        ahead: int,
        done: dict[int, int],
        read: ReadResults,
    ) -> None:
        """`calls` asks the sampler; `done` holds the trials of each block of an earlier call, `read` their results."""
        self.pending: dict[int, Block] = {}
        self._sampler, self._space, self._calls = sampler, space, calls
        self._trials, self._size, self._ahead = trials, size, ahead
        self._recorded, self._read = done, read
        self._listens = sampler.ask_limit is not None
        self._asked = self._told = self._drawn = 0
        self._first: dict[int, int] = {}  # how many settings of a block are the user's
        self._waiting: list[Block] = []
        self._done: set[int] = set()
        self._is_empty = False

    def repeat(self) -> None:
        """Asks for the blocks that an earlier call has run, and those between them, so that no trial is missing."""
        while not self._listens and self._asked <= max(self._recorded, default=-1) and self._can_ask():
            self._ask()

    def take(self, most: int) -> list[Block]:
        """Returns the next blocks that can run now, `most` or fewer."""
        self._advance(most)
        taken, self._waiting = self._waiting[:most], self._waiting[most:]
        return taken

    def mark_done(self, number: int) -> None:
        """Notes that a block is done; `read` gives its results."""
        self._done.add(number)
        self.pending.pop(number, None)

    def close(self) -> None:
        """Tells the sampler the results that it waits for, and ends what it does beside the sweep."""
        while self._listens and self._told in self._done:
            self._tell()
        if isinstance(self._sampler, AsynchronousSampler):
            self._sampler.close()

    def draw_rest(self) -> None:
        """Draws the settings of all other trials, if they do not depend on results."""
        while not self._listens and self._can_ask():
            self._ask()

    def _advance(self, most: int) -> None:
        """Asks and tells as far as results allow."""
        while True:
            behind = self._asked - self._told
            if self._can_ask() and (behind < self._ahead if self._listens else len(self._waiting) < most):
                self._ask()
            elif self._listens and self._told in self._done:
                self._tell()
            else:
                return

    def _can_ask(self) -> bool:
        return self._drawn < self._trials and not self._is_empty

    def _ask(self) -> None:
        wanted = min(self._size, self._trials - self._drawn)
        block = Block(self._asked, self._drawn, self._calls.ask(self._drawn, wanted))
        if not block.settings:
            self._is_empty = True
            return
        check_settings(self._space, block.settings)
        self._first[block.number] = self._calls.count_first(block.start, wanted)
        self._asked, self._drawn = self._asked + 1, self._drawn + len(block.settings)
        if self._recorded.get(block.number) == len(block.settings):
            if [result.setting for result in self._read(block.number)] != block.settings:
                raise mismatch_error("the settings that the sampler gives are others")
            self._done.add(block.number)
            return
        self.pending[block.number] = block
        self._waiting.append(block)

    def _tell(self) -> None:
        results, first = self._read(self._told), self._first[self._told]
        self._told += 1  # also if the sampler raises: it is told no result twice
        for told in (results[:first], results[first:]):
            if told:
                self._sampler.tell(told)
        if isinstance(self._sampler, AsynchronousSampler):
            self._sampler.commit()
