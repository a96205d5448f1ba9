"""Bad folds, groups, preparations and refits of a sweep."""

import numpy as np
from sklearn.model_selection import GroupKFold, KFold, PredefinedSplit, RepeatedKFold, ShuffleSplit

import jaxnn as nn
from helpers.bad_input.parts import LABELS, X, replace_at
from helpers.bad_input.sweep import sweep


def splits(folds, **options):
    return sweep(validation=None, folds=folds, **options)


# Training rows, validation rows and mask of two folds.
ROWS = np.array([[0, 1], [2, 3]]), np.array([[4], [5]]), np.ones((2, 1), bool)


def one_feature_where_few(x):
    features = min(len(x), 2)
    return lambda x: x[:, :features]


UNEQUAL = nn.Folds(*ROWS, np.array([[True, True], [True, False]]))
FOLD_CALLS = {
    "prepare a string": (
        splits(3, prepare="standard"),
        TypeError,
        "sweep: prepare must be a function of x, such as nn.standard_scaling, not 'standard'",
    ),
    "prepare that fits nothing": (
        splits(UNEQUAL, prepare=lambda x: x),
        TypeError,
        "sweep: prepare must return a function of x, as nn.standard_scaling does, not ndarray",
    ),
    "prepare that drops rows": (
        splits(UNEQUAL, prepare=lambda x: lambda x: x[1:]),
        ValueError,
        "sweep: training rows of fold 0: prepare must keep the number of rows, 2, not make 1 of them",
    ),
    "prepare that gives infinity": (
        splits(UNEQUAL, prepare=lambda x: lambda x: x + np.where(len(x) > 1, 0, np.inf)),
        ValueError,
        "sweep: validation rows of fold 0: the prepared x must be finite, but row 0, column 0 holds inf",
    ),
    "prepare of other shapes": (
        splits(UNEQUAL, prepare=one_feature_where_few),
        ValueError,
        "sweep: prepare must give examples of one shape; fold 1 has (1,) in its training rows, (1,) in its validation "
        "rows, (2,) in fold 0",
    ),
    "scaling that refuses NaN": (
        splits(UNEQUAL, data=(replace_at(X, (1, 2), np.nan), LABELS), prepare=nn.standard_scaling),
        ValueError,
        "standard_scaling: x must be finite, but row 1, column 2 holds nan",
    ),
    "prepared validation of NaN": (
        sweep(validation=(replace_at(X, (3, 1), np.nan), LABELS), prepare=lambda x: lambda x: x),
        ValueError,
        "sweep: validation: the prepared x must be finite, but row 3, column 1 holds nan",
    ),
    "targets of NaN before a preparation": (
        splits(3, data=(X, replace_at(X, (1, 0), np.nan)), prepare=nn.standard_scaling),
        ValueError,
        "sweep: targets must be finite, but row 1, column 0 holds nan",
    ),
    "a splitter that shuffles anew": (
        splits(ShuffleSplit()),
        ValueError,
        "sweep: ShuffleSplit shuffles with random_state=None, which gives other folds in every process; use a whole "
        "number, such as random_state=0",
    ),
    "folds that shuffle anew": (
        splits(KFold(3, shuffle=True)),
        ValueError,
        "sweep: KFold shuffles with random_state=None, which gives other folds in every process; use a whole number, "
        "such as random_state=0",
    ),
    "a generator that splits move on": (
        splits(RepeatedKFold(random_state=np.random.RandomState(0))),
        ValueError,
        "sweep: RepeatedKFold shuffles with random_state=RandomState(MT19937)…",
    ),
    "group folds without groups": (
        splits(GroupKFold(3)),
        ValueError,
        "sweep: GroupKFold cannot split the data: The 'groups' parameter should not be None.",
    ),
    "groups without folds": (
        sweep(groups=LABELS),
        ValueError,
        "sweep: groups= needs folds=, since a validation part is not divided",
    ),
    "more folds than groups": (
        splits(4, groups=LABELS),
        ValueError,
        "sweep: folds must be at most the number of groups, 3, not 4",
    ),
    "groups and labels": (
        splits(3, groups=LABELS, stratify=LABELS),
        ValueError,
        "sweep: give stratify= or groups=; StratifiedGroupKFold of scikit-learn respects both",
    ),
    "groups of another length for a number of folds": (
        splits(3, groups=LABELS[:3]),
        ValueError,
        "sweep: groups must have shape (15,), one label for each row, not (3,)",
    ),
    "groups of another length": (
        splits(GroupKFold(3), groups=LABELS[:3]),
        ValueError,
        "sweep: groups must have shape (15,), one label for each row, not (3,)",
    ),
    "groups of NaN": (
        splits(GroupKFold(3), groups=replace_at(LABELS, 2, np.nan)),
        ValueError,
        "sweep: groups must be finite, but row 2 holds nan",
    ),
    "row numbers and groups": (
        splits(nn.Folds(*ROWS), groups=LABELS),
        ValueError,
        "sweep: nn.Folds are row numbers, so stratify= and groups= cannot change them",
    ),
    "no folds at all": (splits(PredefinedSplit(-np.ones(15))), ValueError, "sweep: PredefinedSplit gives no folds"),
    "a fold without training rows": (
        splits(nn.Folds(*ROWS, np.array([[True, True], [False, False]]))),
        ValueError,
        "sweep: fold 1 needs training rows, not an array of shape (0,)",
    ),
    "a fold without validation rows": (
        splits(nn.Folds(*ROWS[:2], np.array([[False], [True]]))),
        ValueError,
        "sweep: fold 0 needs validation rows, not an array of shape (0,)",
    ),
    "a row number out of range": (
        splits(nn.Folds(np.array([[0, 1], [2, 15]]), *ROWS[1:])),
        ValueError,
        "sweep: the training rows of fold 1 must lie in 0 … 14, but hold 15",
    ),
    "a row number below 0": (
        splits(nn.Folds(ROWS[0], np.array([[-1], [5]]), ROWS[2])),
        ValueError,
        "sweep: the validation rows of fold 0 must lie in 0 … 14, but hold -1",
    ),
    "fractional row numbers": (
        splits(nn.Folds(ROWS[0] + 0.5, *ROWS[1:])),
        TypeError,
        "sweep: the training rows of fold 0 must be whole numbers, not float64",
    ),
    "a row to learn and to score": (
        splits(nn.Folds(ROWS[0], np.array([[4], [3]]), ROWS[2])),
        ValueError,
        "sweep: fold 1 has row 3 among its training and its validation rows, so the score would be that of rows it has "
        "learned",
    ),
    "folds of different lengths": (
        splits(nn.Folds(ROWS[0], ROWS[1][:1], ROWS[2])),
        ValueError,
        "sweep: folds.validation must have shape (folds, rows), not (1, 1)",
    ),
    "a mask of another shape": (
        splits(nn.Folds(*ROWS[:2], np.ones((2, 3), bool))),
        ValueError,
        "sweep: folds.mask must be bools of shape (2, 1), one for each row number, not bool of shape (2, 3)",
    ),
    "refit a number of epochs": (sweep(refit=100), TypeError, "sweep: refit must be True or False, not 100"),
    "refit of a population": (
        sweep(refit=True, scheduler=nn.population_based(perturbation_interval=1)),
        ValueError,
        "sweep: refit=True trains one setting, but this scheduler changes settings during a trial",
    ),
}
