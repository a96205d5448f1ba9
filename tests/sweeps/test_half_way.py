"""A sweep that ends half way: an exception, Ctrl-C, a time limit, a target score; what is left, and `load`."""

import os
import signal

import jax
import numpy as np
import optax
import pytest

import jaxnn as nn
from helpers.resumable_runs import (
    SPACE,
    TRAIN,
    VALIDATION,
    WIDTHS,
    InjectedError,
    assert_same_bits,
    assert_same_sweep,
    make_recipe,
    sweep,
)  # fmt: skip

ENDED = ("finished", "stopped")


@pytest.fixture(scope="module")
def whole():
    return sweep()


def assert_part_of(part, whole, least=1):
    """Asserts that the trials that have ended are those of the whole sweep, and that the others are unfinished."""
    ended = [trial.trial for trial in part.trials if trial.status in ENDED]
    assert {trial.status for trial in part.trials if trial.trial not in ended} <= {"unfinished"}
    assert least <= len(ended) < len(whole.trials)
    for number in ended:
        assert_same_bits(part.trials[number]._replace(seconds=0.0), whole.trials[number]._replace(seconds=0.0))
    return ended


def test_an_exception_carries_the_trials_that_have_ended(whole):
    with pytest.raises(InjectedError) as error:
        sweep(end_at=6)
    result = error.value.sweep_result
    ended = assert_part_of(result, whole)
    assert len(ended) == 6
    assert error.value.__notes__ == ["sweep: 6 of 18 trials have ended; the exception's sweep_result holds them"]
    assert result.best.trial in ended
    assert len(result.table()) == 18
    assert "12 unfinished" in repr(result)
    assert_same_bits(result.replay(ended[0]).curves, whole.trials[ended[0]].curves)


def test_an_exception_leaves_a_checkpoint_after_the_last_chunk(tmp_path, whole):
    with pytest.raises(InjectedError) as error:
        sweep(tmp_path, end_at=10, save_every=1e6)
    loaded = nn.sweeps.load(tmp_path)
    ended = assert_part_of(loaded, whole)
    # The chunk that the exception ended is not in the journal.
    assert len(ended) < len([trial for trial in error.value.sweep_result.trials if trial.status in ENDED]) == 10
    with pytest.raises(InjectedError):
        sweep(tmp_path, end_at=18 - len(ended), save_every=1e6)
    assert_same_sweep(sweep(tmp_path), whole)


def test_ctrl_c_with_a_directory_saves_and_carries_the_result(tmp_path, whole, default_signals):
    def interrupt(trial, _values):
        if trial == 3:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt) as error:
        nn.sweep(
            make_recipe, SPACE, TRAIN, key=jax.random.key(0), validation=VALIDATION, trials=18, epochs=9, lanes=4,
            keep=3, scheduler=nn.asha(grace_period=1), directory=tmp_path, log=interrupt, progress=False,
        )  # fmt: skip
    assert_part_of(error.value.sweep_result, whole)
    assert_part_of(nn.sweeps.load(tmp_path), whole)
    assert_same_sweep(sweep(tmp_path), whole)


def test_a_time_limit_ends_the_sweep_after_a_chunk_and_a_later_call_goes_on(tmp_path, whole):
    part = sweep(tmp_path, seconds=1e-9)
    assert len(part.chunks) == 1
    assert_part_of(part, whole, least=0)
    part = sweep(tmp_path, seconds=1e-9)
    assert len(part.chunks) == 2
    assert_same_sweep(sweep(tmp_path, seconds=1e3), whole)


def test_a_target_score_ends_the_sweep(whole):
    ranked = sorted(whole.scores[np.isfinite(whole.scores)])
    part = sweep(target_score=ranked[-6])
    assert_part_of(part, whole)
    assert part.best.score >= ranked[-6]
    assert len(sweep(target_score=1.0).chunks) == len(whole.chunks)


