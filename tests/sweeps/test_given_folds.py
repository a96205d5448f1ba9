"""Folds that the user gives: row numbers, and splitters of scikit-learn or of one's own."""

import jax
import numpy as np
import optax
import pytest
from sklearn import model_selection

import jaxnn as nn
from helpers.resumable_runs import InjectedError, assert_same_sweep
from helpers.unequal_folds import COUNT, LABELS, SPACE, SPLITS, Splitter, X
from jaxnn.sweeps.engine.parts import make_parts
from jaxnn.sweeps.engine.splits import check_folds


def make_recipe(hypers):
    model = nn.mlp([4, 9, 3], dropout=0.2)
    return nn.Recipe(model, nn.cross_entropy, optax.sgd(hypers["learning_rate"], momentum=0.9), batch_size=8)


def sweep(folds, **options):
    options = {"key": jax.random.key(5), "trials": 2, "epochs": 6, "keep": 2, "lanes": 12} | options
    return nn.sweep(make_recipe, SPACE, (X, LABELS), folds=folds, progress=False, **options)


def test_folds_of_one_size_are_the_program_and_bits_of_a_number_of_folds():
    counted = sweep(3, stratify=None)
    given = sweep(nn.k_folds(jax.random.fold_in(jax.random.key(5), 2**32 - 2), COUNT, 3))
    assert given.plan.folds.train_mask is None
    jax.tree.map(np.testing.assert_array_equal, given.kept, counted.kept)
    digests = [next(iter(result.programs.values())).digest for result in (given, counted)]
    assert digests[0] == digests[1]


def test_padding_anywhere_is_moved_behind_the_rows_and_a_mask_of_all_rows_is_none():
    train = np.array([[9, 4, 9, 2], [5, 6, 7, 8]])
    train_mask = np.array([[False, True, True, True], [True] * 4])
    given = nn.Folds(train, np.array([[0, 1], [2, 2]]), np.array([[True, True], [True, False]]), train_mask)
    folds = check_folds(given, 10)
    assert folds.train.tolist() == [[4, 9, 2, 4], [5, 6, 7, 8]]
    assert folds.train_mask.tolist() == [[True, True, True, False], [True] * 4]
    assert (folds.validation.tolist(), folds.mask.tolist()) == ([[0, 1], [2, 2]], [[True, True], [True, False]])
    assert check_folds(given._replace(train_mask=np.ones((2, 4), bool)), 10).train_mask is None


def test_replay_and_a_resumed_sweep_have_the_same_bits(tmp_path):
    options = {"scheduler": nn.asha(grace_period=2, reduction_factor=2), "trials": 6, "keep": 6}
    result = sweep(Splitter(), **options)
    best = result.best.trial
    jax.tree.map(np.testing.assert_array_equal, result.replay(best).params, result.params(best))

    ended = []

    def fail(trial, _values):
        ended.append(trial)
        if len(ended) == 4:
            raise InjectedError

    with pytest.raises(InjectedError):
        sweep(Splitter(), directory=tmp_path / "run", save_every=1e-6, log=fail, **options)
    with pytest.raises(ValueError, match="folds"):
        sweep(Splitter(SPLITS[::-1]), directory=tmp_path / "run", **options)
    assert_same_sweep(sweep(Splitter(), directory=tmp_path / "run", **options), result)
    assert nn.sweeps.load(tmp_path / "run").curves().shape == result.curves().shape


def test_a_fold_smaller_than_a_minibatch_is_named():
    with pytest.raises(ValueError, match=r"fold 1 has 7, and batch_size is 8"):
        sweep(Splitter([(np.arange(20), np.arange(30, 40)), (np.arange(7), np.arange(30, 40))]))


