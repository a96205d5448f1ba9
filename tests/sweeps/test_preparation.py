"""`prepare`: fitted on the training rows of each fold, and applied to all rows of that fold."""

import functools
import pickle

import jax
import numpy as np
import optax
import pytest

import jaxnn as nn
from helpers.resumable_runs import InjectedError, assert_same_bits, assert_same_sweep
from helpers.unequal_folds import LABELS, SPLITS, Splitter, X

SPACE = {"learning_rate": nn.log_uniform(1e-2, 1e-1)}
# Features of different sizes, as float64, which the scaling of a fold makes equal.
RAW = X * np.array([1.0, 100.0, 1e-3, 10.0]) + 5.0


def make_recipe(hypers):
    return nn.Recipe(nn.mlp([4, 6, 3]), nn.cross_entropy, optax.sgd(hypers["learning_rate"]), batch_size=8)


def sweep(data=(RAW, LABELS), prepare=nn.standard_scaling, **options):
    options = {"folds": Splitter(), "trials": 2, "epochs": 4, "keep": 2, "lanes": 12, "progress": False} | options
    return nn.sweep(make_recipe, SPACE, data, key=jax.random.key(0), prepare=prepare, **options)


@pytest.fixture(scope="module")
def swept():
    return sweep()


def test_a_lane_is_a_fit_on_the_scaled_rows_of_its_fold(swept):
    rate = float(np.float32(swept.hypers_of(1)["learning_rate"]))
    fit = jax.jit(lambda rate, data, key: nn.fit(make_recipe({"learning_rate": rate}), data, key=key, epochs=4))
    for lane, (train, validation) in enumerate(SPLITS):
        scaling = nn.standard_scaling(RAW[train])
        assert_same_bits(swept.preparations[lane], scaling)
        key = jax.random.fold_in(jax.random.fold_in(jax.random.key(0), 1), 0)
        fitted = fit(rate, (nn.scale(scaling, RAW[train]), LABELS[train]), key)
        curves = swept.trials[1].curves
        np.testing.assert_allclose(curves.losses[lane], fitted.losses, rtol=1e-5)
        scored = nn.scale(scaling, RAW[validation]), LABELS[validation]
        expected = nn.evaluate(swept.recipe_of(1), fitted.params, scored).loss
        np.testing.assert_allclose(curves.validation_losses[lane, -1], expected, rtol=1e-5)


def test_predict_scales_new_rows_for_each_lane_as_its_training_rows(swept):
    new, best = RAW[:7] * 1.3, swept.best.trial
    outputs = [
        nn.predict(swept.recipe_of(best).model, swept.params(best, lane=lane), nn.scale(scaling, new))
        for lane, scaling in enumerate(swept.preparations)
    ]
    np.testing.assert_allclose(swept.predict(new), np.mean(outputs, axis=0), rtol=1e-6)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(swept)).predict(new), swept.predict(new))


def test_repeats_share_the_preparations_of_the_folds():
    result = sweep(folds=2, repeats=2, trials=1, keep=1)
    assert len(result.preparations) == 2
    lanes = [(lane, result.preparations[lane % 2]) for lane in range(4)]
    model, trial = result.recipe_of(0).model, 0
    outputs = [nn.predict(model, result.params(trial, lane=lane), scaling(RAW)) for lane, scaling in lanes]
    np.testing.assert_allclose(result.predict(RAW), np.mean(outputs, axis=0), rtol=1e-6)


def test_with_a_validation_part_the_data_is_fitted():
    train, validation = (RAW[:40], LABELS[:40]), (RAW[40:], LABELS[40:])
    result = sweep(train, folds=None, validation=validation)
    assert_same_bits(result.preparations, (nn.standard_scaling(train[0]),))
    scaling = nn.standard_scaling(train[0])
    scaled = [(np.asarray(scaling(x)), labels) for x, labels in (train, validation)]
    expected = sweep(scaled[0], prepare=None, folds=None, validation=scaled[1])
    assert_same_bits(result.kept, expected.kept)
    assert_same_bits(result.curves(), expected.curves())
    np.testing.assert_array_equal(result.predict(RAW), expected.predict(scaling(RAW)))


def test_what_a_fold_learns_does_not_depend_on_its_validation_rows():
    """Scaling all rows first lets the training know them."""
    other = RAW.copy()
    other[SPLITS[0][1]] *= 7  # validation rows of fold 0, some of which other folds train on
    inside = [sweep((x, LABELS)).params(0, lane=0) for x in (RAW, other)]
    assert_same_bits(*inside)
    before = [sweep((nn.standard_scaling(x)(x), LABELS), prepare=None).params(0, lane=0) for x in (RAW, other)]
    difference = jax.tree.map(lambda a, b: np.abs(a - b).max(), *before)
    assert min(jax.tree.leaves(difference)) > 1e-3


def test_scaling_all_rows_of_heavy_tails_first_promises_too_much():
    """The largest of n rows, scaled with itself, is at most √n, however far it lies from the others."""
    rng = np.random.default_rng(4)
    x = rng.standard_cauchy((40, 1))
    y = np.sign(x) + 0.1 * rng.normal(size=x.shape)

    def make_line(hypers):
        return nn.Recipe(nn.mlp([1, 1]), nn.squared_error, optax.sgd(hypers["learning_rate"]))

    def best_loss(x, prepare):
        result = nn.sweep(
            make_line, SPACE, (x, y), key=jax.random.key(0), trials=2, epochs=60, folds=10, prepare=prepare,
            evaluate_at="rungs", progress=False,
        )  # fmt: skip
        return -result.best.score

    assert best_loss(x, nn.standard_scaling) > 10 * best_loss(np.asarray(nn.standard_scaling(x)(x)), None)


def test_a_preparation_may_fill_gaps_and_change_the_number_of_features():
    gaps = RAW.copy()
    gaps[::5, 1] = np.nan

    def fill_first_two(x):
        means = np.nanmean(x, axis=0)
        return lambda x: np.where(np.isnan(x), means, x)[:, :2] / 100

    result = nn.sweep(
        lambda hypers: make_recipe(hypers)._replace(model=nn.mlp([2, 3])), SPACE, (gaps, LABELS),
        key=jax.random.key(0), trials=1, epochs=2, folds=3, prepare=fill_first_two, progress=False,
    )  # fmt: skip
    assert np.isfinite(result.scores).all()
    assert result.predict(gaps).shape == (len(X), 3)


def test_replay_and_a_resumed_sweep_have_the_same_bits(tmp_path):
    options = {"scheduler": nn.asha(grace_period=1, reduction_factor=2), "trials": 6, "keep": 6}
    result, ended = sweep(**options), []
    assert_same_bits(result.replay(result.best.trial).params, result.best.params)

    def fail(trial, _values):
        ended.append(trial)
        if len(ended) == 4:
            raise InjectedError

    with pytest.raises(InjectedError):
        sweep(directory=tmp_path / "run", save_every=1e-6, log=fail, **options)
    for prepare in (nn.min_max_scaling, None, functools.partial(nn.standard_scaling)):
        with pytest.raises(ValueError, match="prepare"):
            sweep(directory=tmp_path / "run", prepare=prepare, **options)
    assert_same_sweep(sweep(directory=tmp_path / "run", **options), result)
