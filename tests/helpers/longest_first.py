"""The order of the test files among several processes: the longest first, so that none of them is the last."""

from pathlib import Path

import pytest

# Those that take more than about eight seconds of processor time, from the longest.
LONGEST = (
    "test_docs.py", "test_experiments.py", "test_longer_trials.py", "test_kills.py", "test_sizes.py",
    "test_doctests.py", "test_executors.py", "test_transformations.py", "test_contract.py", "test_readme.py",
    "test_augmentation.py", "test_benchmarks.py", "test_search.py", "test_ema.py", "test_killed_workers.py",
    "test_whole_process.py", "test_residual_networks.py", "test_foreign_sweeps.py", "test_resume.py",
    "test_winograd.py", "test_fold_fits.py", "test_sweep_search.py", "test_buffers_of_sweep.py",
    "test_result_forms.py", "test_host_functions.py", "test_optuna_resume.py", "test_notes.py", "test_plateau.py",
    "test_stream.py", "test_export.py", "test_more_trials.py", "test_sklearn_estimators.py", "test_refit.py",
    "test_tiles.py", "test_block_directories.py", "test_going_on.py", "test_stop.py", "test_bits.py",
    "test_failed_trials.py", "test_preparation.py", "test_batch_last.py", "test_simulation.py", "test_blocks.py",
    "test_sklearn_checks.py", "test_asynchronous.py", "test_metrics.py", "test_sklearn_search.py",
    "test_convolution.py",
)  # fmt: skip


def let_order_stand(config: pytest.Config) -> None:
    """Turns off that pytest-xdist begins with the files of most tests, which are short ones."""
    if hasattr(config.option, "loadscopereorder"):
        config.option.loadscopereorder = False


def sort_longest_first(items: list[pytest.Item]) -> None:
    places = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(Path(item.path).name, len(places)))
