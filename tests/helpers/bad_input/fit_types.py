"""Data that `fit` refuses: inputs that are not arrays of real numbers, and targets that do not suit the loss."""

import jax
import numpy as np
import pandas as pd
import scipy.sparse

import jaxnn as nn
from helpers.bad_input.parts import IMAGES, KEY, LABELS, SGD, BadData, X, classifier, digits, regression, replace_at

CONVERT = "pandas.get_dummies makes numbers of columns of text, and x.astype(float) of objects"
HINT = "; numpy.asarray makes an array of a list, which is a pytree here"
FIT_TYPES = [
    BadData(
        "x None", classifier, (None, LABELS), TypeError, "fit: x must be an array, or a pytree of arrays, not None"
    ),
    BadData("x a string", classifier, ("iris", LABELS), TypeError, "fit: x must be a NumPy or JAX array, not str"),
    BadData(
        "x of strings",
        classifier,
        (X.astype(str), LABELS),
        TypeError,
        "fit: x must hold real numbers, not <U32; " + CONVERT,
    ),
    BadData(
        "x of objects",
        classifier,
        (X.astype(object), LABELS),
        TypeError,
        "fit: x must hold real numbers, not object; " + CONVERT,
    ),
    BadData(
        "x a list",
        classifier,
        (X.tolist(), LABELS),
        ValueError,
        "fit: x.0.0 must have a first axis, the examples, but is the scalar 0.0" + HINT,
    ),
    BadData(
        "x a ragged list",
        classifier,
        ([[1.0, 2.0], [3.0]], LABELS[:2]),
        ValueError,
        "fit: x.0.0 must have a first axis, the examples, but is the scalar 1.0" + HINT,
    ),
    BadData("x complex", classifier, (X + 0j, LABELS), TypeError, "fit: x must hold real numbers, not complex64"),
    BadData(
        "x sparse",
        classifier,
        (scipy.sparse.csr_matrix(X), LABELS),
        TypeError,
        "fit: x must be a NumPy or JAX array, not csr_matrix: x.toarray() makes one",
    ),
    BadData(
        "x a data frame",
        classifier,
        (pd.DataFrame(X), LABELS),
        TypeError,
        "fit: x must be a NumPy or JAX array, not DataFrame: numpy.asarray(x) makes one",
    ),
    BadData(
        "x of dates",
        classifier,
        (np.zeros((15, 4), "M8[s]"), LABELS),
        TypeError,
        "fit: x must hold real numbers, not datetime64[s]",
    ),
    BadData(
        "x of keys",
        classifier,
        (jax.random.split(KEY, 15), LABELS),
        TypeError,
        "fit: x must hold real numbers, not key<fry>",
    ),
    BadData("x a dict", classifier, ({"a": X}, LABELS), TypeError, "dense: x must be an array, not dict"),
    BadData(
        "an axis too many",
        classifier,
        (X[:, None], LABELS),
        ValueError,
        "dense: x must have shape (batch, features), the batch axis included, not (15, 1, 4); "
        "a single example is a batch of one, and jax.vmap adds any other axis",
    ),
    BadData(
        "channels first",
        digits,
        (IMAGES.transpose(0, 3, 1, 2), LABELS),
        ValueError,
        "cnn: x must have shape (batch, 8, 8, 1), not (15, 1, 8, 8)",
    ),
    BadData(
        "images without channels",
        digits,
        (IMAGES[..., 0], LABELS),
        ValueError,
        "cnn: x must have shape (batch, 8, 8, 1), not (15, 8, 8)",
    ),
    BadData("labels None", classifier, (X, None), TypeError, "cross_entropy: labels must be class numbers, not None"),
    BadData(
        "labels a list",
        classifier,
        (X, LABELS.tolist()),
        ValueError,
        "fit: targets.0 must have a first axis, the examples, but is the scalar 0" + HINT,
    ),
    BadData(
        "labels of strings",
        classifier,
        (X, np.array(["a", "b", "c"] * 5)),
        TypeError,
        "fit: targets must hold real numbers, not <U1; numpy.unique(targets, return_inverse=True)[1] numbers classes",
    ),
    BadData(
        "labels that are not one-hot",
        classifier,
        (X, np.eye(3, dtype=int)[LABELS] + (np.arange(15) == 4)[:, None]),
        ValueError,
        "cross_entropy: probabilities of classes must add up to 1, but those of row 4 to 4",
    ),
    BadData(
        "weights without a weighted loss",
        classifier,
        (X, (LABELS, np.ones(15, "f"))),
        TypeError,
        "cross_entropy: labels must be one array, not a tuple; nn.weighted makes a loss of targets (labels, weights)",
    ),
    BadData(
        "a negative weight",
        lambda: classifier()._replace(loss=nn.weighted(nn.cross_entropy)),
        (X, (LABELS, np.where(np.arange(15) == 3, -1.0, 1.0))),
        ValueError,
        "weighted: weights must be at least 0, but row 3 holds -1.0",
    ),
    BadData(
        "a label of -1 for one logit",
        lambda: nn.Recipe(nn.mlp([4, 18, 1]), nn.binary_cross_entropy, SGD),
        (X, np.where(LABELS > 0, 1, -1)),
        ValueError,
        "binary_cross_entropy: labels must lie between 0 and 1, but row 0 holds -1",
    ),
    BadData(
        "labels of booleans",
        classifier,
        (X, LABELS > 0),
        TypeError,
        "cross_entropy: labels must be class numbers of an integer dtype, not bool; convert them with "
        "labels.astype(int)",
    ),
    BadData(
        "label that wraps",
        classifier,
        (X, replace_at(LABELS.astype(np.uint64), 3, 2**63)),
        ValueError,
        "fit: targets must fit uint32, but row 3 holds 9223372036854775808; "
        "convert it to floats with astype(float), or set jax_enable_x64",
    ),
    BadData(
        "NaN in the targets",
        regression,
        (X, replace_at(X[:, :3], (3, 1), np.nan)),
        ValueError,
        "fit: targets must be finite, but row 3, column 1 holds nan",
    ),
    BadData(
        "targets as a vector",
        regression,
        (X, X[:, 0]),
        ValueError,
        "squared_error: outputs and targets must have the same shape (batch, outputs), not (15, 3) and (15,)",
    ),
    BadData("a list of two", classifier, [X, LABELS], TypeError, "fit: data must be a pair (x, targets), not list"),
    BadData(
        "batch size True",
        lambda: classifier(batch_size=True),
        (X, LABELS),
        TypeError,
        "Recipe: batch_size must be a whole number, not True",
    ),
    BadData(
        "batch size negative",
        lambda: classifier(batch_size=-4),
        (X, LABELS),
        ValueError,
        "Recipe: batch_size must be at least 1, not -4",
    ),
    BadData(
        "a loss of whole numbers",
        lambda: classifier()._replace(loss=lambda outputs, labels: outputs.argmax(1)),
        (X, LABELS),
        TypeError,
        "fit: the loss must give real floating-point numbers, not int32",
    ),
    BadData(
        "a loss of None",
        lambda: classifier()._replace(loss=lambda outputs, labels: None),
        (X, LABELS),
        ValueError,
        "fit: the loss must give one value per example, shape (15,), not NoneType; "
        "an elementwise loss needs a sum over the last axis",
    ),
    BadData(
        "a reduction to an array",
        lambda: classifier()._replace(reduction=lambda losses, where=None: losses),
        (X, LABELS),
        ValueError,
        "fit: the reduction must make one floating-point number of the losses, "
        "not ShapeDtypeStruct(shape=(15,), dtype=float32)",
    ),
    BadData(
        "a reduction without where",
        lambda: classifier(batch_size=4)._replace(reduction=mean),
        (X, LABELS),
        TypeError,
        "mean() got an unexpected keyword argument 'where'",
    ),
    BadData(
        "a model without keys",
        lambda: classifier()._replace(model=without_key()),
        (X, LABELS),
        TypeError,
        "without_key.<locals>.apply() got an unexpected keyword argument 'key'",
    ),
]


def mean(losses):
    return losses.mean()


def without_key():
    model = classifier().model

    def apply(params, x):
        return model.apply(params, x)

    return model._replace(apply=apply)
