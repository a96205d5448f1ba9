"""The benchmarks compare losses, time in interleaved rounds and report missing packages; JAX contenders agree."""

import json
import math
import subprocess
import sys
import types
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.benchmarks import __main__ as benchmarks
from experiments.benchmarks import (
    compiling,
    digits_sweep,
    gpu,
    harness,
    iris_sweep,
    pictures,
    problems,
    report,
    scaling,
    streaming,
    targets,
    workers,
)
from experiments.benchmarks.harness import Case, Contender, Cost, Prepared, Result
from experiments.benchmarks.machine import Limits
from experiments.benchmarks.peers import equinox_models, flax_models, foreign_models, jaxnn_models, plain_jax

ROOT = Path(__file__).parents[2]
OTHERS = ("torch", "flax", "equinox", "optuna", "sklearn")


def make_contender(name, seconds, losses=(1.0, 2.0), *, needs=(), log=None, **fields):
    """Returns a contender that reports these seconds, round by round, without computing anything."""
    remaining = iter(seconds)

    def run():
        if log is not None:
            log.append(name)
        return {"run": next(remaining)}

    compute_losses = None if losses is None else lambda: np.array(losses)
    return Contender(name, needs, lambda: Prepared(run, compute_losses, **{"warm": False, **fields}))


def measure(*contenders, rounds=2):
    """Returns the result of a case of these contenders, and what it logs."""
    lines = []
    result = harness.measure(Case("case", "a case", contenders, Cost(1e9, 1e9)), rounds, lines.append)
    return result, "\n".join(lines)


def test_contenders_alternate_after_a_warm_up_round():
    log = []
    contenders = [make_contender(name, [9.0, 1.0, 2.0, 3.0], log=log, warm=True) for name in "ABC"]
    result, _ = measure(*contenders, rounds=3)
    assert log == list("ABC" + "ABC" * 3)
    assert result.rows[0].rounds == (1.0, 2.0, 3.0)


def test_ratios_are_computed_by_round_so_that_slow_rounds_cancel():
    ours = make_contender("ours", [1.0, 2.0, 10.0])
    peer = make_contender("peer", [3.0, 6.0, 30.0], startup={"trace": 1.0, "compile": 3.0})
    result, _ = measure(ours, peer, rounds=3)
    row = result.rows[1]
    assert row.median == 6.0
    assert (row.low, row.high) == (4.5, 18.0)
    assert row.ratio == (3.0, 3.0, 3.0)
    assert row.total_ratio == (4 + 6) / 2


def test_a_contender_timed_on_some_trials_is_scaled_to_all():
    result, _ = measure(make_contender("ours", [1.0, 1.0]), make_contender("peer", [2.0, 2.0], timed=8, total=64))
    assert result.rows[1].median == 16.0
    assert "timed on 8 of 64 trials" in report.format_table(result, Limits(1e10, 1e10))


def test_agreement_and_disagreement_are_reported():
    result, log = measure(make_contender("ours", [1.0] * 2), make_contender("peer", [1.0] * 2, (1.0, 2.0 + 4e-6)))
    assert result.agrees
    assert "agree: 2 contenders, max relative difference 2e-06" in log
    result, log = measure(make_contender("ours", [1.0] * 2), make_contender("peer", [1.0] * 2, (1.0, 2.1)))
    assert not result.agrees
    assert "DISAGREE: peer differs by 5e-02" in log


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_losses_that_are_not_finite_disagree(value):
    result, log = measure(make_contender("ours", [1.0] * 2), make_contender("peer", [1.0] * 2, (1.0, value)))
    assert not result.agrees
    assert "DISAGREE: peer" in log


def test_missing_peers_are_reported_and_left_out():
    peer = make_contender("peer", [1.0] * 2, needs=("no_such_package",))
    result, log = measure(make_contender("ours", [1.0] * 2), peer)
    assert [row.name for row in result.rows] == ["ours"]
    assert result.missing == {"peer": "no_such_package"}
    assert "left out: peer, not installed: no_such_package" in log
    assert "not compared" in log


def test_a_peer_that_fails_is_reported_but_jaxnn_must_not_fail():
    def fail():
        raise ValueError("no\nway")

    result, log = measure(make_contender("ours", [1.0] * 2), Contender("peer", (), fail))
    assert result.failed == {"peer": "ValueError: no"}
    assert "failed: peer: ValueError: no" in log
    with pytest.raises(ValueError, match="no"):
        measure(Contender("ours", (), fail))


