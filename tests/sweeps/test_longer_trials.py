"""A sweep that goes on with more epochs: in its directory, and in memory, from kept states and from the start."""

from typing import NamedTuple

import jax
import numpy as np
import optax
import pytest

import jaxnn as nn
from helpers.resumable_runs import (
    SPACE,
    TRAIN,
    VALIDATION,
    WIDTHS,
    InjectedError,
    assert_same_bits,
    assert_same_sweep,
    make_recipe,
    sweep,
)

ALONE = {"scheduler": None, "trials": 8}
RESTARTS = "8 trials that had reached 6 epochs have no kept state, and are trained again"


def without_seconds(result):
    return [trial._replace(seconds=0.0) for trial in result.trials]


@pytest.fixture(scope="module")
def whole():
    return sweep(**ALONE, epochs=15, space=WIDTHS)


def test_more_epochs_in_the_same_directory_are_those_of_one_go(tmp_path, whole):
    options = ALONE | {"space": WIDTHS}
    short = sweep(tmp_path, **options, epochs=6, keep_states=True)
    assert_same_sweep(sweep(tmp_path, **options, epochs=15), whole)
    loaded = nn.sweeps.load(tmp_path)
    assert_same_bits(without_seconds(loaded), without_seconds(whole))
    assert_same_bits(loaded.kept, whole.kept)
    # Both calls are finished, and the first stays as it was.
    assert_same_sweep(sweep(tmp_path, **options, epochs=15), whole)
    assert_same_sweep(sweep(tmp_path, **options, epochs=6), short)
    with pytest.raises(ValueError, match=r"has gone on in continued-2, and stays as it is\. .*epochs was 15 and is 6"):
        sweep(tmp_path, **(options | {"trials": 9}), epochs=6)
    with pytest.raises(ValueError, match="epochs was 15 and is 10"):
        sweep(tmp_path, **options, epochs=10)
    # More trials and again more epochs go on from there.
    extended = sweep(tmp_path, **(options | {"trials": 12}), epochs=15)
    assert_same_sweep(extended, sweep(**(options | {"trials": 12}), epochs=15))
    with pytest.warns(UserWarning, match="12 trials that had reached 15 epochs have no kept state"):
        longest = sweep(tmp_path, **(options | {"trials": 12}), epochs=16)
    assert_same_sweep(longest, sweep(**(options | {"trials": 12}), epochs=16))
    assert sorted(path.name for path in tmp_path.glob("continued-*")) == ["continued-2", "continued-3"]


def test_without_states_trials_are_trained_again_and_a_warning_says_so(tmp_path, whole):
    options = ALONE | {"space": WIDTHS}
    sweep(tmp_path, **options, epochs=6)
    with pytest.warns(UserWarning, match=RESTARTS):
        assert_same_sweep(sweep(tmp_path, **options, epochs=15), whole)
    assert_same_sweep(sweep(tmp_path, **options, epochs=15), whole)


def test_a_sweep_that_goes_on_can_be_interrupted(tmp_path):
    options = {"scheduler": None, "trials": 14, "keep_states": True, "space": WIDTHS}  # two programs
    sweep(tmp_path, **options, epochs=6)
    with pytest.raises(InjectedError) as info:
        sweep(tmp_path, **options, epochs=15, end_at=11)
    # Those that have not reached the new limit have the results of the old one.
    assert {trial.epochs for trial in info.value.sweep_result.trials} == {6, 15}
    assert {trial.epochs for trial in nn.sweeps.load(tmp_path).trials} == {6, 15}
    assert_same_sweep(sweep(tmp_path, **options, epochs=15), sweep(**options, epochs=15))


def test_a_result_goes_on_in_memory(whole):
    short = sweep(**ALONE, epochs=6, space=WIDTHS, keep_states=True)
    extended = short.extend(epochs=15)
    assert_same_sweep(extended, whole)
    assert_same_bits(extended.replay(3).curves, whole.trials[3].curves)
    assert sum(chunk.epochs for chunk in extended.chunks[len(short.chunks) :]) == 2 * 9
    both = sweep(**ALONE, epochs=6, space=WIDTHS, keep_states=True).extend(trials=10, epochs=15)
    assert_same_sweep(both, sweep(**(ALONE | {"trials": 10}), epochs=15, space=WIDTHS))
    with pytest.raises(ValueError, match="extended before, to 15 epochs; extend that one"):
        short.extend(trials=9)
    with pytest.raises(ValueError, match="epochs must be at least 16, not 15"):
        extended.extend(epochs=15)
    with pytest.raises(ValueError, match="give the number of all trials, or of epochs, or both"):
        extended.extend()
    again = sweep(**ALONE, epochs=6, space=WIDTHS)
    with pytest.warns(UserWarning, match=RESTARTS):
        assert_same_sweep(again.extend(epochs=15), whole)


