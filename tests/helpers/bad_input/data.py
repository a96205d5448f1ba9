"""Bad input of what comes before and after training: splits, folds, scaling, minibatches, stopping rules and files."""

import numpy as np
import pandas as pd
import scipy.sparse

import jaxnn as nn
from helpers.bad_input.parts import KEY, KEYS, LABELS, X, put

SCALING = nn.Scaling(np.zeros(4, "f"), np.ones(4, "f"))


def split(data=(X, LABELS), key=KEY, **options):
    return lambda: nn.train_test_split(key, data, **options)


def folds(count=15, k=3, key=KEY, **options):
    return lambda: nn.k_folds(key, count, k, **options)


SHARE = "train_test_split: test must lie in (0, 1) and leave a row on both sides, not "
PREPARATION = {
    "split by a number": (split(key=0), TypeError, "key must be one jax.random.key, not 0"),
    "split by keys": (split(key=KEYS), TypeError, "key must be one jax.random.key, not Array((2,), dtype=key<fry>)…"),
    "a share in words": (split(test="0.2"), TypeError, "train_test_split: test must be a number, not '0.2'"),
    "a share None": (split(test=None), TypeError, "train_test_split: test must be a number, not None"),
    "shares": (split(test=np.array([0.1, 0.2])), TypeError, "train_test_split: test must be a number, not array(…"),
    "a share NaN": (split(test=np.nan), ValueError, SHARE + "nan of 15 rows"),
    "a number of rows": (split(test=3), ValueError, SHARE + "3.0 of 15 rows"),
    "split of lengths": (
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
        "train_test_split: stratify must have shape (15,), one label a row, not (15, 3)",
    ),
    "split by NaN": (
        split(stratify=put(LABELS, 3, np.nan)),
        ValueError,
        "train_test_split: stratify must be finite, but row 3 holds nan",
    ),
    "folds by None": (
        folds(stratify=[None] * 15),
        TypeError,
        "k_folds: stratify must hold numbers or strings, not both nor others: …",
    ),
    "one fold": (folds(k=1), ValueError, "k_folds: k must be at least 2, not 1"),
    "more folds than rows": (folds(k=16), ValueError, "k_folds: k must be at most the number of rows, 15, not 16"),
    "folds True": (folds(k=True), TypeError, "k_folds: k must be a whole number, not True"),
    "folds a half": (folds(k=2.5), TypeError, "k_folds: k must be a whole number, not 2.5"),
    "folds of none": (folds(count=0), ValueError, "k_folds: count must be at least 1, not 0"),
    "folds of data": (folds(count=X), TypeError, "k_folds: count must be a whole number, not array(…"),
    "folds by a number": (folds(key=1), TypeError, "key must be one jax.random.key, not 1"),
    "scaling of None": (
        lambda: nn.standard_scaling(None),
        TypeError,
        "standard_scaling: x must be an array, not NoneType",
    ),
    "scaling of strings": (
        lambda: nn.min_max_scaling(X.astype(str)),
        TypeError,
        "min_max_scaling: x must hold real numbers, not <U32",
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
        lambda: nn.scale(SCALING, put(X, (2, 1), np.nan)),
        ValueError,
        "scale: x must be finite, but row 2, column 1 holds nan",
    ),
    "scale of objects": (
        lambda: nn.scale(SCALING, X.astype(object)),
        TypeError,
        "scale: x must hold real numbers, not object",
    ),
    "minibatches of none": (
        lambda: nn.minibatches(KEY, 0, 1),
        ValueError,
        "minibatches: count must be at least 1, not 0",
    ),
    "no minibatch": (
        lambda: nn.minibatches(KEY, 5, 0),
        ValueError,
        "minibatches: batch_size must be at least 1, not 0",
    ),
    "minibatches a float": (
        lambda: nn.minibatches(KEY, 5, 2.0),
        TypeError,
        "minibatches: batch_size must be a whole number, not 2.0",
    ),
    "minibatches too large": (
        lambda: nn.minibatches(KEY, 5, 6),
        ValueError,
        "minibatches: batch_size must be at most the number of rows, 5, not 6",
    ),
    "minibatches by a number": (lambda: nn.minibatches(0, 5, 2), TypeError, "key must be one jax.random.key, not 0"),
    "tolerance in words": (
        lambda: nn.small_step("low"),
        TypeError,
        "small_step: tolerance must be a number, not 'low'",
    ),
    "tolerance NaN": (lambda: nn.small_step(np.nan), ValueError, "small_step: tolerance must be positive, not nan"),
    "patience a half": (
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
    "dropout by a number": (lambda: nn.dropout(0, X, 0.5), TypeError, "key must be one jax.random.key, not 0"),
    "save to None": (
        lambda: nn.save({}, None),
        TypeError,
        "expected str, bytes or os.PathLike object, not NoneType",
    ),
    "load of a number": (
        lambda: nn.load(3, like={}),
        TypeError,
        "expected str, bytes or os.PathLike object, not int",
    ),
    "read_idx of None": (
        lambda: nn.datasets.read_idx(None),
        TypeError,
        "expected str, bytes or os.PathLike object, not NoneType",
    ),
    "mnist that is not there": (
        lambda: nn.datasets.mnist("nowhere", "test"),
        FileNotFoundError,
        "mnist: neither nowhere/test-images-idx3-ubyte nor test-images-idx3-ubyte.gz is there",
    ),
}