def test_overlapping_compilations_count_once_and_the_rest_of_the_startup_is_tracing():
    seconds = compiling.split_seconds(0.0, 10.0, [(1.0, 3.0), (2.0, 5.0), (6.0, 7.0)])
    assert seconds == {"trace": 2.0, "compile": 5.0, "run": 3.0}
    with pytest.raises(RuntimeError, match="compile and run cannot be distinguished"):
        compiling.split_seconds(0.0, 1.0, [])


def test_a_short_compilation_near_the_end_counts_as_run():
    seconds = compiling.split_seconds(0.0, 10.0, [(1.0, 3.0), (2.0, 5.0), (8.0, 8.1)])
    assert seconds == {"trace": 1.0, "compile": 4.0, "run": 5.0}


def test_targets_are_compared_with_the_fastest_of_their_peers():
    peers = make_contender("plain vmap", [6.0] * 2), make_contender("Equinox filter_vmap", [4.0] * 2)
    result, _ = measure(make_contender("ours", [1.0] * 2), *peers)
    checked = targets.check_targets([result._replace(name="iris_sweep")])
    best = {target.minimum: target for target in checked if "best JAX peer" in target.peer}
    assert best["5×"].measured == 4.0
    assert (best["5×"].reached, best["3×"].reached) == (False, True)
    assert [target.reached for target in checked if target.peer == "PyTorch eager"] == [None]


@pytest.mark.parametrize("cases", [iris_sweep.cases, digits_sweep.cases])
def test_every_peer_in_jax_is_among_the_jax_peers(cases):
    peers = [one for case in cases(quick=True) for one in case.contenders if not one.name.startswith("jaxnn")]
    in_jax = [peer.name for peer in peers if not {"torch", "sklearn", "optuna"} & set(peer.needs)]
    assert sorted(in_jax) == sorted(targets.JAX_PEERS)


def test_the_cost_counts_products_forward_and_backward():
    flop, bytes_ = problems.compute_cost(problems.iris(epochs=10, trials=8))
    # Forward 2 · (4 · 16 + 16 · 3) per example; the weights' gradients the same; the hidden outputs' 2 · 16 · 3.
    assert flop == 8 * 10 * 120 * (224 + 224 + 96)
    assert bytes_ > 0


def test_channels_first_weights_compute_the_same():
    problem = problems.random_images(steps=1, size=8, channels=(2, 3), hidden=4)
    transposed = problems.to_channels_first(problem.layers)
    assert [weight.shape for weight, _ in transposed] == [(2, 1, 3, 3), (3, 2, 3, 3), (4, 12), (10, 4)]
    maps = np.random.default_rng(0).random((2, 2, 3), np.float32)
    expected = maps.ravel() @ problem.layers[2][0]
    np.testing.assert_allclose(transposed[2][0] @ maps.transpose(2, 0, 1).ravel(), expected, rtol=1e-5)


def test_plain_jax_and_jaxnn_train_a_cnn_alike_on_the_same_minibatches():
    problem = problems.random_images(steps=2, size=4, channels=(2,), hidden=3)
    twice = problem._replace(rates=problem.rates.repeat(2), rows=problem.rows.repeat(2, axis=0))
    expected = plain_jax.compile_mapped(twice, None)[0]()
    np.testing.assert_allclose(jaxnn_models.compile_fit(problem)[0](), expected, rtol=1e-5)


def test_modules_in_lanes_train_as_flax_alone():
    """Flax with batch norm, and Equinox without, which evaluates a batch norm otherwise."""
    problem = problems.digits(epochs=1, trials=2, count=128)
    problem = problem._replace(test=(problem.test[0][:16], problem.test[1][:16]))
    data, test = equinox_models.move_channels_first(problem)
    channels_first = problem._replace(data=data, test=test)
    in_lanes = [
        (problem, foreign_models.make_flax_model(problem, True), foreign_models.train_steps),
        (channels_first, foreign_models.make_equinox_model(problem, False), flax_models.train_steps),
    ]
    for trained, model, train_alone in in_lanes:
        result = jaxnn_models.run_sweep(trained, model=model, evaluate_at="rungs")
        np.testing.assert_allclose(result.curves("validation_losses")[:, -1], train_alone(problem, [0, 1]), rtol=1e-3)


def test_trials_are_split_among_the_cores(monkeypatch):
    monkeypatch.setattr(workers, "cores", lambda: [0, 1])
    assert workers.split_trials(5) == [[0, 2, 4], [1, 3]]
    assert workers.split_trials(1) == [[0]]
    assert workers.describe_processes(5) == "2 processes"


