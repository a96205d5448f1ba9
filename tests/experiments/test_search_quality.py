"""The table of search quality counts epochs as searches spend them, and all its searches run."""

import jax
import numpy as np
import pytest

from experiments.benchmarks import search_quality
from experiments.benchmarks.optuna_pruners import OptunaPruner
from experiments.benchmarks.search_quality import Config, Track
from jaxnn.sweeps import Continue, Setting, Stop

optuna = pytest.importorskip("optuna")
pytest.importorskip("cmaes")


def test_the_best_score_at_some_epochs_and_the_epochs_until_a_score():
    track = Track(np.array([4, 5, 9]), np.array([-0.5, -0.3, -0.1]))
    assert [track.best_at(epochs) for epochs in (3, 4, 8.9, 9)] == [-np.inf, -0.5, -0.3, -0.1]
    assert [track.spent_until(score) for score in (-0.5, -0.4, -0.1, 0.0)] == [4, 5, 9, np.inf]


def test_a_table_by_hand():
    """Regrets from the best of each key, -0.1 and -0.2; random search has spent 8 epochs, the budget."""
    random = [Track(np.array([4, 8]), np.array([-0.9, -0.2])), Track(np.array([4, 8]), np.array([-0.6, -0.6]))]
    other = [Track(np.array([1, 4]), np.array([-0.2, -0.1])), Track(np.array([1, 2]), np.array([-0.9, -0.2]))]
    lines = search_quality.format_table("iris", {"random": random, "other": other}, 8).splitlines()
    medians = ["inf (inf to inf)", "inf (inf to inf)", "400 (400 to 400)", "100 (100 to 100)"]
    assert lines[2].split(" | ")[1:] == ["2", *medians, "1.00", "1.00, 2 of 2 |"]
    medians = ["100 (100 to 100)", "0 (0 to 0)", "0 (0 to 0)", "0 (0 to 0)"]
    assert lines[3].split(" | ")[1:] == ["2", *medians, "0.38", "0.25, 2 of 2 |"]


def test_a_pruner_of_optuna_stops_trials():
    running = OptunaPruner(optuna.pruners.ThresholdPruner(lower=0.5)).init(3, {}, jax.random.key(0))
    running.add(0, Setting((), {}))
    assert running.start(0) == 1
    assert [running.report(0, 1, 0.6), running.report(0, 2, 0.4)] == [Continue(2), Stop()]
    running.add(1, Setting((), {}))
    assert [running.report(1, epoch, 0.6) for epoch in (1, 2, 3)] == [Continue(2), Continue(3), Stop()]


def test_all_searches_run(capsys):
    config = Config(problems=("iris",), trials=4, more=1, keys=1, alone=1, epochs=3, ask_limit=2)
    tracks = search_quality.main(config)["iris"]
    assert len(tracks) == 15
    for name, [track] in tracks.items():
        assert len(track.spent) == 4, name
        assert track.spent[-1] < 12 if name == "random + ASHA" else track.spent[-1] <= 12, name
        assert "+" in name or track.spent[-1] == 12, name
        assert np.isfinite(track.best[-1]), name
    assert capsys.readouterr().out.count("\n| ") == 17
