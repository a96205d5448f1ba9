"""Weights of examples: in the loss, in minibatches, folds and lanes, and those that balance classes."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import sklearn.utils

import jaxnn as nn
from helpers.errors import error_message
from helpers.small_recipes import select_lane
from jaxnn.sweeps.engine.folds import choose_labels

X = np.random.default_rng(0).normal(size=(20, 3)).astype("f")
LABELS = (np.arange(20) % 5 == 0).astype(int)
WEIGHTS = np.linspace(0, 2, 20)
BALANCED = nn.balanced_weights(LABELS)


def recipe(loss=nn.cross_entropy, outputs: int = 2, **options) -> nn.Recipe:
    return nn.Recipe(nn.mlp([3, 4, outputs]), nn.weighted(loss), optax.sgd(0.1), **options)


def test_a_weighted_loss_is_the_loss_times_the_weight() -> None:
    logits = X[:, :2]
    expected = nn.cross_entropy(logits, LABELS) * WEIGHTS.astype("f")
    np.testing.assert_array_equal(nn.weighted(nn.cross_entropy)(logits, (LABELS, WEIGHTS)), expected)


def test_whole_weights_train_as_repeated_rows() -> None:
    """The reduction divides by the number of examples: 20 weighted ones, or 40 repeated ones with half the loss."""
    repeats = np.arange(20) % 5
    key = jax.random.key(0)
    repeated = recipe()._replace(loss=lambda outputs, labels: nn.cross_entropy(outputs, labels) * 40 / 20)
    rows = np.repeat(np.arange(20), repeats)
    weighted = nn.fit(recipe(), (X, (LABELS, repeats.astype("f"))), key=key, epochs=20)
    alone = nn.fit(repeated, (X[rows], LABELS[rows]), key=jax.random.key(0), epochs=20)
    np.testing.assert_allclose(weighted.losses, alone.losses, rtol=1e-5)


def test_balanced_weights_are_those_of_scikit_learn() -> None:
    expected = sklearn.utils.class_weight.compute_sample_weight("balanced", LABELS)
    np.testing.assert_allclose(BALANCED, expected, rtol=1e-6)
    np.testing.assert_allclose(nn.balanced_weights(np.array(["a", "b", "b", "b"])), [2, 2 / 3, 2 / 3, 2 / 3], rtol=1e-6)


def test_folds_are_stratified_by_the_labels_and_not_by_the_weights() -> None:
    found = choose_labels((LABELS, BALANCED), 20, "auto")
    assert found is not None
    assert found.name == "targets.0"
    np.testing.assert_array_equal(found.values, LABELS)
    many = choose_labels((np.eye(2)[LABELS], BALANCED), 20, "auto")
    assert many is not None
    assert many.name == "targets.0"


SCORES = {
    "weighted": nn.weighted(functools.partial(nn.f1, average="macro")),
    "weighted_loss": nn.weighted(nn.negative(nn.log_loss)),
    "f1": functools.partial(nn.f1, average="macro"),
    "balanced": nn.balanced_accuracy,
    "plain": nn.accuracy,
    "log_loss": nn.log_loss,
}


def take_targets(score, rows: np.ndarray):
    """Returns labels, with weights for a score that takes them."""
    return (LABELS[rows], BALANCED[rows]) if score in (SCORES["weighted"], SCORES["weighted_loss"]) else LABELS[rows]


def test_a_sweep_over_folds_takes_weights_and_gives_the_scores_of_the_rows_of_each_fold() -> None:
    data, folds = (X, (LABELS, BALANCED)), nn.k_folds(jax.random.key(0), 20, 3, stratify=LABELS)
    result = nn.sweep(
        lambda h: recipe(functools.partial(nn.cross_entropy, label_smoothing=h["smoothing"])),
        {"smoothing": nn.uniform(0.0, 0.3)}, data, key=jax.random.key(0), trials=3, epochs=4, folds=folds,
        score=nn.auc, metrics=SCORES, progress=False,
    )  # fmt: skip
    assert not folds.mask.all()
    # Functions that the host computes have values in the last epoch alone.
    assert all(np.isfinite(result.curves(name)).all() for name in SCORES)
    best, rows = result.best, [rows[mask] for rows, mask in zip(folds.validation, folds.mask, strict=True)]
    outputs = [best.recipe.model.apply(select_lane(best.params, fold), X[rows[fold]]) for fold in range(3)]
    expected = {
        name: np.mean([score(outputs[fold], take_targets(score, rows[fold])) for fold in range(3)])
        for name, score in {"scores": nn.auc, **SCORES}.items()
    }
    for name, value in expected.items():
        np.testing.assert_allclose(result.curves(name)[best.trial, -1], value, rtol=1e-5, err_msg=name)


def test_train_and_evaluate_take_scores_of_weighted_targets() -> None:
    data = X, (LABELS, BALANCED)
    trained = nn.train(
        recipe(batch_size=8), data, key=jax.random.key(0), epochs=2, validation=data, score=nn.auc, progress=False
    )
    evaluated = nn.evaluate(recipe(), trained.params, data, score=nn.auc)
    outputs = nn.predict(recipe().model, trained.params, X)
    balanced = nn.evaluate(recipe(), trained.params, data, score=nn.weighted(nn.accuracy)).score
    np.testing.assert_allclose(balanced, nn.balanced_accuracy(outputs, LABELS), rtol=1e-6)
    np.testing.assert_allclose(evaluated.score, nn.auc(outputs, LABELS), rtol=1e-6)
    np.testing.assert_allclose(evaluated.loss, (BALANCED * nn.cross_entropy(outputs, LABELS)).mean(), rtol=1e-5)


ERRORS = {
    "not a pair": (lambda: LABELS, "weighted: targets must be a pair (targets, weights), not ndarray"),
    "whole weights": (
        lambda: (LABELS, np.ones(20, int)),
        "weighted: weights must be an array of floats, not int64; targets are (labels, weights)",
    ),
    "a column": (
        lambda: (LABELS, np.ones((20, 1))),
        "weighted: weights must have shape (20,), one for each example, not (20, 1)",
    ),
    "negative": (
        lambda: (LABELS, np.where(np.arange(20) == 7, -0.5, 1.0)),
        "weighted: weights must be at least 0, but row 7 holds -0.5",
    ),
    "a label out of range": (
        lambda: (LABELS + 5 * (np.arange(20) == 3), WEIGHTS),
        "cross_entropy: labels must lie in 0 … 1 for 2 classes, but row 3 holds 5",
    ),
}


@pytest.mark.parametrize("name", ERRORS)
def test_an_error_names_what_is_wrong_with_the_weights(name: str, as_installed: None) -> None:
    targets, message = ERRORS[name]
    with pytest.raises((TypeError, ValueError)) as error:
        nn.fit(recipe(), (X, targets()), key=jax.random.key(0), epochs=1)
    assert str(error.value) == message


def test_balanced_weights_need_known_labels(as_installed: None) -> None:
    message = error_message(TypeError, lambda: jax.jit(nn.balanced_weights)(jnp.arange(3)))
    assert message.startswith("balanced_weights: labels must be known here")
    message = error_message(ValueError, lambda: nn.balanced_weights(np.zeros((3, 1))))
    assert message == "balanced_weights: labels must have shape (batch,), at least one, not (3, 1)"
    message = error_message(TypeError, lambda: nn.weighted("cross_entropy"))
    assert message == "weighted: loss must be a function of outputs and targets, not 'cross_entropy'"