def test_slopes_and_the_knee():
    series = scaling.Series("lanes", "a sweep", (1, 10, 100, 1000), (1.0, 1.0, 10.0, 100.0))
    np.testing.assert_allclose(series.slopes, [0, 1, 1])
    assert series.knee == 10
    assert "steeper than one half: from 10" in scaling.format_table(series)


def test_a_quick_case_without_any_other_tool(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(harness, "importable", lambda package: package not in OTHERS)
    monkeypatch.setattr(benchmarks, "CASES", {"iris_sweep": iris_sweep.cases})
    [result] = benchmarks.main(benchmarks.Config(only=("iris_sweep",), quick=True))
    assert result.agrees
    names = ["jaxnn sweep", "jaxnn, every epoch evaluated", "plain vmap", "plain vmap, tiled", "matrix products alone"]
    assert [row.name for row in result.rows] == names
    assert set(result.rows[0].startup) == {"trace", "compile"}
    printed = capsys.readouterr().out
    assert "left out: PyTorch eager, not installed: torch" in printed
    assert "agree: 4 contenders" in printed
    written = json.loads((tmp_path / "runs" / "benchmarks" / "results.json").read_text(encoding="utf-8"))
    assert written["cases"][0]["contenders"][0]["rounds"] == [result.rows[0].rounds[0]]
    assert (tmp_path / "runs" / "benchmarks" / "ratios.png").stat().st_size > 5000


def test_pictures_of_lanes_costs_and_convolutions(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    peers = make_contender("lax.conv", [0.5] * 2), make_contender("PyTorch", [3.0] * 2)
    result, _ = measure(make_contender("ours", [1.0] * 2), *peers)
    convolution = Result("conv_8", "conv alone: 8", result.rows, result.cost, {}, {})
    lanes = scaling.Series("lanes", "a sweep", (1, 10), (1.0, 2.0), (1024, 4096))
    paths = pictures.draw([convolution], [lanes, lanes])
    assert [path.name for path in paths] == ["convolutions.png", "lanes.png", "costs.png"]


def test_the_rows_of_a_gpu_are_printed_and_written_one_by_one(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    rows = gpu.measure(quick=True)
    assert [row.table for row in rows] == ["sweeps"] + ["fits"] * 4 + ["convolutions"] * 4
    assert all(row.rate > 0 and row.startup > 0 for row in rows)
    sweep = rows[0]
    assert sweep.rate == pytest.approx(6 * 4 / sweep.seconds)
    written = json.loads((tmp_path / "runs" / "benchmarks" / "gpu.json").read_text(encoding="utf-8"))
    assert [row["work"] for row in written["rows"]] == [row.work for row in rows]
    printed = capsys.readouterr().out
    assert all(gpu.format_row(row) in printed for row in rows)


def test_a_row_that_fails_does_not_end_the_run_and_one_out_of_time_is_left_out(tmp_path, monkeypatch, capsys):
    def fail():
        jnp.zeros((2**15, 2**15, 2**14)).block_until_ready()

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(gpu, "list_measurements", lambda quick: [("fits", "too large", 1, fail)] * 2)
    assert [row.detail[:26] for row in gpu.measure(quick=True)] == ["failed: RESOURCE_EXHAUSTED"] * 2
    monkeypatch.setattr(gpu, "BUDGET", -1.0)
    assert {row.detail for row in gpu.measure(quick=True)} == {"left out after -1 s"}
    capsys.readouterr()
    monkeypatch.setattr(jax, "devices", lambda: [types.SimpleNamespace(platform="cpu")])
    assert gpu.measure(quick=False) == []
    assert capsys.readouterr().out == "\ngpu: left out, JAX computes on cpu\n"


def test_an_epoch_that_is_fed_is_timed_beside_loader_and_training():
    cases = streaming.cases(quick=True)
    assert bool(cases) == harness.importable("torch")
    for case in cases:
        result = harness.measure(case, 1, lambda line: None)
        assert [row.name for row in result.rows] == ["nn.train on the loader", "loader alone", "training alone"]
        assert all(row.median > 0 for row in result.rows)
        [target] = targets.check_targets([result])
        slower = max(row.ratio[0] for row in result.rows[1:])
        assert (target.measured, target.reached) == (slower, slower >= 1 / 1.15)


def test_unknown_cases_are_refused_and_help_names_the_command():
    with pytest.raises(SystemExit, match="no case iris;"):
        benchmarks.main(benchmarks.Config(only=("iris",)))
    command = [sys.executable, "-m", "experiments.benchmarks", "--help"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert "usage: python -m experiments.benchmarks " in run.stdout
    assert run.stderr == ""
