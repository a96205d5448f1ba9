"""Scores take the labels of targets (labels, weights); a search refuses an error as its score."""

import numpy as np
import pytest

import jaxnn as nn

CLASSES = [nn.accuracy, nn.auc, nn.balanced_accuracy, nn.confusion_matrix, nn.log_loss]
LOGITS, OBSERVED = np.random.default_rng(0).normal(size=(9, 3)).astype("f"), np.arange(9) % 3
WEIGHTS = np.linspace(0, 2, 9, dtype="f")


@pytest.mark.parametrize("score", CLASSES, ids=lambda score: score.__name__)
def test_scores_take_the_labels_of_weighted_targets(score) -> None:
    where = np.arange(9) > 1
    expected = score(LOGITS, OBSERVED, where=where)
    np.testing.assert_array_equal(score(LOGITS, (OBSERVED, WEIGHTS), where=where), expected)


@pytest.mark.parametrize("score", [nn.r_squared, nn.mean_absolute_error], ids=lambda score: score.__name__)
def test_scores_of_numbers_take_the_targets_of_weighted_ones(score) -> None:
    targets = LOGITS + WEIGHTS[:, None]
    np.testing.assert_array_equal(score(LOGITS, (targets, WEIGHTS)), score(LOGITS, targets))


def test_scores_of_many_labels_take_the_labels_of_weighted_targets() -> None:
    labels = (LOGITS > 0.1).astype(int)
    assert nn.auc(LOGITS, (labels, WEIGHTS)) == 1
    assert nn.f1(LOGITS, (labels, WEIGHTS), average="micro") == nn.f1(LOGITS, labels, average="micro")


def test_negative_ranks_a_loss(as_installed: None) -> None:
    assert float(nn.negative(nn.log_loss)(LOGITS, OBSERVED)) == -float(nn.log_loss(LOGITS, OBSERVED))
    with pytest.raises(TypeError, match=r"^negative: metric must be a function of outputs and targets, not 3$"):
        nn.negative(3)
