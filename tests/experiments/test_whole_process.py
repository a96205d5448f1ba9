"""Whole processes: the same search in jaxnn and scikit-learn, the scaling of a part of the trials, and the tables."""

import json
import sys

import numpy as np
import pytest

from experiments.benchmarks import processes, tables, targets, whole_process
from experiments.benchmarks.children import searches
from experiments.benchmarks.children.searches import Data, Search
from experiments.benchmarks.processes import Job, ProcessCase, Side, Timing


def make_side(name, *, fixed, slope, cached=False, second=None, score=0.9):
    """Returns a side whose process prints what it "took": fixed + slope · trials seconds, without any work."""
    return Side(name, (), lambda job: [name, fixed + slope * job.trials - bool(job.cache), second, score], cached)


@pytest.fixture
def no_processes(monkeypatch):
    """Replaces the processes by what `make_side` says that they take; returns the jobs in their order."""
    jobs = []

    def run_process(side, job):
        name, *timing = side.command(job)
        jobs.append((name, job))
        return Timing(*timing)

    monkeypatch.setattr(processes, "run_process", run_process)
    return jobs


def test_a_search_in_jaxnn_and_scikit_learn_as_whole_processes(tmp_path):
    whole_process.write_data(tmp_path)
    case = whole_process.make_case("iris_64", "iris", tmp_path / "iris.npz", Search(4, 40, None))
    names = ("jaxnn", "scikit-learn")
    case = case._replace(sides=[side for side in case.sides if side.name in names])
    result = processes.measure(case, 1, lambda line: None)
    assert [row.name for row in result.rows] == list(names)
    assert (result.missing, result.failed) == ({}, {})
    ours, peer = result.rows
    assert [len(ours.cold), len(ours.warm), len(ours.second)] == [1, 1, 1]
    assert [len(peer.cold), len(peer.warm), len(peer.second)] == [1, 0, 1]
    # Imports are in the process and not in the second call, which is less than the first.
    assert all(row.cold[0] > row.second[0] > 0 for row in result.rows)
    assert all(row.score is not None and 0.3 < row.score <= 1 for row in result.rows)


def test_a_part_of_the_trials_is_scaled_without_the_fixed_cost(no_processes):
    sides = [
        make_side("jaxnn", fixed=5.0, slope=0.0, cached=True, second=1.0),
        make_side("slow", fixed=3.0, slope=0.4, second=8.0),
        make_side("fast", fixed=3.0, slope=0.01, second=1.0),
    ]
    result = processes.measure(ProcessCase("case", "a case", sides, 1000, 2), 2, lambda line: None)
    ours, slow, fast = result.rows
    assert (ours.cold, ours.warm, ours.second) == ((5.0, 5.0), (4.0, 4.0), (1.0, 1.0))
    # Twenty seconds at 0.4 s a trial are 50 trials; 48 are a multiple of sixteen.
    assert (slow.timed, fast.timed) == (48, 1000)
    np.testing.assert_allclose(slow.cold, 3 + 0.4 * 1000)
    np.testing.assert_allclose(slow.second, 8 * 1000 / 48)
    np.testing.assert_allclose(fast.cold, 13)
    np.testing.assert_allclose(slow.ratio, 403 / 5)
    np.testing.assert_allclose(slow.warm_ratio, 403 / 4)
    cold = [name for name, job in no_processes if job.calls == 2]
    assert cold == ["jaxnn", "slow", "fast"] * 2
    assert tables.format_cold(slow) == "about 403 s, from 48 trials"
    assert "about 403 s, from 48 trials" in tables.format_table(result)


def test_extrapolation_by_hand():
    # Four trials take 2 s and sixteen 8 s, so that each takes half a second.
    assert processes.extrapolate(2.0, 8.0, 16, 100) == 8 + 0.5 * 84
    # A machine that was slow for a while must not give negative seconds.
    assert processes.extrapolate(9.0, 8.0, 16, 100) == 8


