"""The folds of a sweep are stratified by the labels among its targets, and say so."""

import jax
import numpy as np
import optax
import pytest

import jaxnn as nn
from jaxnn.sweeps.engine.folds import choose_labels, make_folds

COUNT, FOLDS = 100, 5
# One class of a tenth of the rows, in random places.
RARE = np.random.default_rng(0).permutation(np.arange(COUNT) < 10)
WEIGHTS = np.random.default_rng(1).uniform(0.5, 2, COUNT)

TARGETS = {
    "whole numbers": (RARE.astype(int), "targets"),
    "bytes": (RARE.astype("u1"), "targets"),
    "bools": (RARE, "targets"),
    "zeros and ones": (RARE.astype("f"), "targets"),
    "a column of zeros and ones": (RARE[:, None].astype("f"), "targets"),
    "one-hot": (np.eye(2, dtype="f")[RARE.astype(int)], "targets"),
    "a pair with weights": ((RARE.astype(int), WEIGHTS), "targets.0"),
    "a pair, weights first": ((WEIGHTS, RARE), "targets.1"),
    "a dict": ({"weight": WEIGHTS, "class": RARE.astype(int)}, "targets.class"),
    "whole numbers before a mask": ({"a_mask": WEIGHTS > 1, "label": RARE.astype(int)}, "targets.label"),
    "several labels of each row": (np.stack([RARE, ~RARE], axis=1), "targets"),
    "JAX arrays": ((jax.numpy.asarray(RARE), jax.numpy.asarray(WEIGHTS)), "targets.0"),
}


@pytest.mark.parametrize("name", TARGETS)
def test_every_fold_has_its_share_of_the_rare_class(name: str) -> None:
    targets, path = TARGETS[name]
    labels = choose_labels(targets, COUNT, "auto")
    assert labels is not None
    assert labels.name == path
    for seed in range(5):
        folds = make_folds(jax.random.key(seed), COUNT, FOLDS, labels)
        assert [RARE[rows].sum() for rows in folds.validation] == [2] * FOLDS


@pytest.mark.parametrize(
    "targets",
    [WEIGHTS, WEIGHTS[:, None], None, np.random.default_rng(0).integers(0, 2, (COUNT, 8, 8, 1)).astype("f")],
    ids=["numbers", "a column", "no targets", "images of zeros and ones"],
)
def test_targets_without_labels_are_not_stratified(targets) -> None:
    assert choose_labels(targets, COUNT, "auto") is None


def make_recipe(hypers):
    def loss(outputs, targets):
        labels, weights = targets
        return weights * nn.cross_entropy(outputs, labels)

    return nn.Recipe(nn.mlp([1, 2]), loss, optax.sgd(hypers["rate"]))


def sweep(**options):
    data = WEIGHTS[:, None].astype("f"), (RARE.astype(int), WEIGHTS.astype("f"))
    space = {"rate": nn.uniform(0, 1)}
    options = {"trials": 2, "epochs": 1, "folds": FOLDS, "progress": False} | options
    return nn.sweep(make_recipe, space, data, key=jax.random.key(0), **options)


def test_a_sweep_says_what_it_stratified_by() -> None:
    groups = np.arange(COUNT) // 50
    for stratify, name in (("auto", "targets.0"), (None, ""), (groups, "stratify"), (groups.astype(str), "stratify")):
        result = sweep(stratify=stratify)
        assert result.stratified_by == name
        assert (f"stratified by {name}" in repr(result)) == bool(name)
        counts = [RARE[rows].sum() for rows in result.plan.folds.validation]
        assert (counts == [2] * FOLDS) == (name == "targets.0")
        if name == "stratify":
            assert [groups[rows].sum() for rows in result.plan.folds.validation] == [10] * FOLDS


def test_a_class_with_fewer_rows_than_folds_is_named() -> None:
    labels = np.where(np.arange(COUNT) < 3, 2, RARE.astype(int))
    with pytest.warns(UserWarning, match="class 2 of targets has 3 examples, fewer than the 5 folds"):
        make_folds(jax.random.key(0), COUNT, FOLDS, choose_labels(labels, COUNT, "auto"))
    # Counts are whole numbers too, but no classes.
    make_folds(jax.random.key(0), COUNT, FOLDS, choose_labels(np.arange(COUNT) ** 2, COUNT, "auto"))


def test_labels_without_folds_are_refused() -> None:
    with pytest.raises(ValueError, match="stratify= needs folds=k"):
        sweep(folds=None, validation=(np.ones((4, 1), "f"), (np.zeros(4, int), np.ones(4, "f"))), stratify=RARE)


@pytest.mark.parametrize(
    ("stratify", "message"),
    [
        (np.arange(3), r'stratify must be "auto", None or an array of shape \(100,\), .* not \(3,\)'),
        ("labels", r"""stratify must be "auto", None or an array .* not 'labels'"""),
        (np.where(RARE, np.nan, 1.0), "stratify must be finite, but row"),
    ],
)
def test_other_values_are_refused(stratify, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        sweep(stratify=stratify)