@pytest.mark.parametrize(
    "options",
    [
        {"validation": None, "folds": 3, "stop": nn.no_improvement(2), "keep_epoch": "best"},
        {"make": lambda hypers: make_limited(hypers), "space": {"epochs": nn.integers(3, 12)}},
        {"make": lambda hypers: make_plateau(hypers)},
    ],
    ids=["folds, stopped, best epoch", "epochs of a trial", "minibatches, a mean, a plateau"],
)
def test_every_part_of_a_state_goes_on(options):
    options = ALONE | {"lanes": 6, "keep_states": True} | options
    assert_same_sweep(sweep(**options, epochs=6).extend(epochs=11), sweep(**options, epochs=11))


def make_limited(hypers):
    return nn.Recipe(nn.mlp([4, 5, 3]), nn.cross_entropy, optax.adam(0.05), epochs=hypers["epochs"])


def make_plateau(hypers):
    optimizer = optax.chain(optax.adam(hypers["learning_rate"]), nn.reduce_on_plateau(0.5, 1))
    return nn.Recipe(nn.mlp([4, 5, 3], dropout=0.2), nn.cross_entropy, optimizer, batch_size=50, ema=0.9)


def test_trials_that_were_stopped_stay_so():
    short = sweep(epochs=9, keep_states=True)
    extended = short.extend(epochs=12)
    for before, after in zip(short.trials, extended.trials, strict=True):
        assert after.status == before.status
        assert after.epochs == (12 if before.status == "finished" else before.epochs)
    assert extended.best.epoch == 12
    more = extended.extend(trials=21)
    assert_same_bits(more.trials[:18], extended.trials)
    assert len(more.trials) == 21


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"scheduler": nn.hyperband()}, "Hyperband plans all epochs before the first, so that trials cannot go on"),
        ({"scheduler": nn.population_based(perturbation_interval=2)}, "PopulationBased plans all epochs"),
        (
            {"scheduler": None, "make": lambda hypers: make_scheduled(hypers), "keep_states": True},
            "the optimizer decay is a function of the total steps, and those of 8 epochs would change the schedule",
        ),
    ],
    ids=["hyperband", "population", "total steps"],
)
def test_what_was_made_for_the_epochs_before_is_refused_by_name(tmp_path, options, error):
    options = {"trials": 4} | options
    sweep(tmp_path, **options, epochs=4)
    with pytest.raises(ValueError, match=error):
        sweep(tmp_path, **options, epochs=8)
    assert not (tmp_path / "continued-2").exists()


def make_scheduled(hypers):
    def decay(steps):
        return optax.chain(
            optax.scale_by_schedule(optax.linear_schedule(1.0, 0.1, steps)),
            optax.scale_by_learning_rate(hypers["learning_rate"]),
        )

    return nn.Recipe(nn.mlp([4, 5, 3]), nn.cross_entropy, decay)


def test_another_recipe_and_a_sweep_that_has_not_ended_are_refused(tmp_path):
    sweep(tmp_path, **ALONE, epochs=6, keep_states=True)

    def make_recipe(hypers):
        model = nn.mlp([4, 5, 3], activation=nn.tanh)
        return nn.Recipe(model, nn.cross_entropy, optax.adam(hypers["learning_rate"]))

    make_recipe.__module__, make_recipe.__qualname__ = "helpers.resumable_runs", "make_recipe"
    with pytest.raises(ValueError, match="another recipe: what make_recipe returns for this space has changed"):
        sweep(tmp_path, **ALONE, epochs=15, keep_states=True, make=make_recipe)
    half = tmp_path / "half"
    half.mkdir()
    with pytest.raises(InjectedError):
        sweep(half, epochs=6, end_at=11)
    with pytest.raises(ValueError, match="has not ended; make the call with epochs=6 again, and then go on to 15"):
        sweep(half, epochs=15)


