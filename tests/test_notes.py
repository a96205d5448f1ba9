"""The library computes what the notes say: every figure of the worked examples, and what the experiments claim."""

import functools
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from experiments.notes.__main__ import PARTS
from experiments.notes.story import FACTS

BY_NOTES = {part.notes: part for part in PARTS}
FIGURES = [(notes, figure) for notes, facts in FACTS.items() for figure in facts["figures"]]

# Single precision: what goes through numbers of size 1 is known to about 1e-7, however small the result.
ROUNDING = 2e-6


@functools.cache
def computed(notes: str) -> Mapping[str, Any]:
    return BY_NOTES[notes].figures()


@pytest.mark.parametrize(("notes", "figure"), FIGURES, ids=[f"{notes}-{figure['name']}" for notes, figure in FIGURES])
def test_figure(notes: str, figure: dict[str, Any]) -> None:
    value = np.asarray(computed(notes)[figure["name"]])
    exact = np.asarray(figure["computed"])
    assert value.shape == exact.shape
    np.testing.assert_allclose(value, exact, rtol=figure.get("rtol", 1e-4), atol=ROUNDING)
    if figure["shown"] is not None:
        np.testing.assert_allclose(value, figure["shown"], rtol=0, atol=figure["atol"])
