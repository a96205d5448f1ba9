"""The whole message of an expected error."""

from collections.abc import Callable

import pytest


def error_message(kind: type[Exception], call: Callable[[], object]) -> str:
    """Returns the message of the error, of exactly this type, that a call raises."""
    with pytest.raises(kind) as error:
        call()
    assert type(error.value) is kind
    return str(error.value)