def test_a_directory_remembers_the_groups(tmp_path):
    groups = np.arange(COUNT) // 7
    result = sweep(3, groups=groups, directory=tmp_path / "run")
    assert result.plan.folds.train_mask is not None
    assert result.stratified_by == ""
    with pytest.raises(ValueError, match=r"another configuration: folds\.mask was"):
        sweep(3, groups=groups[::-1] // 2, directory=tmp_path / "run")


GROUPS = np.arange(COUNT) // 7
SPLITTERS = {
    "GroupKFold": model_selection.GroupKFold(4),
    "StratifiedGroupKFold": model_selection.StratifiedGroupKFold(3),
    "TimeSeriesSplit": model_selection.TimeSeriesSplit(4),
    "RepeatedKFold": model_selection.RepeatedKFold(n_splits=7, n_repeats=2, random_state=0),
    "ShuffleSplit": model_selection.ShuffleSplit(1, test_size=0.3, random_state=1),
    "LeaveOneGroupOut": model_selection.LeaveOneGroupOut(),
    "StratifiedKFold": model_selection.StratifiedKFold(7),
}


@pytest.mark.parametrize("name", SPLITTERS)
def test_splitters_of_scikit_learn_give_their_rows(name):
    splitter = SPLITTERS[name]
    groups = GROUPS if "Group" in name else None
    parts = make_parts(jax.random.key(0), (X, LABELS), validation=None, folds=splitter, stratify="auto", groups=groups)
    folds = parts.folds
    expected = list(splitter.split(X, LABELS, groups))
    assert len(folds.train) == len(expected)
    train_mask = np.ones(folds.train.shape, bool) if folds.train_mask is None else folds.train_mask
    for fold, (train, validation) in enumerate(expected):
        np.testing.assert_array_equal(folds.train[fold][train_mask[fold]], train)
        np.testing.assert_array_equal(folds.validation[fold][folds.mask[fold]], validation)
        assert set(folds.train[fold]) == set(train)
    assert parts.labels is None


def test_a_splitter_gets_the_labels_that_stratify_names_or_the_first_targets():
    seen = []

    class Recorder(Splitter):
        def split(self, x, y=None, groups=None):
            seen.append((x, y, groups))
            return super().split(x, y, groups)

    weights, strata = np.linspace(0, 1, COUNT), np.arange(COUNT) % 2
    for targets, stratify in (
        ((weights, LABELS), "auto"), ((weights, LABELS), strata), ((weights, LABELS), None), (None, "auto")
    ):  # fmt: skip
        make_parts(jax.random.key(0), (X, targets), validation=None, folds=Recorder(), stratify=stratify, groups=GROUPS)
    for (x, y, groups), expected in zip(seen, [LABELS, strata, weights, None], strict=True):
        np.testing.assert_array_equal(x, X)
        np.testing.assert_array_equal(groups, GROUPS)
        assert (y is None) if expected is None else (y == expected).all()


def test_groups_of_near_copies_are_known_rows_in_ordinary_folds_and_new_ones_in_group_folds():
    """A network learns groups by heart; what it learns of new ones is right in four of five."""
    rng = np.random.default_rng(0)
    groups, features = np.repeat(np.arange(60), 4), 30
    centers = rng.normal(size=(60, features))
    labels = (centers[:, 0] > 0) ^ (rng.random(60) < 0.25)
    x = (centers[groups] + 0.01 * rng.normal(size=(240, features))).astype("f")
    data = x, labels[groups].astype(int)

    def make_recipe(hypers):
        return nn.Recipe(nn.mlp([features, 64, 2]), nn.cross_entropy, optax.adam(hypers["learning_rate"]))

    def best_score(folds, **options):
        result = nn.sweep(
            make_recipe, {"learning_rate": nn.log_uniform(0.01, 0.02)}, data, key=jax.random.key(0), trials=2,
            epochs=60, folds=folds, score=nn.accuracy, evaluate_at="rungs", progress=False, **options,
        )  # fmt: skip
        return result.best.score

    assert best_score(5) > 0.98
    assert 0.5 < best_score(model_selection.GroupKFold(5), groups=groups) < 0.85
    assert 0.5 < best_score(5, groups=groups) < 0.85
