"""Scores take the labels of targets (labels, weights); a search refuses an error as its score."""

import jax.numpy as jnp
import numpy as np
import pytest

import jaxnn as nn
from jaxnn.scores.errors import check_higher_is_better

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


@pytest.mark.parametrize("loss", [nn.log_loss, nn.mean_absolute_error], ids=lambda loss: loss.__name__)
def test_a_weighted_error_is_no_score_and_its_negative_is(loss) -> None:
    with pytest.raises(ValueError, match=f"of a score higher is better, but {loss.__name__} is an error"):
        check_higher_is_better("sweep", nn.weighted(loss))
    check_higher_is_better("sweep", nn.weighted(nn.negative(loss)))
    check_higher_is_better("sweep", nn.negative(nn.weighted(loss)))


def test_a_function_of_ones_own_with_weights_gets_them_and_any_other_is_multiplied_by_them() -> None:
    def score(outputs, labels, *, weights):
        return (weights * (outputs.argmax(1) == labels)).sum()

    targets = OBSERVED, WEIGHTS
    assert nn.weighted(score)(LOGITS, targets) == WEIGHTS[LOGITS.argmax(1) == OBSERVED].sum()
    losses = nn.weighted(lambda outputs, labels: jnp.ones(9))(LOGITS, targets)
    np.testing.assert_array_equal(losses, WEIGHTS)


def test_negative_takes_weights_before_and_after(as_installed: None) -> None:
    targets = OBSERVED, WEIGHTS
    expected = -nn.log_loss(LOGITS, OBSERVED, weights=WEIGHTS)
    assert nn.weighted(nn.negative(nn.log_loss))(LOGITS, targets) == expected
    assert nn.negative(nn.weighted(nn.log_loss))(LOGITS, targets) == expected


@pytest.mark.parametrize("score", CLASSES, ids=lambda score: score.__name__)
def test_weights_are_checked(score, as_installed: None) -> None:
    message = rf"^{score.__name__}: weights must have shape \(9,\), one for each example, not \(8,\)$"
    with pytest.raises(ValueError, match=message):
        score(LOGITS, OBSERVED, weights=WEIGHTS[1:])
    with pytest.raises(TypeError, match=r"^weighted: targets must be a pair"):
        nn.weighted(score)(LOGITS, OBSERVED)
