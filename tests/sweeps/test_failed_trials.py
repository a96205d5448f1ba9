"""Settings whose model or loss refuses the shapes are failed trials; any other exception ends the sweep."""

import jax
import matplotlib.figure
import numpy as np
import optax
import pytest

import jaxnn as nn
from helpers.resumable_runs import assert_same_sweep
from jaxnn.sweeps import TrialSampler, settings_at

IMAGES = np.random.default_rng(0).random((12, 12, 12, 1), np.float32)
DATA = IMAGES, np.arange(12) % 3
SPACE = {"learning_rate": nn.log_uniform(1e-3, 1e-1), "poolings": nn.choice(1, 2, 3, 4)}


def make_recipe(hypers):
    model = nn.cnn((12, 12, 1), [2] * hypers["poolings"], 3)
    return nn.Recipe(model, nn.cross_entropy, optax.adam(hypers["learning_rate"]))


def sweep(make=make_recipe, space=SPACE, **options):
    return nn.sweep(make, space, DATA, key=jax.random.key(0), epochs=2, validation=DATA, progress=False,
                    **{"trials": 8, "sampler": "grid"} | options)  # fmt: skip


def test_what_is_too_small_for_its_poolings_fails_and_the_others_run():
    with pytest.warns(UserWarning, match="sweep: 2 of 8 trials failed, since their model or loss refuses the shapes; "):
        result = sweep()
    failed = [trial for trial in result.trials if trial.status == "failed"]
    assert [result.hypers_of(trial.trial)["poolings"] for trial in failed] == [4, 4]
    assert all(trial.epochs == 0 and np.isnan(trial.score) and trial.curves.scores.shape == (1, 0) for trial in failed)
    assert failed[0].reason == "cnn: a window that reaches over (2, 2) cells does not fit into the padded size (1, 1)"
    assert [row["reason"] for row in result.table()][-1] == failed[0].reason
    assert all(trial.status == "finished" for trial in result.trials if trial not in failed)
    assert result.hypers_of(result.best.trial)["poolings"] < 4
    assert result.curves().shape == (8, 2)
    with pytest.raises(ValueError, match="trial 7 is failed, so nothing can be replayed: "):
        result.replay(7)


def test_nothing_compiles_before_all_combinations_are_looked_at(compilations):
    def make(hypers):
        if hypers["poolings"] == 3:
            raise ZeroDivisionError("a mistake")
        return make_recipe(hypers)

    with compilations() as programs, pytest.raises(ZeroDivisionError, match="a mistake"):
        sweep(make)
    assert not any("advance" in program for program in programs)


@pytest.mark.filterwarnings("ignore:sweep. 2 of 8 trials failed")
def test_a_limit_before_any_trial_has_ended_is_no_error():
    result = sweep(seconds=1e-9, scheduler=nn.asha(grace_period=1, reduction_factor=2), lanes=2)
    assert {trial.status for trial in result.trials} >= {"failed", "unfinished"}


def test_a_hyper_that_the_space_lacks_is_a_mistake_of_all_trials():
    def make(hypers):
        return make_recipe(hypers | {"poolings": hypers["pools"]} if hypers["poolings"] == 2 else hypers)

    with pytest.raises(ValueError, match="make_recipe reads 'pools', but the space has 'learning_rate', 'poolings'"):
        sweep(make)


def test_the_first_reason_is_the_error_if_all_fail():
    with pytest.raises(ValueError, match=r"^cnn: a window that reaches over \(2, 2\) cells does not fit"):
        sweep(space=SPACE | {"poolings": nn.choice(5, 4)}, trials=4)


@pytest.mark.filterwarnings("ignore:sweep. 2 of 8 trials failed")
def test_pictures_say_why_trials_have_no_score():
    axes = matplotlib.figure.Figure().subplots(2)
    result = sweep()
    nn.plots.score_against(axes[0], result, "poolings")
    nn.plots.sweep_curves(axes[1], result)
    assert [text.get_text() for text in axes[0].get_legend().get_texts()] == ["failed"]


class _Told(TrialSampler):
    ask_limit = 4

    def __init__(self, space, told):
        self.settings, self.told = settings_at(space, np.tile([[0.5, 0.1], [0.5, 0.9]], (4, 1))), told

    def ask(self, n):
        asked, self.settings = self.settings[:n], self.settings[n:]
        return asked

    def tell(self, results):
        self.told.append([result.status for result in results])


class Sampler:
    def __init__(self):
        self.told = []

    def init(self, space, key, lanes):
        return _Told(space, self.told)


@pytest.mark.filterwarnings("ignore:sweep. 4 of 8 trials failed")
def test_a_sampler_is_told_of_failed_trials():
    sampler = Sampler()
    sweep(sampler=sampler)
    assert sampler.told == [["finished", "failed"] * 2] * 2


@pytest.mark.filterwarnings("ignore:sweep. 2 of 8 trials failed")
def test_a_sweep_with_failed_trials_resumes(tmp_path):
    result = sweep(directory=tmp_path, keep=2)
    assert_same_sweep(sweep(directory=tmp_path, keep=2), result)
    assert "failed" in (tmp_path / "trials.csv").read_text()


@pytest.mark.filterwarnings("ignore:sweep. 4 of 8 trials failed")
def test_a_sweep_whose_last_batch_fails_resumes(tmp_path):
    class Last(Sampler):
        def init(self, space, key, lanes):
            sampler = _Told(space, self.told)
            sampler.settings = sorted(sampler.settings, key=lambda setting: setting.choices)
            return sampler

    result = sweep(directory=tmp_path, sampler=Last(), keep=2)
    assert [trial.status for trial in result.trials] == ["finished"] * 4 + ["failed"] * 4
    assert_same_sweep(sweep(directory=tmp_path, sampler=Last(), keep=2), result)
