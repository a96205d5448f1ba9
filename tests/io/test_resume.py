"""Run directories: a call that was interrupted resumes, and gives the same bits."""

import json

import jax
import numpy as np
import optax
import pytest

import jaxnn as nn
from helpers.resumable_runs import (
    RECIPE,
    SPACE,
    TRAIN,
    VALIDATION,
    WIDTHS,
    InjectedError,
    assert_same_bits,
    assert_same_sweep,
    sweep,
    train,
)


@pytest.mark.parametrize("end_at", [1, 17, 40])
def test_a_resumed_training_gives_the_same_bits(tmp_path, trained, end_at):
    with pytest.raises(InjectedError):
        train(tmp_path, end_at=end_at)
    assert_same_bits(train(tmp_path), trained)


def test_a_finished_training_is_loaded_without_training(tmp_path, trained):
    train(tmp_path)
    logged = []
    again = nn.train(
        RECIPE, TRAIN, key=jax.random.key(0), epochs=40, validation=VALIDATION, directory=tmp_path,
        log=lambda epoch, _: logged.append(epoch), progress=False,
    )  # fmt: skip
    assert_same_bits(again, trained)
    assert not logged


@pytest.mark.parametrize(("end_at", "space"), [(1, SPACE), (12, WIDTHS)])
def test_a_resumed_sweep_gives_the_same_bits(tmp_path, end_at, space):
    undisturbed = sweep(space=space)
    with pytest.raises(InjectedError):
        sweep(tmp_path, end_at=end_at, space=space)
    assert_same_sweep(sweep(tmp_path, space=space), undisturbed)


def test_a_finished_sweep_is_loaded_without_training(tmp_path, swept):
    sweep(tmp_path)
    loaded = sweep(tmp_path, end_at=1)
    assert_same_sweep(loaded, swept)
    assert_same_bits(loaded.predict(VALIDATION[0], best=3), swept.predict(VALIDATION[0], best=3))
    replayed = loaded.replay(3)
    assert_same_bits(replayed.curves, swept.trials[3].curves)


VARIANTS = {
    "folds and repeats": {"validation": None, "folds": 3, "repeats": 2, "lanes": 12, "trials": 6},
    "population": {"scheduler": nn.population_based(perturbation_interval=2), "lanes": 16, "trials": 16},
    "evaluated at rungs": {"evaluate_at": "rungs"},
    "hyperband, sobol": {"scheduler": nn.hyperband(reduction_factor=3), "sampler": "sobol"},
}  # fmt: skip


@pytest.mark.parametrize("name", VARIANTS)
def test_schedulers_and_samplers_repeat_their_decisions(tmp_path, name):
    options = VARIANTS[name]
    with pytest.raises(InjectedError):
        sweep(tmp_path, end_at=5, **options)
    assert_same_sweep(sweep(tmp_path, **options), sweep(**options))


class Climber(nn.sweeps.TrialSampler):
    """A user's sampler, which samples around the best learning rate so far."""

    ask_limit = 32

    def __init__(self):
        self.best = (-np.inf, 1e-3)

    def init(self, space, key, lanes):
        del space, key, lanes
        return self

    def ask(self, n):
        return [nn.sweeps.Setting((), {"learning_rate": self.best[1] * 1.5**i}) for i in range(n)]

    def tell(self, results):
        scored = [(result.score, result.setting.values["learning_rate"]) for result in results]
        self.best = max([self.best, *scored])


def test_an_adaptive_sampler_repeats_its_decisions(tmp_path):
    options = {"trials": 40, "epochs": 2, "scheduler": None}
    with pytest.raises(InjectedError):
        sweep(tmp_path, end_at=36, sampler=Climber(), **options)
    assert_same_sweep(sweep(tmp_path, sampler=Climber(), **options), sweep(sampler=Climber(), **options))
    changed = Climber()
    changed.best = (-np.inf, 2e-3)
    with pytest.raises(ValueError, match=r"settings of a batch: .* the same answers to the same calls"):
        sweep(tmp_path, sampler=changed, **options)


def test_tables_hold_the_curves_and_trials(tmp_path, trained, swept):
    one, other = tmp_path / "train", tmp_path / "sweep"
    train(one), sweep(other)
    rows = np.genfromtxt(one / "curves.csv", delimiter=",", names=True)
    np.testing.assert_array_equal(rows["epoch"], np.arange(1, 41))
    np.testing.assert_array_equal(rows["loss"].astype("f"), trained.losses)
    np.testing.assert_array_equal(rows["score"].astype("f"), trained.scores)
    lines = (other / "trials.csv").read_text().splitlines()
    assert lines[0] == "trial,learning_rate,status,epochs,score,score_std,score_epoch,seconds,reason"
    assert len(lines) == 19
    curves = np.genfromtxt(other / "curves.csv", delimiter=",", names=True)
    assert len(curves) == sum(trial.epochs for trial in swept.trials)
    events = [json.loads(line) for line in (other / "journal.jsonl").read_text().splitlines()]
    scores = {event["trial"]: event["score"] for event in events if event["event"] == "trial"}
    assert scores == {trial.trial: trial.score for trial in swept.trials}
    for directory in (one, other):
        assert len(list(directory.glob("checkpoint-*.npz"))) == 2
        assert not list(directory.glob(".*"))


def test_a_weakly_typed_optimizer_state_resumes_to_the_same_bits(tmp_path):
    """Files do not store weak types, which would promote differently before and after a resume."""
    inner = optax.sgd(0.1)

    def update(updates, scale, params=None):
        updates, _ = inner.update(updates, inner.init(params), params)
        return jax.tree.map(lambda leaf: leaf * scale.astype(leaf.dtype), updates), scale * 0.99

    optimizer = optax.GradientTransformation(lambda params: jax.numpy.asarray(0.7), update)
    recipe = RECIPE._replace(optimizer=optimizer)
    with pytest.raises(InjectedError):
        train(tmp_path, end_at=20, recipe=recipe)
    assert_same_bits(train(tmp_path, recipe=recipe), train(recipe=recipe))


def test_a_diverged_training_warns_again_when_loaded(tmp_path):
    def diverged():
        with pytest.warns(UserWarning, match="gave a loss or a parameter that is not finite"):
            return train(tmp_path, recipe=RECIPE._replace(optimizer=optax.scale(float("nan"))))

    first, second = diverged(), diverged()
    assert first.diverged == 1
    assert_same_bits(first, second)