def test_in_another_environment_ended_trials_stay(tmp_path):
    with pytest.raises(InjectedError):
        sweep(tmp_path, end_at=11, keep=18)
    before = nn.sweeps.load(tmp_path)
    ended = [trial.trial for trial in before.trials if trial.has_params]
    assert 0 < len(ended) < 18
    jax.config.update("jax_default_matmul_precision", "float32")
    try:
        with pytest.raises(ValueError, match="jax_default_matmul_precision was highest and is float32"):
            sweep(tmp_path, keep=18)
        after = sweep(tmp_path, keep=18, on_mismatch="continue")
        assert len(after.trials) == 18
        for trial in after.trials:
            elsewhere = "ran in another environment: jax_default_matmul_precision" in trial.reason
            assert elsewhere == (trial.trial in ended)
            assert trial.status in ("finished", "stopped")
        for number in ended:
            assert_same_bits(after.trials[number].curves, before.trials[number].curves)
            np.testing.assert_array_equal(after.scores[number], before.scores[number])
        for number in before.kept:
            assert_same_bits(after.kept[number], before.kept[number])
        assert_same_sweep(sweep(tmp_path, keep=18), after)
        assert_same_bits(without_seconds(nn.sweeps.load(tmp_path)), without_seconds(after))
    finally:
        jax.config.update("jax_default_matmul_precision", "highest")


class Climber(nn.sweeps.TrialSampler):
    """Gives three settings at a time, near the best that it was told."""

    ask_limit = 3

    def __init__(self):
        self.best, self.calls = (-np.inf, 1e-2), 0

    def ask(self, n):
        self.calls += 1
        rates = np.float32(self.best[1]) * np.float32([0.5, 1.0, 1.5]) / np.float32(self.calls)
        return [{"learning_rate": float(np.clip(rate, 1e-4, 1e-1))} for rate in rates[: min(n, 3)]]

    def tell(self, results):
        for result in results:
            self.best = max(self.best, (result.score, result.setting.values["learning_rate"]))


class Climb(NamedTuple):
    def init(self, space, key, lanes):
        return Climber()


def test_a_sampler_that_adapts_is_told_what_it_was_told_before(tmp_path):
    options = {"scheduler": None, "sampler": Climb(), "first": [{"learning_rate": 0.02}], "keep_states": True}
    for epochs, trials in ((3, 7), (6, 7), (6, 9), (9, 9), (9, 11)):
        result = sweep(tmp_path, **options, epochs=epochs, trials=trials)
    assert [trial.epochs for trial in result.trials] == [9] * 11
    assert_same_sweep(sweep(tmp_path, **options, epochs=9, trials=11), result)


def test_a_grid_that_is_smaller_than_the_sweep_goes_on(tmp_path):
    options = {"scheduler": None, "space": {"learning_rate": nn.choice(0.01, 0.1)}, "sampler": "grid", "trials": 4}
    options |= {"first": [{"learning_rate": 0.01}], "keep_states": True}
    assert len(sweep(tmp_path, **options, epochs=2).trials) == 3
    assert_same_sweep(sweep(tmp_path, **options, epochs=4), sweep(**options, epochs=4))


def test_metrics_on_the_host_go_on(tmp_path):
    def error(outputs, labels):
        return float(np.mean(np.argmax(outputs, axis=1) != labels))

    options = ALONE | {"metrics": {"error": error}, "keep_states": True}
    sweep(tmp_path, **options, epochs=3)
    extended = sweep(tmp_path, **options, epochs=5)
    assert_same_sweep(sweep(tmp_path, **options, epochs=5), extended)
    assert [trial.metrics for trial in extended.trials] == [
        trial.metrics for trial in sweep(**options, epochs=5).trials
    ]


def test_trials_that_an_interrupted_run_left_at_the_old_limit_train_on_elsewhere(tmp_path):
    options = {"scheduler": None, "trials": 14, "space": WIDTHS, "keep_states": True}
    sweep(tmp_path, **options, epochs=4)
    with pytest.raises(InjectedError):
        sweep(tmp_path, **options, epochs=8, end_at=11)
    jax.config.update("jax_default_matmul_precision", "float32")
    try:
        result = sweep(tmp_path, **options, epochs=8, on_mismatch="continue")
        assert {trial.epochs for trial in result.trials} == {8}
        assert 0 < sum(not trial.reason for trial in result.trials) < 14
        assert len(nn.sweeps.load(tmp_path).kept) == 3
    finally:
        jax.config.update("jax_default_matmul_precision", "highest")


def test_after_an_exception_a_result_can_go_on_again():
    def fail_at(trial, values):
        if values["epochs"] == 5 and armed:
            raise InjectedError

    armed = [True]
    options = {"validation": VALIDATION, "progress": False, "keep_states": True}
    result = nn.sweep(make_recipe, SPACE, TRAIN, key=jax.random.key(0), trials=4, epochs=3, log=fail_at, **options)
    with pytest.raises(InjectedError):
        result.extend(epochs=5)
    armed.clear()
    assert {trial.epochs for trial in result.extend(epochs=5).trials} == {5}
