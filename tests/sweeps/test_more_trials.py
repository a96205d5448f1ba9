"""A sweep that goes on with more trials: in its directory, and in memory."""

import functools
import pickle

import jax
import numpy as np
import pytest

import jaxnn as nn
from helpers.resumable_runs import WIDTHS, InjectedError, assert_same_bits, assert_same_sweep, sweep

SHORT, LONG = {"trials": 8}, {"trials": 16}


@pytest.fixture(scope="module")
def whole():
    return sweep(scheduler=None, **LONG, keep=16)


def assert_same_up_to_ends(left, right):
    """Asserts that trials have the same settings, and the same curves up to the end of the shorter."""
    for one, other in zip(left.trials, right.trials, strict=True):
        epochs = min(one.epochs, other.epochs)
        assert one.setting == other.setting
        cut = functools.partial(jax.tree.map, lambda curve, epochs=epochs: curve[:, :epochs])
        assert_same_bits(cut(one.curves), cut(other.curves))


@pytest.mark.parametrize("sampler", ["random", "sobol"])
def test_more_trials_in_the_same_directory_are_those_of_one_go(tmp_path, sampler):
    options = {"scheduler": None, "sampler": sampler, "space": WIDTHS, "keep": 16}
    short = sweep(tmp_path, **SHORT, **options)
    extended, whole = sweep(tmp_path, **LONG, **options), sweep(**LONG, **options)
    assert_same_sweep(extended, whole)
    assert_same_bits(short.trials, extended.trials[:8])
    assert_same_sweep(sweep(tmp_path, **LONG, **options), whole)
    assert len(nn.sweeps.load(tmp_path).trials) == 16


def test_a_scheduler_goes_on_too(tmp_path):
    sweep(tmp_path, **SHORT)
    extended, whole = sweep(tmp_path, **LONG), sweep(**LONG)
    assert_same_up_to_ends(extended, whole)
    assert {trial.status for trial in extended.trials} == {"finished", "stopped"}
    assert_same_sweep(sweep(tmp_path, **LONG), extended)


def test_a_sweep_that_was_killed_goes_on_with_more_trials(tmp_path, whole):
    with pytest.raises(InjectedError):
        sweep(tmp_path, end_at=5, scheduler=None, keep=16, **SHORT)
    with pytest.raises(InjectedError):
        sweep(tmp_path, end_at=9, scheduler=None, keep=16, **LONG)
    assert_same_sweep(sweep(tmp_path, scheduler=None, keep=16, **LONG), whole)


def test_more_parameters_are_kept_by_replay(tmp_path, whole):
    few = sweep(tmp_path, scheduler=None, **LONG, keep=1)
    many = sweep(tmp_path, scheduler=None, **LONG, keep=4)
    assert (len(few.kept), len(many.kept)) == (1, 4)
    for trial, params in many.kept.items():
        assert_same_bits(params, whole.kept[trial])


def test_a_result_goes_on_in_memory(whole):
    short = sweep(scheduler=None, **SHORT, keep=16)
    extended = short.extend(trials=16)
    assert_same_sweep(extended, whole)
    assert_same_bits(short.trials, extended.trials[:8])
    assert len(short.trials) == 8
    with pytest.raises(ValueError, match="this result was extended before, to 16 trials; extend that one"):
        short.extend(trials=9)
    with pytest.raises(ValueError, match=r"extend: trials must be at least 17, not 16"):
        extended.extend(trials=16)


def test_a_scheduler_goes_on_in_memory():
    extended = sweep(**SHORT).extend(trials=16)
    assert_same_up_to_ends(extended, sweep(**LONG))
    np.testing.assert_array_equal(extended.scores[:8], sweep(**SHORT).scores)


def test_a_grid_has_no_more_settings():
    result = sweep(sampler="grid", **SHORT)
    with pytest.warns(UserWarning, match="extend: the sampler has no more settings"):
        assert len(result.extend(trials=9).trials) == 8


def test_what_cannot_go_on_is_refused(tmp_path):
    saved = sweep(tmp_path, **SHORT)
    for result in (saved, nn.sweeps.load(tmp_path), pickle.loads(pickle.dumps(sweep(**SHORT)))):
        with pytest.raises(ValueError, match="only the result of a sweep without a directory can go on"):
            result.extend(trials=16)
    with pytest.raises(ValueError, match="extend: 8 of 8 trials are unfinished; a sweep with directory= goes on"):
        sweep(**SHORT, seconds=1e-9).extend(trials=16)
