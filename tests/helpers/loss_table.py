"""The rows of the losses in the table of layers, activations and losses."""

import functools

import numpy as np
import scipy.special
import scipy.stats

import jaxnn as nn
from helpers.layer_rows import logits_and_labels, loss, outputs_and_targets, spaced


def many_labels(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    return spaced(5, 3)(rng), rng.integers(0, 2, (5, 3))


def one_label(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    return spaced(5, 1)(rng), rng.integers(0, 2, 5)


def means_and_variances(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    return spaced(5, 4)(rng), spaced(5, 2)(rng)


def log_likelihood(x: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """The logarithm of the probability of each label."""
    logits, labels = x
    return scipy.stats.bernoulli.logpmf(labels.reshape(logits.shape), scipy.special.expit(logits))


def density(x: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """The logarithm of the density of each target."""
    mean, log_variance = np.split(np.asarray(x[0], float), 2, axis=1)
    return scipy.stats.norm.logpdf(x[1], mean, np.exp(log_variance / 2))


def probability(x: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    return scipy.special.softmax(np.asarray(x[0], float), axis=-1)[np.arange(len(x[1])), x[1]]


LOSSES = [
    loss(
        "squared_error",
        lambda x: ((x[1] - x[0]) ** 2).sum(-1),
        outputs_and_targets,
        ((np.array([[1.0, 2.0], [0.0, 1.0]]), np.array([[2.0, 5.0], [0.0, 0.5]])), [10.0, 0.25]),
        (
            lambda: nn.squared_error(np.ones((5, 1)), np.ones(5)),
            ValueError,
            "squared_error: outputs and targets must have the same shape (batch, outputs), not (5, 1) and (5,)",
        ),
    ),
    loss(
        "absolute_error",
        lambda x: np.abs(x[1] - x[0]).sum(-1),
        outputs_and_targets,
        ((np.array([[1.0, 2.0], [0.0, 1.0]]), np.array([[2.0, 5.0], [0.0, 0.5]])), [4.0, 0.5]),
        (
            lambda: nn.absolute_error(np.ones((5, 1)), np.ones((5, 2))),
            ValueError,
            "absolute_error: outputs and targets must have the same shape (batch, outputs), not (5, 1) and (5, 2)",
        ),
    ),
    loss(
        "cross_entropy",
        lambda x: -scipy.special.log_softmax(x[0], axis=-1)[np.arange(len(x[1])), x[1]],
        logits_and_labels,
        ((np.log([[1.0, 2.0, 5.0], [1.0, 2.0, 5.0]]), np.array([0, 2])), np.log([8.0, 1.6])),
        (
            lambda: nn.cross_entropy(np.ones((3, 2)), np.array([0, 1, 2])),
            ValueError,
            "cross_entropy: labels must lie in 0 … 1 for 2 classes, but row 2 holds 2",
        ),
    ),
    loss(
        "cross_entropy, smoothed labels",
        lambda x: -(scipy.special.log_softmax(x[0], axis=-1) * (0.7 * np.eye(3)[x[1]] + 0.1)).sum(-1),
        logits_and_labels,
        # 0.7 and three tenths, a tenth for each class: 0.8 log 8 + 0.1 log 4 + 0.1 log 1.6.
        ((np.log([[1.0, 2.0, 5.0]]), np.array([0])), [0.8 * np.log(8) + 0.1 * np.log(4) + 0.1 * np.log(1.6)]),
        (
            lambda: nn.cross_entropy(np.ones((3, 2)), np.array([0, 1, 1]), label_smoothing=1.5),
            ValueError,
            "cross_entropy: label_smoothing must lie in [0, 1], not 1.5",
        ),
        functools.partial(nn.cross_entropy, label_smoothing=0.3),
    ),
    loss(
        "huber",
        lambda x: scipy.special.huber(0.75, x[1] - x[0]).sum(-1),
        outputs_and_targets,
        # 0.5² / 2 for the near residual, and 0.75 · (3 - 0.375) for the far one.
        ((np.array([[1.0, 2.0]]), np.array([[1.5, 5.0]])), [0.125 + 1.96875]),
        (
            lambda: nn.huber(np.ones((5, 1)), np.ones((5, 1)), delta=0.0),
            ValueError,
            "huber: delta must be above 0, not 0.0",
        ),
        functools.partial(nn.huber, delta=0.75),
    ),
    loss(
        "gaussian_nll",
        lambda x: (-density(x) - np.log(2 * np.pi) / 2).sum(-1),
        means_and_variances,
        # (log 4 + 2² / 4) / 2, then (log 1 + 3² / 1) / 2.
        ((np.array([[1.0, 0.0, np.log(4.0), 0.0]]), np.array([[3.0, 3.0]])), [np.log(2) + 0.5 + 4.5]),
        (
            lambda: nn.gaussian_nll(np.ones((5, 1)), np.ones((5, 1))),
            ValueError,
            "gaussian_nll: targets (5, 1) need outputs of shape (5, 2), the means and then the logarithms of the "
            "variances, not (5, 1)",
        ),
    ),
    loss(
        "gaussian_nll, in full",
        lambda x: -density(x).sum(-1),
        means_and_variances,
        ((np.array([[1.0, np.log(4.0)]]), np.array([[3.0]])), [np.log(2) + 0.5 + np.log(2 * np.pi) / 2]),
        (
            lambda: nn.gaussian_nll(np.ones((5, 2)), np.ones(5), full=True),
            ValueError,
            "gaussian_nll: targets must have shape (batch, outputs), the batch axis included, not (5,)",
        ),
        functools.partial(nn.gaussian_nll, full=True),
    ),
    loss(
        "binary_cross_entropy",
        lambda x: -log_likelihood(x).mean(-1),
        many_labels,
        # The probabilities are 1/2, 3/4 and 1/4; of the labels observed they have 1/2, 3/4 and 1/4.
        ((np.log([[1.0, 3.0, 1 / 3]]), np.array([[0, 1, 1]])), [np.log(2 * 4 / 3 * 4) / 3]),
        (
            lambda: nn.binary_cross_entropy(np.ones((3, 2)), np.array([[0, 1], [1, 2], [0, 0]])),
            ValueError,
            "binary_cross_entropy: labels must lie between 0 and 1, but row 1, column 1 holds 2",
        ),
    ),
    loss(
        "binary_cross_entropy, one logit",
        lambda x: -log_likelihood(x)[:, 0],
        one_label,
        ((np.log([[3.0], [3.0]]), np.array([0, 1])), np.log([4, 4 / 3])),
        (
            lambda: nn.binary_cross_entropy(np.ones((3, 2)), np.array([0, 1, 1])),
            ValueError,
            "binary_cross_entropy: labels must have shape (3, 2), one for each of the logits (3, 2), not (3,)",
        ),
        nn.binary_cross_entropy,
    ),
    loss(
        "focal",
        lambda x: -((1 - probability(x)) ** 2) * np.log(probability(x)),
        logits_and_labels,
        # Probabilities of 1/8 and 5/8.
        (
            (np.log([[1.0, 2.0, 5.0], [1.0, 2.0, 5.0]]), np.array([0, 2])),
            [49 / 64 * np.log(8), 9 / 64 * np.log(1.6)],
        ),
        (
            lambda: nn.focal(np.ones((3, 2)), np.array([0, 1, 1]), gamma=-1),
            ValueError,
            "focal: gamma must be at least 0 and finite, not -1.0",
        ),
    ),
    loss(
        "focal, of labels",
        lambda x: np.mean(
            -np.where(x[1], 0.25, 0.75) * (1 - np.exp(log_likelihood(x))) ** 1.5 * log_likelihood(x), axis=-1
        ),
        many_labels,
        # Of the labels observed the probabilities are 1/4 and 3/4.
        (
            (np.log([[3.0, 3.0]]), np.array([[0, 1]])),
            [(0.75 * 0.75**1.5 * np.log(4) + 0.25 * 0.25**1.5 * np.log(4 / 3)) / 2],
        ),
        (
            lambda: nn.focal(np.ones((3, 1)), np.array([0, 1, 1]), alpha=2.0),
            ValueError,
            "focal: alpha, the weight of label 1, must lie in [0, 1], not 2.0",
        ),
        functools.partial(nn.focal, gamma=1.5, alpha=0.25),
    ),
]
