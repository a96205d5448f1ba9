"""A training that becomes NaN stops with its last finite parameters, or returns to its best ones and tries again."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxnn as nn
from jaxnn.training import loop

FLOWERS = nn.datasets.iris()
TRAIN, VALIDATION = nn.train_test_split(jax.random.key(1), FLOWERS.data, test=0.3, stratify=FLOWERS.targets)
MODEL = nn.mlp([4, 5, 3])
EPOCHS = 60


@dataclasses.dataclass(frozen=True)
class InitCounters:
    """Returns the optimizer state: the updates until the first that is NaN, and the number of NaN updates.

    All instances are equal, so that the trainings of this module share compiled loops.
    """

    first: int = dataclasses.field(compare=False)
    count: int = dataclasses.field(compare=False)

    def __call__(self, params):
        return jnp.array([self.first, self.count])


def update(updates, counters, params=None):
    """Plain gradient descent, with some updates that are NaN."""
    wait, left = counters
    spoiled = (wait <= 0) & (left > 0)
    updates = jax.tree.map(lambda leaf: jnp.where(spoiled, jnp.nan, -0.1 * leaf), updates)
    return updates, jnp.stack([wait - 1, jnp.where(spoiled, left - 1, left)])


def spoiled_from(first, *, count=10**6):
    """Returns an optimizer whose updates are NaN from update `first` on, counted from 0, `count` times."""
    return optax.GradientTransformation(InitCounters(first, count), update)


UNSPOILED = spoiled_from(10**6)


def make_recipe(optimizer, batch_size=None):
    return nn.Recipe(MODEL, nn.cross_entropy, optimizer, batch_size=batch_size)


def train(optimizer, *, epochs=EPOCHS, batch_size=None, **options):
    return nn.train(
        make_recipe(optimizer, batch_size), TRAIN, key=jax.random.key(0), epochs=epochs, progress=False, **options
    )


def train_until(epoch, validation):
    """Returns the unspoiled training at that epoch, from the compiled loop that the spoiled ones share."""
    recipe = make_recipe(UNSPOILED)
    config = loop.LoopConfig(recipe, None, None, keep_best=validation is not None)
    data = jax.tree.map(jnp.asarray, (TRAIN, validation))
    start = loop.init_loop(
        config, nn.init_training(recipe, jax.random.key(0)), EPOCHS, validated=validation is not None
    )
    return loop.compile_loop(config, *data, start)(start, epoch)


@pytest.mark.parametrize("first", [1, 2, 7, 40, 60])
@pytest.mark.parametrize("validation", [None, VALIDATION], ids=["train", "validated"])
def test_it_stops_with_the_last_finite_parameters_and_names_the_epoch(first, validation):
    message = (
        f"train: epoch {first} gave a loss or a parameter that is not finite; the training ends with epoch {first - 1}"
    )
    with pytest.warns(UserWarning, match=message):
        result = train(spoiled_from(first - 1), validation=validation)
    assert result.diverged == first
    assert result.epochs == len(result.losses) == first - 1
    unspoiled = train_until(first - 1, validation)
    jax.tree.map(np.testing.assert_array_equal, result.state.params, unspoiled.state.params)
    jax.tree.map(
        np.testing.assert_array_equal, result.params, (unspoiled.best if validation else unspoiled.state).params
    )
    np.testing.assert_array_equal(result.losses, unspoiled.curves.losses[: first - 1])
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(result.state.params))


@pytest.mark.parametrize("validation", [None, VALIDATION], ids=["train", "validated"])
def test_a_diverged_training_equals_one_with_fewer_epochs(validation):
    with pytest.warns(UserWarning, match="epoch 7 gave"):
        diverged = train(spoiled_from(6), validation=validation)
    shorter = train(UNSPOILED, epochs=6, validation=validation)
    jax.tree.map(np.testing.assert_array_equal, diverged.params, shorter.params)
    np.testing.assert_array_equal(diverged.losses, shorter.losses)


def test_minibatches_diverge_within_an_epoch():
    with pytest.warns(UserWarning, match="epoch 3 gave"):
        result = train(spoiled_from(4 * 2 + 1), batch_size=27, validation=VALIDATION)
    assert (result.diverged, result.epochs) == (3, 2)


def test_a_training_that_stays_finite_does_not_warn():
    assert train(UNSPOILED).diverged is None


@pytest.mark.parametrize("validation", [None, VALIDATION], ids=["train", "validated"])
def test_a_restored_training_continues_from_the_best_parameters(validation):
    # The counters are part of the optimizer's state, which is new after each restore: every 13th update is NaN.
    with pytest.warns(
        UserWarning, match="epoch 49 gave .* after returning to the best parameters 3 times; .* epoch 48"
    ):
        result = train(spoiled_from(12), on_divergence="restore", validation=validation)
    assert (result.diverged, result.epochs) == (49, 48)
    assert np.isfinite(result.losses).all()
    # Each attempt starts from the lowest loss: plain gradient descent is best at its end here.
    assert result.losses[-1] < result.losses[11] < result.losses[0]


def test_a_training_that_is_restored_once_finishes():
    @dataclasses.dataclass(frozen=True)
    class SpoiledOnce(InitCounters):
        """Counts the initial states; the first alone leads to a NaN update."""

        starts: list = dataclasses.field(compare=False, default_factory=list)

        def __call__(self, params):
            self.starts.append(None)
            return jnp.array([self.first if len(self.starts) == 1 else 1000, self.count])

    init = SpoiledOnce(12, 1)
    result = train(
        optax.GradientTransformation(init, update), on_divergence="restore", batch_size=27, validation=VALIDATION
    )
    assert result.diverged is None
    assert result.epochs == 60
    assert len(init.starts) == 2
