"""The questions to the sampler of a sweep in blocks; the journal holds the answers of one that may answer otherwise.

A sampler that is asked again gives the same answers. An `AsynchronousSampler`, such as a study of Optuna, need not: its
answers are recorded before their trials run, and a call that goes on repeats them.
"""

from collections import deque
from typing import Any

from jaxnn.sweeps.blocks.store import BlockStore
from jaxnn.sweeps.describe import mismatch_error
from jaxnn.sweeps.recorded_calls import call_sampler, describe_call, read_call
from jaxnn.sweeps.samplers.base import AsynchronousSampler, RecordedCall, TrialSampler
from jaxnn.sweeps.space.space import Setting


class BlockCalls:
    """Asks the sampler for the settings of trials, in their order.

    Attributes:
        recorded: the number of settings that the journal holds.

    Args:
        sampler: of the sweep.
        space: to which its answers are compared.
        first: the settings of the first trials.
        store: holds the calls of an earlier call of `sweep`, and records the new ones.
    """

    def __init__(self, sampler: TrialSampler, space: dict[str, Any], first: list[Setting], store: BlockStore) -> None:
        self._sampler, self._space, self._first, self._store = sampler, space, first, store
        self._recorded = deque(event for event in store.events if event["event"] == "batch")
        self.recorded = sum(len(event["settings"]) for event in self._recorded)

    def ask(self, start: int, count: int) -> list[Setting]:
        """Returns the settings of trials from `start` on, at most `count`.

        The last block of a sweep with fewer trials had another call, after which only the rest is asked for.
        """
        settings, done = [], 0
        while self._recorded and self._recorded[0]["settings"][0]["trial"] < start + count:
            recorded = read_call(self._recorded.popleft(), self.count_first(start + done, count - done))
            settings += self._call(recorded, recorded)
            done += len(recorded.first) + recorded.asked
        if done < count:
            first = self._first[start + done : start + count]
            call = RecordedCall(first, count - done - len(first), [], None)
            settings += self._call(call, None, start + done)
        return settings

    def count_first(self, start: int, count: int) -> int:
        """Returns how many of these trials have settings of the user's."""
        return len(self._first[start : start + count])

    def _call(self, call: RecordedCall, recorded: RecordedCall | None, start: int = 0) -> list[Setting]:
        answer, note = call_sampler(self._sampler, self._space, call, recorded)
        if recorded is not None and answer != recorded.settings:
            raise mismatch_error("the settings that the sampler gives are others")
        settings = call.first + answer
        if recorded is None and settings and isinstance(self._sampler, AsynchronousSampler):
            self._store.record("batch", **describe_call(list(enumerate(settings, start)), call.asked, note))
        return settings
