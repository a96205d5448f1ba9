"""A training that goes to NaN: it stops with its last finite parameters, or goes back to the best and tries again."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxnn as nn

FLOWERS = nn.datasets.iris()
TRAIN, VALIDATION = nn.train_test_split(jax.random.key(1), FLOWERS.data, test=0.3, stratify=FLOWERS.targets)
MODEL = nn.mlp([4, 5, 3])


def spoiled_from(step: int, *, steps: int = 10**6) -> optax.GradientTransformation:
    """Plain gradient descent whose updates are NaN from that update on, for so many updates."""

    def update(updates, count, params=None):
        del params
        spoil = (count >= step) & (count < step + steps)
        return jax.tree.map(lambda leaf: jnp.where(spoil, jnp.nan, -0.1 * leaf), updates), count + 1

    return optax.GradientTransformation(lambda params: jnp.zeros((), jnp.int32), update)


def train(optimizer, *, epochs=60, batch_size=None, **options):
    recipe = nn.Recipe(MODEL, nn.cross_entropy, optimizer, batch_size=batch_size)
    return nn.train(recipe, TRAIN, key=jax.random.key(0), epochs=epochs, progress=False, **options)


@pytest.mark.parametrize("first", [1, 2, 7, 40, 60])
@pytest.mark.parametrize("validated", [False, True])
def test_it_stops_with_the_last_finite_parameters_and_names_the_epoch(first, validated):
    options = {"validation": VALIDATION} if validated else {}
    said = (
        f"train: epoch {first} gave a loss or a parameter that is not finite; the training ends with epoch {first - 1}"
    )
    with pytest.warns(UserWarning, match=said):
        training = train(spoiled_from(first - 1), **options)
    assert training.diverged == first
    assert training.epochs == len(training.losses) == first - 1
    if first > 1:
        # The same as if it had only been asked for so many epochs.
        undisturbed = train(spoiled_from(1000), epochs=first - 1, **options)
        jax.tree.map(np.testing.assert_array_equal, training.params, undisturbed.params)
        np.testing.assert_array_equal(training.losses, undisturbed.losses)
    else:
        start = nn.init_training(nn.Recipe(MODEL, nn.cross_entropy, optax.sgd(0.1)), jax.random.key(0))
        jax.tree.map(np.testing.assert_array_equal, training.params, start.params)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(training.state.params))


def test_minibatches_diverge_within_an_epoch():
    with pytest.warns(UserWarning, match="epoch 3 gave"):
        training = train(spoiled_from(4 * 2 + 1), batch_size=27)
    assert (training.diverged, training.epochs) == (3, 2)


def test_a_training_that_stays_finite_says_nothing():
    assert train(optax.sgd(0.1)).diverged is None


@pytest.mark.parametrize("validated", [False, True])
def test_restored_it_goes_on_from_the_best_parameters(validated):
    # The optimizer's own count starts again with its state, so that it is spoiled in its 13th update each time.
    options = {"validation": VALIDATION} if validated else {}
    with pytest.warns(
        UserWarning, match="epoch 49 gave .* after returning to the best parameters 3 times; .* epoch 48"
    ):
        training = train(spoiled_from(12), on_divergence="restore", **options)
    assert (training.diverged, training.epochs) == (49, 48)
    assert np.isfinite(training.losses).all()
    # Each attempt starts where the loss was lowest: plain descent on this loss is best at its end.
    assert training.losses[-1] < training.losses[11] < training.losses[0]


def test_restored_once_it_comes_to_its_end():
    starts = []

    def optimizer():
        inner = spoiled_from(12, steps=1)

        def init(params):
            starts.append(len(starts))
            # Only the first state leads to the spoiled update.
            return inner.init(params) + (0 if len(starts) <= 1 else 1000)

        return optax.GradientTransformation(init, inner.update)

    training = train(optimizer(), on_divergence="restore", batch_size=105)
    assert training.diverged is None
    assert training.epochs == 60
    assert len(starts) == 2
