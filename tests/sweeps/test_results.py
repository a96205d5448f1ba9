"""What a sweep reports: columns, importance, occupancy, the best parameters, pictures."""

import jax
import matplotlib.image
import numpy as np
import optax
import pytest

import jaxnn as nn
from jaxnn.sweeps.engine.chunk_length import choose_epochs
from jaxnn.sweeps.engine.chunk_result import ChunkResult
from jaxnn.sweeps.engine.run import ChunkStats
from jaxnn.sweeps.engine.running_trial import RunningTrial
from jaxnn.sweeps.engine.trial import TrialResult
from jaxnn.sweeps.results.best_trials import BestTrials
from jaxnn.sweeps.results.importance import importance
from jaxnn.sweeps.results.tables import Column, make_columns
from jaxnn.sweeps.space.space import Setting
from jaxnn.training.evaluation import Curves

SPACE = {
    "rate": nn.log_uniform(1e-3, 1.0),
    "optimizer": nn.choice({"kind": "sgd", "momentum": nn.uniform(0, 0.9)}, {"kind": "adam"}),
}


def make_recipe(hypers):
    options = hypers["optimizer"]
    if options["kind"] == "adam":
        optimizer = optax.adam(hypers["rate"])
    else:
        optimizer = optax.sgd(hypers["rate"], momentum=options["momentum"])
    return nn.Recipe(nn.mlp([2, 1]), nn.squared_error, optimizer)


@pytest.fixture(scope="module")
def result():
    x = np.random.default_rng(0).normal(size=(40, 2)).astype(np.float32)
    data = x, 3e2 * x[:, :1]
    return nn.sweep(
        make_recipe, SPACE, data, key=jax.random.key(0), trials=24, epochs=20, validation=data, progress=False,
        lanes=4, keep=3, sampler="sobol", scheduler=nn.asha(grace_period=4, reduction_factor=2),
    )  # fmt: skip


def test_columns_hold_every_hyper_of_every_trial(result):
    rate, optimizer, momentum = result.columns()
    assert [column.path for column in result.columns()] == ["rate", "optimizer", "optimizer.momentum"]
    assert rate.logarithmic
    assert not momentum.logarithmic
    assert optimizer.options == ("sgd", "adam")
    for trial in range(24):
        hypers = result.hypers_of(trial)
        assert rate.values[trial] == hypers["rate"]
        assert ("sgd", "adam")[int(optimizer.values[trial])] == hypers["optimizer"]["kind"]
        assert momentum.values[trial] == pytest.approx(hypers["optimizer"].get("momentum", np.nan), nan_ok=True)


def test_options_have_readable_names():
    space = {"activation": nn.choice(nn.relu, np.tanh), "sizes": nn.choice((4, 8), None), "which": nn.choice({"a": {}})}
    assert [column.options for column in make_columns(space, [])] == [("relu", "tanh"), ("(4, 8)", "None"), ("{a}",)]


def test_importance_finds_the_hyper_that_determines_the_score():
    rng = np.random.default_rng(0)
    decisive, sometimes_absent, irrelevant = rng.random((3, 60))
    sometimes_absent[::2] = np.nan
    values = {"a": irrelevant, "b": decisive, "c": sometimes_absent}
    scores = -1e6 * (decisive - 0.4) ** 2
    scores[:5] = np.nan
    decisive[:5] = 0.999  # diverged trials count as the worst
    shares = importance(tuple(Column(path, column, (), False) for path, column in values.items()), scores)
    assert next(iter(shares)) == "b"
    assert shares["b"] > 0.8
    assert sum(shares.values()) == pytest.approx(1)


def test_importance_is_zero_for_equal_scores_and_refused_for_few_trials():
    column = (Column("a", np.arange(8.0), (), False),)
    assert importance(column, np.ones(8)) == {"a": 0.0}
    with pytest.raises(ValueError, match="at least 8 trials are needed to compare hypers, not 7"):
        importance(column, np.ones(7))


def test_occupancy_counts_the_chunks_in_which_trials_waited(result):
    chunks = (
        ChunkStats(4, 1.0, 2, 5, 0.0, 0.1),
        ChunkStats(1, 0.5, 2, 1, 0.0, 0.1),
        ChunkStats(20, 0.1, 1, 0, 0.0, 0.1),
    )
    assert result._replace(chunks=chunks).occupancy == pytest.approx((4 * 1.0 + 1 * 0.5) / 5)
    assert result._replace(chunks=chunks[2:]).occupancy == pytest.approx(0.1)
    assert all(0 < chunk.busy <= 1 for chunk in result.chunks)


