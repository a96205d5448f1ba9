"""Directories of sweeps in blocks that go on: with more trials, with an executor and without."""

import functools
import multiprocessing
from concurrent.futures import ProcessPoolExecutor

import pytest

import jaxnn as nn
from helpers import block_sweeps
from helpers.block_sweeps import Listed, assert_same_table
from helpers.resumable_runs import assert_same_bits
from jaxnn.sweeps.samplers import GridSampler

sweep = functools.partial(block_sweeps.sweep, epochs=3, block=4)
SHORT, LONG = {"trials": 6}, {"trials": 10}


@pytest.mark.parametrize(
    "make_options",
    [
        lambda: {"sampler": "sobol", "scheduler": None},
        lambda: {"sampler": GridSampler(10), "scheduler": nn.hyperband()},
        lambda: {"sampler": Listed(ask_limit=4), "scheduler": nn.median_stopping()},
        lambda: {"scheduler": nn.population_based(perturbation_interval=1), "lanes": 4},
    ],
    ids=["sobol", "grid", "adaptive", "population"],
)
@pytest.mark.filterwarnings("ignore:sweep. the sampler learns little")
def test_the_last_block_is_filled_with_the_bits_of_one_go(tmp_path, make_options):
    short = sweep(tmp_path, **SHORT, **make_options())
    whole = sweep(**LONG, **make_options())
    assert_same_table(sweep(tmp_path, **LONG, **make_options()), whole)
    assert_same_table(sweep(tmp_path, **LONG, **make_options()), whole)
    # Trials that had ended before have the same curves, as far as both go.
    for before, after in zip(short.trials, whole.trials, strict=False):
        ends = min(before.epochs, after.epochs)
        assert_same_bits(before.curves.scores[:, :ends], after.curves.scores[:, :ends])


def test_a_grid_of_more_trials_is_another_one(tmp_path):
    options = {"scheduler": None, "sampler": "grid"}
    sweep(tmp_path, **SHORT, **options)
    with pytest.raises(ValueError, match=r"sampler was .*'trials': 6.* and is .*'trials': 10"):
        sweep(tmp_path, **LONG, **options)


@pytest.mark.optimized
def test_a_directory_goes_on_with_and_without_an_executor(tmp_path):
    whole = sweep(trials=14)
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn) as pool:
        sweep(tmp_path, trials=5, executor=pool)
        sweep(tmp_path, trials=8)
        assert_same_table(sweep(tmp_path, trials=14, executor=pool), whole)
    # The directory knows its blocks.
    assert_same_table(sweep(tmp_path, trials=14, block=None), whole)


def test_a_directory_without_blocks_goes_on_without_them(tmp_path):
    sweep(tmp_path, **SHORT, block=None, lanes=4)
    rule = "holds a sweep without blocks; leave out block= and executor=, or give another directory"
    with pytest.raises(ValueError, match=rule):
        sweep(tmp_path, **SHORT, lanes=4)
