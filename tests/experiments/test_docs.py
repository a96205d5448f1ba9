"""The documentation: how-tos that run, reference pages of every public name, links that lead somewhere."""

from pathlib import Path

import pytest

from experiments.docs.cells import read_script, run_script
from experiments.docs.index import HOWTOS

pytestmark = pytest.mark.optimized

FOLDER = Path(__file__).parents[2] / "experiments" / "howto"


@pytest.mark.parametrize("name", HOWTOS)
def test_a_howto_runs(name: str, tmp_path: Path) -> None:
    _, outputs = run_script(read_script(FOLDER / f"{name}.py"), tmp_path)
    assert any(output.text for output in outputs)