def test_a_directory_opens_without_the_code_that_made_it(tmp_path):
    result = sweep(tmp_path, space=WIDTHS)
    loaded = nn.sweeps.load(str(tmp_path))
    assert_same_sweep(loaded, result)
    assert loaded.table() == result.table()
    assert loaded.chunks == result.chunks
    assert loaded.space == WIDTHS
    assert loaded.occupancy == result.occupancy
    np.testing.assert_array_equal(loaded.curves("losses"), result.curves("losses"))
    assert [column.path for column in loaded.columns()] == ["learning_rate", "width"]
    assert loaded.best.hypers == result.best.hypers
    weights = loaded.best.params["output"].weight[0]
    assert weights.shape == (result.best.hypers["width"], 3)
    assert nn.predict(result.best.recipe.model, loaded.params(loaded.best.trial, lane=0), VALIDATION[0]).shape[1] == 3
    for call in (lambda: loaded.recipe_of(0), lambda: loaded.replay(0), lambda: loaded.predict(VALIDATION[0])):
        with pytest.raises(ValueError, match="without the code that made it"):
            call()


def test_folds_populations_and_nested_spaces_open_too(tmp_path):
    def make(hypers):
        kind = hypers["optimizer"]
        return make_recipe({"learning_rate": kind["learning_rate"], "width": hypers["width"]})

    space = {
        "width": nn.sizes(2, 6),
        "optimizer": nn.choice({"kind": "adam", "learning_rate": nn.log_uniform(1e-3, 1e-1)}),
        "activation": nn.choice(nn.relu),
    }
    options = {
        "space": space, "make": make, "validation": None, "folds": 2, "lanes": 36, "epochs": 6,
        "scheduler": nn.population_based(perturbation_interval=2),
    }  # fmt: skip
    with pytest.warns(UserWarning, match="does not use 'activation'"):
        result = sweep(tmp_path, **options)
    loaded = nn.sweeps.load(tmp_path)
    assert_same_sweep(loaded, result)
    assert any(trial.copies for trial in loaded.trials)
    expected = result.hypers_of(result.best.trial) | {"activation": "jaxnn.activations.relu"}
    assert loaded.best.hypers == expected


def test_params_of_params_and_layers_without_bias_open_too(tmp_path):
    def init(key):
        keys = jax.random.split(key)
        return {"gru": nn.init_gru(keys[0], 4, 5), "weight": nn.init_dense(keys[1], 5, 3, bias=False)}

    def apply(params, x, *, key=None):
        return nn.dense(params["weight"], nn.gru(params["gru"], x[:, None])[:, 0])

    model = nn.Model(init, apply)

    def make(hypers):
        return nn.Recipe(model, nn.cross_entropy, optax.sgd(hypers["learning_rate"]))

    result = sweep(tmp_path, make=make, trials=4, epochs=2, scheduler=None)
    assert_same_sweep(nn.sweeps.load(tmp_path), result)


def test_what_holds_no_sweep_is_refused(tmp_path, as_installed):
    with pytest.raises(ValueError, match=r"load: directory=.* holds no sweep"):
        nn.sweeps.load(tmp_path)
    with pytest.raises(TypeError, match="path"):
        nn.sweeps.load(3)


def test_the_best_is_the_best_of_all_that_have_ended(tmp_path):
    """Parameters of the best epoch are replayed at a limit; after an exception they may not be at hand."""
    options = {"space": {"learning_rate": nn.log_uniform(0.05, 1.0)}, "scheduler": None, "keep_epoch": "best"}
    options |= {"epochs": 12, "trials": 24, "keep": 1}
    part = sweep(tmp_path, seconds=1e-9, **options)
    assert_same_bits(nn.sweeps.load(tmp_path).best.params, part.best.params)
    with pytest.raises(InjectedError) as error:
        sweep(end_at=6, **options)
    result = error.value.sweep_result
    best = max((trial for trial in result.trials if trial.status == "finished"), key=lambda trial: trial.score)
    assert result.best.trial == best.trial
    if result.best.params is None:
        assert "params: not at hand; replay computes them" in repr(result.best)
    assert f"best: trial {best.trial}, " in repr(result)
    assert_same_bits(result.replay(best.trial).curves, jax.tree.map(lambda c: c[:, : best.score_epoch], best.curves))


@pytest.mark.usefixtures("as_installed")
def test_limits_are_checked():
    with pytest.raises(ValueError, match=r"seconds must be positive, or None for no limit, not 0"):
        sweep(seconds=0)
    with pytest.raises(TypeError, match="target_score"):
        sweep(target_score="high")
    with pytest.raises(ValueError, match="not NaN, which no score reaches"):
        sweep(target_score=float("nan"))
