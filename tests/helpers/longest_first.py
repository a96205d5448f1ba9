"""The order of the test files among several processes: the longest first, so that none of them is the last."""

from pathlib import Path

import pytest

# From the longest, by seconds of processor time; all others take less than about five.
LONGEST = (
    "test_experiments.py", "test_fold_fits.py", "test_longer_trials.py", "test_sizes.py", "test_compile_once.py",
    "test_contract.py", "test_doctests.py", "test_data.py", "test_search.py", "test_tiles.py",
)  # fmt: skip


def let_order_stand(config: pytest.Config) -> None:
    """Turns off that pytest-xdist begins with the files of most tests, which are short ones."""
    if hasattr(config.option, "loadscopereorder"):
        config.option.loadscopereorder = False


def sort_longest_first(items: list[pytest.Item]) -> None:
    places = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(Path(item.path).name, len(places)))