def test_a_process_that_fails_is_left_out_but_jaxnn_must_not_fail():
    lines = []
    works = Side("works", (), lambda job: [sys.executable, "-c", "print(0.5)"])
    fails = Side("fails", (), lambda job: [sys.executable, "-c", "raise SystemExit('no way')"])
    lacks = Side("lacks", ("no_such_package",), works.command)
    result = processes.measure(ProcessCase("case", "a case", [works, fails, lacks]), 1, lines.append)
    assert [(row.name, row.score) for row in result.rows] == [("works", 0.5)]
    assert result.failed == {"fails": "fails: no way"}
    assert "  left out: lacks: not installed: no_such_package" in lines
    with pytest.raises(RuntimeError, match="fails: no way"):
        processes.measure(ProcessCase("case", "a case", [fails]), 1, lines.append)


def test_the_seconds_of_the_second_call_are_not_those_of_the_process():
    script = """print('{"score": 0.5, "calls": [0.1, 1000.0]}')"""
    timing = processes.run_process(Side("two calls", (), lambda job: [sys.executable, "-c", script]), Job(calls=2))
    assert (timing.second, timing.score) == (1000.0, 0.5)
    assert -1000 < timing.seconds < -900


def test_the_tables_come_back_from_the_written_results(no_processes, tmp_path, capsys):
    ours = make_side("jaxnn", fixed=5.0, slope=0.0, cached=True, second=0.5)
    slow = make_side("slow", fixed=3.0, slope=2.0, second=100.0, score=0.8)
    result = processes.measure(ProcessCase("iris_64", "iris", [ours, slow], 64, 2), 1, lambda line: None)
    rows = [row._asdict() for row in result.rows]
    path = tmp_path / "results.json"
    path.write_text(json.dumps({"whole_processes": [result._asdict() | {"rows": rows}]}), encoding="utf-8")
    assert tables.read_processes(path) == [result]
    tables.main(path)
    printed = capsys.readouterr().out
    assert "| iris | **5.0 s** | **4.0 s** | **0.50 s** | ≈ 131 s |" in printed
    assert "| slow | about 131 s, from 16 trials |  | 400 s | 26× | 0.800 |" in printed


def test_targets_of_a_process_are_checked_cold_and_warm(no_processes):
    ours = make_side("jaxnn", fixed=6.0, slope=0.0, cached=True)
    imports = make_side("import jax, optax", fixed=2.0, slope=0.0)
    result = processes.measure(ProcessCase("one_fit", "one fit", [ours, imports]), 1, lambda line: None)
    cold, warm = targets.check_targets([result])
    assert (cold.measured, cold.reached) == (2 / 6, True)
    assert (warm.case, warm.measured, warm.reached) == ("one_fit, warm cache", 2 / 5, True)


def test_folds_have_equal_sizes_and_settings_stay_in_their_ranges():
    data = Data(np.zeros((1797, 64), np.float32), np.arange(1797) % 10, np.arange(1797) >= 1408)
    search = Search(100, 20, 64, folds=5, widths=(4, 128), depths=(1, 3), decay=False)
    splits = searches.split_rows(search, data)
    assert {(len(train), len(test)) for train, test in splits} == {(1437, 359)}
    assert all(not set(train) & set(test) for train, test in splits)
    [(train, test)] = searches.split_rows(search._replace(folds=0), data)
    assert (len(train), len(test)) == (1408, 389)
    settings = searches.draw_settings(search)
    assert len(settings) == 100
    assert {one.depth for one in settings} == {1, 2, 3}
    assert all(4 <= one.width <= 128 and 1e-4 <= one.learning_rate <= 1e-1 for one in settings)
    assert not any(one.weight_decay for one in settings)


def test_a_job_survives_the_command_line(monkeypatch, tmp_path, capsys):
    whole_process.write_data(tmp_path)
    search = Search(4, 2, 64, filters=(8, 16))
    command = whole_process.make_command(search, tmp_path / "images.npz", "torch_search", ["more"], Job(3, 2, "cache"))
    monkeypatch.setattr(sys, "argv", command[2:])
    seen = []

    def search_once(search, data):
        seen.append((search, data.x.shape))
        return 0.25

    searches.run(search_once, seen.append)
    assert seen == ["cache", *[(search._replace(trials=3), (1797, 8, 8, 1))] * 2]
    printed = json.loads(capsys.readouterr().out)
    assert printed["score"] == 0.25
    assert len(printed["calls"]) == 2
