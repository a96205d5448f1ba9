"""The schedulers of a span: one for each block, so that a block is compared with no trial of another."""

from collections.abc import Sequence
from typing import Any

import jax
from jaxtyping import Array

from jaxnn.sweeps.blocks.block import Block
from jaxnn.sweeps.schedulers.base import Decision, Scheduler, TrialScheduler, init_scheduler
from jaxnn.sweeps.space.space import Setting


class BlockSchedulers(TrialScheduler):
    """Passes each call on to the scheduler of the trial's block."""

    def __init__(
        self, scheduler: Scheduler, blocks: Sequence[Block], epochs: int, space: dict[str, Any], key: Array
    ) -> None:
        self._of: dict[int, TrialScheduler] = {}
        for block in blocks:
            own = init_scheduler(scheduler, epochs, space, jax.random.fold_in(key, block.number))
            assert own is not None
            self.population = own.population
            self._of |= dict.fromkeys(range(block.start, block.start + len(block.settings)), own)

    def add(self, trial: int, setting: Setting) -> None:
        self._of[trial].add(trial, setting)

    def start(self, trial: int) -> int:
        return self._of[trial].start(trial)

    def observe(self, trial: int, score: float) -> None:
        self._of[trial].observe(trial, score)

    def report(self, trial: int, epoch: int, score: float) -> Decision:
        return self._of[trial].report(trial, epoch, score)
