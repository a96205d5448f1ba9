"""train goes on from the state of an earlier training to the same bits, and ends where its log says so."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxnn as nn
from helpers.errors import error_message
from helpers.resumable_runs import RECIPE, TRAIN, VALIDATION, assert_same_bits

pytestmark = pytest.mark.optimized(older_code=True)  # the bits of compiled loops are compared


def train(recipe=RECIPE, **options):
    options = {"key": jax.random.key(0), "validation": VALIDATION, "progress": False} | options
    return nn.train(recipe, TRAIN, **options)


@pytest.fixture(scope="module")
def whole():
    return train(epochs=40)


@pytest.fixture(scope="module")
def half():
    return train(epochs=20)


def test_twenty_epochs_and_twenty_more_are_forty(whole, half):
    rest = train(key=jax.random.key(7), epochs=40, state=half.state)
    assert_same_bits(rest.state, whole.state)
    assert rest.epochs == len(rest.losses) == len(rest.scores) == 40
    for name in ("losses", "validation_losses", "scores"):
        assert np.isnan(getattr(rest, name)[:20]).all()
        assert_same_bits(getattr(rest, name)[20:], getattr(whole, name)[20:])
    assert rest.best_epoch == 21 + int(np.argmax(whole.scores[20:]))
    assert "nan" not in repr(rest)


def test_the_state_is_not_deleted(half):
    before = jax.tree.map(np.array, half.state.params)
    train(epochs=22, state=half.state)
    assert_same_bits(jax.tree.map(np.array, half.state.params), before)


def test_it_goes_on_from_a_fit_and_from_a_schedule_of_steps():
    recipe = RECIPE._replace(optimizer=optax.adam(optax.exponential_decay(0.1, 50, 0.5)))
    fitted = jax.jit(lambda: nn.fit(recipe, TRAIN, key=jax.random.key(0), epochs=5))()
    rest, at_once = train(recipe, epochs=9, state=fitted.state), train(recipe, epochs=9)
    np.testing.assert_allclose(rest.losses[5:], at_once.losses[5:], rtol=1e-4)
    assert rest.state.epoch == 9


def test_the_log_sees_the_new_epochs_alone_and_the_table_too(half, tmp_path):
    logged = []
    options = {"epochs": 24, "state": half.state, "directory": tmp_path}
    result = train(log=lambda epoch, _: logged.append(epoch), **options)
    assert logged == [21, 22, 23, 24]
    rows = np.genfromtxt(tmp_path / "curves.csv", delimiter=",", names=True)
    np.testing.assert_array_equal(rows["epoch"], logged)
    np.testing.assert_array_equal(rows["loss"].astype("f"), result.losses[20:])
    assert_same_bits(train(**options), result)


@pytest.mark.parametrize("directory", [False, True])
def test_the_log_ends_the_training_at_its_epoch(tmp_path, whole, directory):
    logged = []

    def log(epoch, _values):
        logged.append(epoch)
        return "stop" if epoch == 13 else "go on"

    options = {"directory": tmp_path} if directory else {}
    stopped, at_13 = train(epochs=40, log=log, **options), train(epochs=13)
    assert logged == list(range(1, 14))
    assert stopped.epochs == 13
    assert stopped.diverged is None
    assert_same_bits(stopped.losses, whole.losses[:13])
    assert_same_bits(stopped, at_13)
    if directory:
        assert_same_bits(train(epochs=40, log=log, **options), stopped)
        assert len((tmp_path / "curves.csv").read_text().splitlines()) == 14
        assert len(logged) == 13


def test_other_answers_of_the_log_are_ignored():
    assert train(epochs=3, log=lambda epoch, _: np.array(["stop", "stop"])).epochs == 3
    assert train(epochs=3, log=lambda epoch, _: True).epochs == 3


def test_a_log_that_stops_before_a_divergence_ends_without_one(half):
    recipe = RECIPE._replace(optimizer=optax.sgd(lambda step: jnp.where(step < 30, 0.1, jnp.nan)))
    with pytest.warns(UserWarning, match="not finite"):
        diverged = train(recipe, epochs=40)
    stopped = train(recipe, epochs=40, log=lambda epoch, _: "stop" if epoch == diverged.epochs else None)
    assert stopped.diverged is None
    assert stopped.epochs == diverged.epochs == diverged.diverged - 1 > 5
    assert_same_bits(stopped.params, diverged.params)


def make_schedule(steps):
    return optax.adam(optax.linear_schedule(0.01, 0.0, steps))


def test_an_optimizer_of_the_total_steps_is_refused_by_name(half, compilations):
    recipe = RECIPE._replace(optimizer=make_schedule)
    with compilations() as programs:
        message = error_message(ValueError, lambda: train(recipe, epochs=40, state=half.state))
    assert not programs
    assert message == (
        "train: the optimizer make_schedule is a function of the total steps, and those of 40 epochs would change the "
        "schedule of the epochs done; to go on, give an optax transformation, such as "
        "recipe._replace(optimizer=recipe.optimizer(total_steps))"
    )
    schedule = make_schedule(40 * 4)
    first = train(RECIPE._replace(optimizer=schedule), epochs=2)
    assert train(RECIPE._replace(optimizer=schedule), epochs=4, state=first.state).epochs == 4
