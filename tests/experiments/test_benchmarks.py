"""The benchmarks take turns, compare losses before they time, and name what is missing; the sides that need no other
tool do the same work."""

import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from experiments.benchmarks import __main__ as benchmarks
from experiments.benchmarks import (
    compiling,
    digits_sweep,
    harness,
    iris_sweep,
    pictures,
    problems,
    report,
    scaling,
    targets,
    workers,
)
from experiments.benchmarks.harness import Case, Ready, Result, Side, Work
from experiments.benchmarks.machine import Limits
from experiments.benchmarks.peers import ours, plain_jax

ROOT = Path(__file__).parents[2]
OTHERS = ("torch", "flax", "equinox", "optuna", "sklearn")


def side(name, seconds, losses=(1.0, 2.0), *, needs=(), log=None, **more):
    """A side that takes these seconds, round by round, and needs no time for it."""
    left = iter(seconds)

    def run():
        if log is not None:
            log.append(name)
        return {"run": next(left)}

    given = None if losses is None else lambda: np.array(losses)
    return Side(name, needs, lambda: Ready(run, given, **{"warm": False, **more}))


def measured(*sides, rounds=2):
    said = []
    result = harness.measure(Case("case", "a case", sides, Work(1e9, 1e9)), rounds, said.append)
    return result, "\n".join(said)


def test_sides_take_turns_after_a_round_that_does_not_count():
    log = []
    sides = [side(name, [9.0, 1.0, 2.0, 3.0], log=log, warm=True) for name in "ABC"]
    result, _ = measured(*sides, rounds=3)
    assert log == list("ABC" + "ABC" * 3)
    assert result.rows[0].rounds == (1.0, 2.0, 3.0)


def test_ratios_are_those_of_rounds_so_that_a_slow_spell_cancels():
    ours_ = side("ours", [1.0, 2.0, 10.0])
    peer = side("peer", [3.0, 6.0, 30.0], start={"trace": 1.0, "compile": 3.0})
    result, _ = measured(ours_, peer, rounds=3)
    row = result.rows[1]
    assert row.median == 6.0
    assert (row.low, row.high) == (4.5, 18.0)
    assert row.ratio == (3.0, 3.0, 3.0)
    assert row.total_ratio == (4 + 6) / 2


def test_a_side_timed_on_some_trials_is_scaled_to_all():
    result, _ = measured(side("ours", [1.0, 1.0]), side("peer", [2.0, 2.0], timed=8, of=64))
    assert result.rows[1].median == 16.0
    assert "timed on 8 of 64 trials" in report.table(result, Limits(1e10, 1e10))


def test_agreement_is_said_and_disagreement_too():
    result, said = measured(side("ours", [1.0] * 2), side("peer", [1.0] * 2, (1.0, 2.0 + 4e-6)))
    assert result.agrees
    assert "agree: 2 sides, max relative difference 2e-06" in said
    result, said = measured(side("ours", [1.0] * 2), side("peer", [1.0] * 2, (1.0, 2.1)))
    assert not result.agrees
    assert "DISAGREE: peer differs by 5e-02" in said


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_losses_that_are_not_finite_disagree(value):
    result, said = measured(side("ours", [1.0] * 2), side("peer", [1.0] * 2, (1.0, value)))
    assert not result.agrees
    assert "DISAGREE: peer" in said


def test_missing_peers_are_named_and_left_out():
    result, said = measured(side("ours", [1.0] * 2), side("peer", [1.0] * 2, needs=("no_such_package",)))
    assert [row.name for row in result.rows] == ["ours"]
    assert result.missing == {"peer": "no_such_package"}
    assert "left out: peer, for want of no_such_package" in said
    assert "not compared" in said


def test_a_peer_that_breaks_is_named_but_jaxnn_must_not():
    def broken():
        raise ValueError("no\nway")

    result, said = measured(side("ours", [1.0] * 2), Side("peer", (), broken))
    assert result.failed == {"peer": "ValueError: no"}
    assert "failed: peer: ValueError: no" in said
    with pytest.raises(ValueError, match="no"):
        measured(Side("ours", (), broken))


def test_seconds_in_which_two_compile_count_once_and_the_rest_of_the_start_is_tracing():
    found = compiling.parts(0.0, 10.0, [(1.0, 3.0), (2.0, 5.0), (6.0, 7.0)])
    assert found == {"trace": 2.0, "compile": 5.0, "run": 3.0}
    with pytest.raises(RuntimeError, match="compile and run cannot be told apart"):
        compiling.parts(0.0, 1.0, [])


def test_a_small_compilation_at_the_end_of_a_run_does_not_hide_the_run():
    found = compiling.parts(0.0, 10.0, [(1.0, 3.0), (2.0, 5.0), (8.0, 8.1)])
    assert found == {"trace": 1.0, "compile": 4.0, "run": 5.0}


