"""Bad input to splits, folds, scaling, minibatches, stopping rules and files."""

import numpy as np
import pandas as pd
import scipy.sparse

import jaxnn as nn
from helpers.bad_input.parts import KEY, KEYS, LABELS, X, replace_at

SCALING = nn.Scaling(np.zeros(4, "f"), np.ones(4, "f"))


def split(data=(X, LABELS), key=KEY, **options):
    return lambda: nn.train_test_split(key, data, **options)


def folds(count=15, k=3, key=KEY, **options):
    return lambda: nn.k_folds(key, count, k, **options)


FRACTION = "train_test_split: test must lie in (0, 1) and leave a row on both sides, not "
DATA_CALLS = {
    "split by a number": (split(key=0), TypeError, "key must be one jax.random.key, not 0; …"),
    "split by keys": (split(key=KEYS), TypeError, "key must be one jax.random.key, not an array of 2 keys; …"),
    "a fraction as a string": (split(test="0.2"), TypeError, "train_test_split: test must be a number, not '0.2'"),
    "a fraction None": (split(test=None), TypeError, "train_test_split: test must be a number, not None"),
    "an array of fractions": (
        split(test=np.array([0.1, 0.2])),
        TypeError,
        "train_test_split: test must be a number, not an array of shape (2,)",
    ),
    "a fraction NaN": (split(test=np.nan), ValueError, FRACTION + "nan of 15 rows"),
    "a fraction above 1": (split(test=3), ValueError, FRACTION + "3.0 of 15 rows"),
    "split of different lengths": (
        split((X, LABELS[:14])),
        ValueError,
        "train_test_split: every array needs one row for each example, but 0 has 15, 1 has 14",
    ),
    "split of None": (split(None), ValueError, "train_test_split: the data set is empty: None holds no array"),
    "split of a scalar": (
        split(3.0),
        ValueError,
        "train_test_split: data must have a first axis, the examples, but is the scalar 3.0",
    ),
    "split of a data frame": (
        split(pd.DataFrame(X)),
        TypeError,
        "train_test_split: data must be a NumPy or JAX array, not DataFrame: numpy.asarray(data) makes one",
    ),
    "split of a sparse table": (
        split((scipy.sparse.csr_matrix(X), LABELS)),
        TypeError,
        "train_test_split: 0 must be a NumPy or JAX array, not csr_matrix: 0.toarray() makes one",
    ),
    "split by one-hot labels": (
        split(stratify=np.eye(3)[LABELS]),
        ValueError,
        "train_test_split: stratify must have shape (15,), one label per row, not (15, 3)",
    ),
    "split by NaN": (
        split(stratify=replace_at(LABELS, 3, np.nan)),
        ValueError,
        "train_test_split: stratify must be finite, but row 3 holds nan",
    ),
    "folds by None": (
        folds(stratify=[None] * 15),
        TypeError,
        "k_folds: stratify must hold only numbers or only strings: …",
    ),
    "folds by labels and groups": (
        folds(stratify=LABELS, groups=LABELS),
        ValueError,
        "k_folds: give stratify or groups; StratifiedGroupKFold of scikit-learn respects both",
    ),
    "more folds than groups": (
        folds(k=4, groups=LABELS),
        ValueError,
        "k_folds: k must be at most the number of groups, 3, not 4",
    ),
    "folds by groups of NaN": (
        folds(groups=replace_at(LABELS, 3, np.nan)),
        ValueError,
        "k_folds: groups must be finite, but row 3 holds nan",
    ),
    "one fold": (folds(k=1), ValueError, "k_folds: k must be at least 2, not 1"),
    "more folds than rows": (folds(k=16), ValueError, "k_folds: k must be at most the number of rows, 15, not 16"),
    "folds True": (folds(k=True), TypeError, "k_folds: k must be a whole number, not True"),
    "folds fractional": (folds(k=2.5), TypeError, "k_folds: k must be a whole number, not 2.5"),
    "folds of 0 rows": (folds(count=0), ValueError, "k_folds: count must be at least 1, not 0"),
    "folds of an array": (folds(count=X), TypeError, "k_folds: count must be a whole number, not an array of shape …"),
    "folds by a number": (folds(key=1), TypeError, "key must be one jax.random.key, not 1; …"),
    "scaling of None": (
        lambda: nn.standard_scaling(None),
        TypeError,
        "standard_scaling: x must be an array, not NoneType",
    ),
    "scaling of strings": (
        lambda: nn.min_max_scaling(X.astype(str)),
        TypeError,
        "min_max_scaling: x must hold real numbers, not <U32; …",
    ),
    "scaling of complex numbers": (
        lambda: nn.standard_scaling(X + 0j),
        TypeError,
        "standard_scaling: x must hold real numbers, not complex64",
    ),
    "scaling of a data frame": (
        lambda: nn.min_max_scaling(pd.DataFrame(X)),
        TypeError,
        "min_max_scaling: x must be a NumPy or JAX array, not DataFrame: numpy.asarray(x) makes one",
    ),
    "scaling of a row": (
        lambda: nn.standard_scaling(X[0]),
        ValueError,
        "standard_scaling: x must have shape (batch, features), the batch axis included, not (4,); …",
    ),
    "scale by a pair": (
        lambda: nn.scale((0, 1), X),
        TypeError,
        "scale: scaling must be a Scaling, from standard_scaling or min_max_scaling, not (0, 1)",
    ),
    "scale of NaN": (
        lambda: nn.scale(SCALING, replace_at(X, (2, 1), np.nan)),
        ValueError,
        "scale: x must be finite, but row 2, column 1 holds nan",
    ),
    "scale of objects": (
        lambda: nn.scale(SCALING, X.astype(object)),
        TypeError,
        "scale: x must hold real numbers, not object; …",
    ),
    "minibatches of 0 rows": (
        lambda: nn.minibatches(KEY, 0, 1),
        ValueError,
        "minibatches: count must be at least 1, not 0",
    ),
    "batch size 0": (
        lambda: nn.minibatches(KEY, 5, 0),
        ValueError,
        "minibatches: batch_size must be at least 1, not 0",
    ),
    "batch size a float": (
        lambda: nn.minibatches(KEY, 5, 2.0),
        TypeError,
        "minibatches: batch_size must be a whole number, not 2.0",
    ),
    "batch size too large": (
        lambda: nn.minibatches(KEY, 5, 6),
        ValueError,
        "minibatches: batch_size must be at most the number of rows, 5, not 6",
    ),
    "minibatches by a number": (lambda: nn.minibatches(0, 5, 2), TypeError, "key must be one jax.random.key, not 0; …"),
    "tolerance a string": (
        lambda: nn.small_step("low"),
        TypeError,
        "small_step: tolerance must be a number, not 'low'",
    ),
    "tolerance NaN": (lambda: nn.small_step(np.nan), ValueError, "small_step: tolerance must be positive, not nan"),
    "patience fractional": (
        lambda: nn.no_improvement(2.5),
        TypeError,
        "no_improvement: patience must be a whole number, not 2.5",
    ),
    "tolerance None": (
        lambda: nn.no_improvement(5, None),
        TypeError,
        "no_improvement: tolerance must be a number, not None",
    ),
    "a bias that broadcasts": (
        lambda: nn.dense(nn.Affine(np.ones((4, 3), "f"), np.ones(1, "f")), X),
        ValueError,
        "dense: bias must have shape (3,), the outputs of weight (4, 3), not (1,)",
    ),
    "dropout by a number": (lambda: nn.dropout(0, X, 0.5), TypeError, "key must be one jax.random.key, not 0; …"),
    "save to None": (lambda: nn.save({}, None), TypeError, "save: path must be a string or a path, not None"),
    "save to bytes": (lambda: nn.save({}, b"file"), TypeError, "save: path must be a string or a path, not b'file'"),
    "load of a number": (lambda: nn.load(3, like={}), TypeError, "load: path must be a string or a path, not 3"),
    "save_safetensors to None": (
        lambda: nn.save_safetensors({}, None),
        TypeError,
        "save_safetensors: path must be a string or a path, not None",
    ),
    "load_safetensors of a number": (
        lambda: nn.load_safetensors(3, like={}),
        TypeError,
        "load_safetensors: path must be a string or a path, not 3",
    ),
    "read_idx of None": (
        lambda: nn.datasets.read_idx(None),
        TypeError,
        "read_idx: path must be a string or a path, not None",
    ),
    "mnist in None": (
        lambda: nn.datasets.mnist(None),
        TypeError,
        "mnist: directory must be a string or a path, not None",
    ),
    "mnist in a missing directory": (
        lambda: nn.datasets.mnist("nowhere", "test"),
        FileNotFoundError,
        "mnist: neither nowhere/test-images-idx3-ubyte nor test-images-idx3-ubyte.gz is there",
    ),
}
