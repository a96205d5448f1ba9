"""The calls of a sampler in a journal, which a sweep repeats instead of asking."""

from typing import Any

from jaxnn.sweeps.describe import read_setting
from jaxnn.sweeps.samplers.base import RecordedCall


def read_call(event: dict[str, Any], first: int) -> RecordedCall:
    """Returns the call of the event of a batch, which begins with `first` settings of the user's."""
    settings = [read_setting(each) for each in event["settings"]]
    return RecordedCall(settings[:first], event["asked"], settings[first:], event.get("note"))