def test_targets_are_reached_by_the_fastest_of_the_peers_they_name():
    rows = measured(side("ours", [1.0] * 2), side("plain vmap", [6.0] * 2), side("Equinox filter_vmap", [4.0] * 2))
    verdicts = targets.judge([rows[0]._replace(name="iris_sweep")])
    best = {verdict.wanted: verdict for verdict in verdicts if "best JAX peer" in verdict.against}
    assert best["5×"].measured == 4.0
    assert (best["5×"].reached, best["3×"].reached) == (False, True)
    assert [verdict.reached for verdict in verdicts if verdict.against == "PyTorch eager"] == [None]


@pytest.mark.parametrize("cases", [iris_sweep.cases, digits_sweep.cases])
def test_no_side_in_jax_is_left_out_of_the_best_peer(cases):
    sides = [side for case in cases(quick=True) for side in case.sides if not side.name.startswith("jaxnn")]
    in_jax = [side.name for side in sides if not {"torch", "sklearn", "optuna"} & set(side.needs)]
    assert sorted(in_jax) == sorted(targets.JAX_PEERS)


def test_work_counts_products_forward_and_backward():
    flop, moved = problems.work(problems.iris(epochs=10, trials=8))
    # Forward 2 · (4 · 16 + 16 · 3) an example; as much for the weights, and for the hidden layer's outputs 2 · 16 · 3.
    assert flop == 8 * 10 * 120 * (224 + 224 + 96)
    assert moved > 0


def test_weights_for_channels_first_compute_the_same():
    problem = problems.random_images(steps=1, size=8, channels=(2, 3), hidden=4)
    first = problems.channels_first(problem.layers)
    assert [weight.shape for weight, _ in first] == [(2, 1, 3, 3), (3, 2, 3, 3), (4, 12), (10, 4)]
    maps = np.random.default_rng(0).random((2, 2, 3), np.float32)
    last = maps.ravel() @ problem.layers[2][0]
    np.testing.assert_allclose(first[2][0] @ maps.transpose(2, 0, 1).ravel(), last, rtol=1e-5)


def test_plain_jax_and_jaxnn_train_a_cnn_alike_on_the_same_minibatches():
    problem = problems.random_images(steps=2, size=4, channels=(2,), hidden=3)
    twice = problem._replace(rates=problem.rates.repeat(2), rows=problem.rows.repeat(2, axis=0))
    np.testing.assert_allclose(ours.fit(problem)[0](), plain_jax.mapped(twice, None)[0](), rtol=1e-5)


def test_work_is_dealt_out_to_all_cores(monkeypatch):
    monkeypatch.setattr(workers, "cores", lambda: [0, 1])
    assert workers.shares(5) == [[0, 2, 4], [1, 3]]
    assert workers.shares(1) == [[0]]
    assert workers.hands(5) == "2 processes"


def test_slopes_and_the_bend():
    series = scaling.Series("lanes", "a sweep", (1, 10, 100, 1000), (1.0, 1.0, 10.0, 100.0))
    np.testing.assert_allclose(series.slopes, [0, 1, 1])
    assert series.bend == 10
    assert "steeper than one half: from 10" in scaling.table(series)


def test_a_quick_case_without_any_other_tool(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(harness, "importable", lambda package: package not in OTHERS)
    monkeypatch.setattr(benchmarks, "CASES", {"iris_sweep": iris_sweep.cases})
    [result] = benchmarks.main(benchmarks.Config(only=("iris_sweep",), quick=True))
    assert result.agrees
    named = ["jaxnn sweep", "jaxnn, every epoch judged", "plain vmap", "plain vmap, tiled", "matrix products alone"]
    assert [row.name for row in result.rows] == named
    assert set(result.rows[0].start) == {"trace", "compile"}
    printed = capsys.readouterr().out
    assert "left out: PyTorch eager, for want of torch" in printed
    assert "agree: 4 sides" in printed
    written = json.loads((tmp_path / "runs" / "benchmarks" / "results.json").read_text(encoding="utf-8"))
    assert written["cases"][0]["sides"][0]["rounds"] == [result.rows[0].rounds[0]]
    assert (tmp_path / "runs" / "benchmarks" / "ratios.png").stat().st_size > 5000


def test_pictures_of_lanes_costs_and_convolutions(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result, _ = measured(side("ours", [1.0] * 2), side("lax.conv", [0.5] * 2), side("PyTorch", [3.0] * 2))
    convolution = Result("conv_8", "conv alone: 8", result.rows, result.work, {}, {})
    lanes = scaling.Series("lanes", "a sweep", (1, 10), (1.0, 2.0), (1024, 4096))
    paths = pictures.draw([convolution], [lanes, lanes])
    assert [path.name for path in paths] == ["convolutions.png", "lanes.png", "costs.png"]


def test_unknown_cases_are_refused_and_help_names_the_command():
    with pytest.raises(SystemExit, match="no case iris;"):
        benchmarks.main(benchmarks.Config(only=("iris",)))
    command = [sys.executable, "-m", "experiments.benchmarks", "--help"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert "usage: python -m experiments.benchmarks " in run.stdout
    assert run.stderr == ""