def test_a_chunk_is_as_long_as_few_lane_epochs_are_wasted():
    assert choose_epochs(np.array([7, 7, 7]), 64) == 7
    assert choose_epochs(np.array([1, 50]), 64) == 1
    # 1 of 40 lanes freezes after 10 epochs: 20 · 1/40 of 30 lane-epochs are 1.7 %. No chunk exceeds the last limit.
    assert choose_epochs(np.array([10] + [30] * 39), 64) == 30
    assert choose_epochs(np.array([500]), 64) == 64


def test_a_running_trial_counts_the_epochs_that_its_lanes_trained():
    trial = RunningTrial(0, Setting((), {}), slice(1, 3), 5, {}, epochs=5)
    curves = np.stack([np.arange(40.0).reshape(4, 10)] * 3)
    assert trial.dispatch(3) == 3
    assert trial.record(3, ChunkResult(np.zeros(4, int), curves), 0.0, has_ends=False) == 2 * 3
    assert trial.score == np.mean([12, 22])
    # Of four more epochs it trains two; one of its lanes diverges in epoch 4, the first of the two.
    assert trial.dispatch(4) == 2
    assert trial.record(2, ChunkResult(np.array([0, 4, 0, 9]), curves), 0.0, has_ends=True) == 1 + 2
    assert trial.epoch == 5
    assert np.isnan(trial.score)
    ended = trial.end("diverged")
    assert (ended.epochs, ended.status) == (4, "diverged")
    np.testing.assert_array_equal(ended.curves.losses, [[10, 11, 12, 10], [20, 21, 22, 20]])


def test_the_parameters_of_the_best_are_kept_and_those_of_others_are_not_read():
    best, read = BestTrials(2), []
    empty = Curves(*np.zeros((3, 1, 1)))
    for trial, score in enumerate([0.3, 0.1, np.nan, 0.2, 0.05, 0.9]):
        status = "diverged" if np.isnan(score) else "finished"
        ended = TrialResult(trial, Setting((), {}), status, 1, score, 0.0, 0.0, empty, (), 1)
        best.add(ended, lambda trial=trial: read.append(trial) or trial)
    assert best.kept == {0: 0, 5: 5}
    assert read == [0, 1, 3, 5]
    assert best.summary() == {"diverged": "1", "best": "0.9000"}


def test_progress_counts_statuses_without_a_look_at_all_trials(result):
    """It is shown after each chunk: a look at all trials would take a sweep of very many a time that is quadratic."""

    class Unlisted(dict):
        def values(self):
            raise AssertionError

    best = BestTrials(1)
    best.results = Unlisted()
    for trial, status in enumerate(["stopped", "finished", "stopped", "diverged"]):
        best.add(result.trials[0]._replace(trial=trial, status=status, score=0.5), dict)
    assert best.summary() == {"stopped": "2", "diverged": "1", "best": "0.5000"}
    best.add(result.trials[0]._replace(trial=2, status="finished", score=0.5), dict)
    assert best.summary()["stopped"] == "1"


@pytest.mark.parametrize("name", ["sweep_curves", "losses", "parallel_coordinates", "score_against", "importance"])
def test_pictures_show_every_trial(name, result, tmp_path):
    drawing, [[axes]] = nn.plots.figure()
    if name == "losses":
        nn.plots.sweep_curves(axes, result, quantity="losses")
        assert axes.get_yscale() == "log"
    elif name == "score_against":
        nn.plots.score_against(axes, result, "optimizer")
        assert [label.get_text() for label in axes.get_xticklabels()] == ["sgd", "adam"]
    else:
        getattr(nn.plots, name)(axes, result)
    if name in ("sweep_curves", "losses", "parallel_coordinates"):
        assert len(axes.lines) >= 24
    pixels = matplotlib.image.imread(nn.plots.save(drawing, tmp_path / "picture.png"))
    assert len(np.unique(pixels.reshape(-1, 4), axis=0)) > 20


def test_a_picture_of_an_unknown_hyper_is_refused(result):
    _, [[axes]] = nn.plots.figure()
    with pytest.raises(ValueError, match=r"the space has 'rate', 'optimizer', 'optimizer.momentum', not 'speed'"):
        nn.plots.score_against(axes, result, "speed")


def test_the_occupancy_is_drawn_chunk_by_chunk(result):
    _, [[axes]] = nn.plots.figure()
    nn.plots.occupancy(axes, result)
    values, edges, _ = axes.patches[0].get_data()
    np.testing.assert_allclose(values, [100 * chunk.busy for chunk in result.chunks])
    np.testing.assert_allclose(np.diff(edges), [chunk.epochs for chunk in result.chunks])
