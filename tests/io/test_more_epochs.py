"""Run directories go on to more epochs, with the bits of one call."""

import shutil

import jax
import numpy as np
import optax
import pytest

import jaxnn as nn
from helpers.errors import error_message
from helpers.resumable_runs import RECIPE, InjectedError, assert_same_bits, train
from jaxnn.io.runs.journal import Journal


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The directory of a finished training of 20 epochs."""
    directory = tmp_path_factory.mktemp("finished")
    train(directory, epochs=20)
    return directory


@pytest.fixture
def directory(finished, tmp_path):
    """A copy of that directory."""
    return shutil.copytree(finished, tmp_path / "run")


def test_a_finished_training_goes_on_with_the_same_bits(directory, trained):
    assert_same_bits(train(directory, epochs=40), trained)
    assert_same_bits(train(directory, epochs=40), trained)
    rows = np.genfromtxt(directory / "curves.csv", delimiter=",", names=True)
    np.testing.assert_array_equal(rows["epoch"], np.arange(1, 41))
    assert_same_bits(train(directory, epochs=41), train(epochs=41))
    assert "more than epochs=20" in error_message(ValueError, lambda: train(directory, epochs=20))


@pytest.mark.parametrize("end_at", [21, 33])
def test_a_training_that_goes_on_can_be_interrupted(directory, trained, end_at):
    with pytest.raises(InjectedError):
        train(directory, epochs=40, end_at=end_at)
    assert_same_bits(train(directory, epochs=40), trained)


def test_an_interrupted_training_may_get_another_limit(tmp_path):
    with pytest.raises(InjectedError):
        train(tmp_path, epochs=40, end_at=10)
    assert_same_bits(train(tmp_path, epochs=15), train(epochs=15))


def test_a_checkpoint_without_its_limit_has_that_of_the_configuration(directory, trained):
    """Directories of earlier versions do not record it."""
    journal = Journal(directory / "journal.jsonl", "train")
    last = journal.entries[-1].event
    assert last.pop("limit") == 20
    journal.truncate(last["line"])
    journal.append(**{name: value for name, value in last.items() if name != "line"})
    journal.close()
    assert_same_bits(train(directory, epochs=40), trained)


@pytest.mark.parametrize("rule", [nn.no_improvement(3, tolerance=1.0), nn.small_step(0.2)])
def test_a_training_that_its_rule_ended_stays_ended(tmp_path, rule):
    ended = train(tmp_path, epochs=20, stop=rule)
    assert ended.epochs < 20
    assert_same_bits(train(tmp_path, epochs=40, stop=rule), ended)


def test_a_rule_that_did_not_end_it_goes_on_with_its_memory(tmp_path):
    rule = nn.no_improvement(6, tolerance=0.3)
    whole = train(epochs=60, stop=rule)
    assert 6 < whole.epochs < 60
    train(tmp_path, epochs=whole.epochs - 3, stop=rule)
    assert_same_bits(train(tmp_path, epochs=60, stop=rule), whole)


def test_other_arguments_are_refused_without_the_epochs(directory):
    other = RECIPE._replace(batch_size=16)
    message = error_message(ValueError, lambda: train(directory, epochs=40, recipe=other))
    assert message == (
        f"train: directory={str(directory)!r} holds a run of another configuration: recipe.batch_size was 32 and is 16;"
        " recipe.traced has changed. Make the same call, or give another directory"
    )


def warm_up(steps):
    return optax.adam(optax.linear_schedule(0.0, 0.01, steps))


def test_an_optimizer_of_the_total_steps_is_refused_by_name(tmp_path):
    recipe = RECIPE._replace(optimizer=warm_up)
    first = train(tmp_path, epochs=5, recipe=recipe)
    message = error_message(ValueError, lambda: train(tmp_path, epochs=9, recipe=recipe))
    assert message.startswith("train: the optimizer warm_up is a function of the total steps, and those of 9 epochs")
    assert "\n" not in message
    assert_same_bits(train(tmp_path, epochs=5, recipe=recipe), first)
    # The function's result may go on.
    fixed = RECIPE._replace(optimizer=warm_up(5 * 4))
    assert_same_bits(train(tmp_path, epochs=9, recipe=fixed), train(epochs=9, recipe=fixed))


def test_a_training_from_a_state_goes_on_in_its_directory(tmp_path, trained):
    start = train(epochs=10).state
    train(tmp_path, epochs=20, state=start)
    result = train(tmp_path, epochs=40, state=start)
    assert_same_bits(result.state, trained.state)
    assert np.isnan(result.losses[:10]).all()
    moved = start._replace(key=jax.random.key(3))
    message = error_message(ValueError, lambda: train(tmp_path, epochs=40, state=moved))
    assert "initial state has changed" in message
