"""mixup and cutmix: what is mixed, with which weight, and that the loss is that of soft labels."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import scipy.stats

import jaxnn as nn
from jaxnn.augment.mix import compute_losses

A = nn.augment
ROWS = 7
X = np.linspace(-1, 1, ROWS * 4 * 6 * 2, dtype=np.float32).reshape(ROWS, 4, 6, 2)
LABELS = np.arange(ROWS, dtype=np.int32) % 3


def draw(augment, count, x=X, targets=LABELS):
    """Returns augmentations of one batch with many keys."""
    keys = jax.random.split(jax.random.key(0), count)
    return jax.tree.map(np.asarray, jax.jit(jax.vmap(lambda key: augment(key, x, targets)))(keys))


def find_partners(targets):
    """Returns the row with which each row was mixed, of targets that are the numbers of rows; and its weight."""
    np.testing.assert_array_equal(targets.targets, np.broadcast_to(np.arange(ROWS), targets.targets.shape))
    assert (targets.weight == targets.weight[:, :1]).all()
    return targets.others, targets.weight[:, 0]


@pytest.mark.parametrize("alpha", [0.3, 2.0])
def test_mixup_mixes_numbers_with_weights_of_the_beta_distribution(alpha):
    mixed, targets = draw(A.mixup(alpha), 600, targets=np.arange(ROWS))
    partners, weight = find_partners(targets)
    w = weight[:, None, None, None, None]
    np.testing.assert_allclose(mixed, w * X + (1 - w) * X[partners], atol=1e-6)
    assert scipy.stats.kstest(weight, scipy.stats.beta(alpha, alpha).cdf).pvalue > 0.01
    assert (partners != np.arange(ROWS)).all()
    # Six partners are equally likely.
    assert scipy.stats.chisquare(np.bincount(partners[:, 0], minlength=ROWS)[1:]).pvalue > 0.01


def test_cutmix_replaces_a_box_and_weighs_by_its_pixels():
    mixed, targets = draw(A.cutmix(), 600, targets=np.arange(ROWS))
    partners, weight = find_partners(targets)
    for image, partner, own in zip(mixed, partners, weight, strict=True):
        taken = (image == X[partner]).all((0, 3))
        np.testing.assert_array_equal(image, np.where(taken[None, ..., None], X[partner], X))
        rows, columns = taken.any(1), taken.any(0)
        np.testing.assert_array_equal(taken, rows[:, None] & columns[None])
        assert (np.diff(np.flatnonzero(rows)) == 1).all()
        assert (np.diff(np.flatnonzero(columns)) == 1).all()
        assert own == pytest.approx(1 - taken.mean(), abs=1e-6)
    expected = draw_weights_with_numpy(20000)
    assert set(np.unique(weight.round(6))) <= set(np.unique(expected.round(6)))
    assert abs(weight.mean() - expected.mean()) < 4 * expected.std() / np.sqrt(len(weight))


def draw_weights_with_numpy(count):
    """Draws w uniformly and a centre; returns the shares of pixels outside of boxes of √(1 - w) · (4, 6) pixels."""
    rng = np.random.default_rng(0)
    sides = (np.sqrt(rng.uniform(size=(count, 1))) * [4, 6]).astype(int)
    starts = rng.integers(0, [4, 6], (count, 2)) - sides // 2
    kept = np.clip(starts + sides, 0, [4, 6]) - np.clip(starts, 0, None)
    return (1 - kept.prod(1) / 24).astype(np.float32)


def test_the_loss_of_mixed_examples_is_that_of_soft_labels():
    _, targets = A.mixup(1.0)(jax.random.key(1), X, LABELS)
    logits = np.linspace(-2, 3, ROWS * 3, dtype=np.float32).reshape(ROWS, 3)[:, ::-1] ** 2
    weight = np.asarray(targets.weight)[:, None]
    soft = weight * np.eye(3)[LABELS] + (1 - weight) * np.eye(3)[np.asarray(targets.others)]
    expected = optax.softmax_cross_entropy(logits, soft.astype("f"))
    np.testing.assert_allclose(compute_losses(nn.cross_entropy, logits, targets), expected, rtol=1e-5)


def test_mixtures_of_mixtures_and_targets_with_weights():
    def weighted(outputs, targets):
        labels, weights = targets
        return weights * nn.cross_entropy(outputs, labels)

    weights = np.linspace(1, 2, ROWS, dtype="f")
    both = A.compose(A.mixup(1.0), A.cutmix(1.0))
    _, targets = both(jax.random.key(4), X, (LABELS, weights))
    logits = np.linspace(-2, 3, ROWS * 3, dtype=np.float32).reshape(ROWS, 3)[:, ::-1] ** 2

    def expect(targets):
        if not isinstance(targets, A.MixedTargets):
            return targets[1] * optax.softmax_cross_entropy_with_integer_labels(logits, targets[0])
        return targets.weight * expect(targets.targets) + (1 - targets.weight) * expect(targets.others)

    np.testing.assert_allclose(compute_losses(weighted, logits, targets), expect(targets), rtol=1e-5)
    assert isinstance(targets.targets, A.MixedTargets)


def test_images_of_uint8():
    x = (100 + 50 * X).astype(np.uint8)
    mixed, targets = A.mixup(1.0)(jax.random.key(0), x, LABELS)
    assert mixed.dtype == jnp.float32
    np.testing.assert_allclose(mixed, targets.weight[0] * x + (1 - targets.weight[0]) * np.roll(x, ROWS - 1, 0), 1, 100)
    assert A.cutmix()(jax.random.key(0), x, LABELS)[0].dtype == jnp.uint8


@pytest.mark.parametrize("make", [A.mixup, A.cutmix])
def test_traced_alpha_and_lanes(make):
    alphas, keys = np.array([0.1, 1.0], "f"), jax.random.split(jax.random.key(0), 2)
    x, targets = jax.jit(jax.vmap(lambda alpha, key: make(alpha)(key, X, LABELS)))(alphas, keys)
    for lane in range(2):
        key = jax.random.split(jax.random.key(0), 2)[lane]
        alone, alone_targets = make(float(alphas[lane]))(key, X, LABELS)
        np.testing.assert_allclose(x[lane], alone, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(targets.weight[lane], alone_targets.weight, rtol=1e-5)


def test_a_batch_of_one_is_mixed_with_itself():
    mixed, targets = A.mixup(1.0)(jax.random.key(0), X[:1], LABELS[:1])
    np.testing.assert_allclose(mixed, X[:1], rtol=1e-6)
    np.testing.assert_array_equal(targets.others, LABELS[:1])
