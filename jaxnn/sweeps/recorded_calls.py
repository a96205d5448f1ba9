"""The calls of a sampler in a journal, which a sweep repeats instead of asking."""

from typing import Any

from jaxnn.sweeps.describe import describe_setting, read_setting
from jaxnn.sweeps.samplers.base import (
    AsynchronousSampler,
    RecordedCall,
    TrialSampler,
    ask_settings,
    repeat_settings,
)
from jaxnn.sweeps.space.space import Setting


def describe_call(batch: list[tuple[int, Setting]], asked: int, note: Any) -> dict[str, Any]:
    """Returns the fields of the event of a batch: settings by number, for some of which the sampler was asked."""
    settings = [describe_setting(*numbered) for numbered in batch]
    return {"asked": asked, "settings": settings, **({} if note is None else {"note": note})}


def read_call(event: dict[str, Any], first: int) -> RecordedCall:
    """Returns the call of the event of a batch, which begins with `first` settings of the user's."""
    settings = [read_setting(each) for each in event["settings"]]
    return RecordedCall(settings[:first], event["asked"], settings[first:], event.get("note"))


def call_sampler(
    sampler: TrialSampler, space: dict[str, Any], call: RecordedCall, recorded: RecordedCall | None
) -> tuple[list[Setting], Any]:
    """Asks the sampler, or repeats a recorded call; returns the answer, and what the sampler notes."""
    is_asynchronous = isinstance(sampler, AsynchronousSampler)
    if is_asynchronous and recorded is not None:
        return repeat_settings(sampler, space, recorded), recorded.note
    if is_asynchronous and call.first:
        sampler.add(call.first)
    settings = ask_settings(sampler, space, call.asked) if call.asked else []
    return settings, sampler.note() if is_asynchronous else None
