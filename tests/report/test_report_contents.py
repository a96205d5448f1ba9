"""What a page says of a sweep: notes in words, classes, lanes and seconds."""

import time
from pathlib import Path

import jax
import numpy as np
import optax
import pytest
import sklearn.metrics

import jaxnn as nn
from helpers.browser import read_document
from helpers.resumable_runs import FLOWERS, VALIDATION, make_recipe
from jaxnn.io.runs.named import name_described
from jaxnn.report import outputs as outputs_module
from jaxnn.report.about import describe_here
from jaxnn.report.classes import describe_classes
from jaxnn.report.notes import list_notes
from jaxnn.report.outputs import Outputs, compute_outputs, pack_outputs, read_outputs
from jaxnn.report.sweeps import describe_sweep
from jaxnn.sweeps.engine.run import ChunkStats
from jaxnn.sweeps.engine.trial import TrialLayout, TrialResult, name_curves
from jaxnn.sweeps.results.load import SavedPlan
from jaxnn.sweeps.results.replay import Programs

SPACE = {"rate": nn.log_uniform(1e-3, 1.0), "width": nn.integers(1, 9)}


def make_result(values, scores, statuses, *, curves=None, stds=None, epochs=None):
    """A sweep with these hypers, (rate, width), scores and statuses."""
    trials = []
    for number, ((rate, width), score, status) in enumerate(zip(values, scores, statuses, strict=True)):
        curve = np.array([score] * 20) if curves is None else np.asarray(curves[number])
        end = len(curve) if epochs is None else epochs[number]
        table = np.stack([curve, curve, curve])[:, None, :end].astype(np.float32)
        setting = nn.sweeps.Setting((), {"rate": rate, "width": width})
        std = 0.0 if stds is None else stds[number]
        trials.append(
            TrialResult(number, setting, status, end, score, std, 1.0, name_curves(table, ()), (), end, "")
        )  # fmt: skip
    chunks = ChunkStats(10, 1.0, 3, 2, 0.5, 2.0, 1.5), ChunkStats(10, 0.5, 0, 0, 0.0, 1.0)
    plan = SavedPlan(SPACE, TrialLayout(1, 1, 20), {}, Path("here"))
    return nn.SweepResult(tuple(trials), {}, chunks, plan, Programs())


def spread_values(count):
    rng = np.random.default_rng(0)
    return [(float(rate), float(width)) for rate, width in zip(
        10 ** rng.uniform(-3, 0, count), rng.integers(1, 10, count), strict=True
    )]  # fmt: skip


def test_the_best_at_the_end_of_a_range_are_named():
    values = [(rate, 5.0) for rate in np.geomspace(1e-3, 1.0, 40)]
    rising = make_result(values, [float(i) for i in range(40)], ["finished"] * 40)
    notes = list_notes(rising)
    assert notes == [
        "The best rate, 1, lies at the upper end of its range, 0.001 to 1; 5 of the 5 best trials lie in the upper "
        "quarter."
    ]
    inside = make_result(values, [-abs(i - 20.0) for i in range(40)], ["finished"] * 40)
    assert list_notes(inside) == []


def test_diverged_trials_are_bounded_by_a_hyper_where_the_data_say_so():
    values = spread_values(60)
    statuses = ["diverged" if rate > 0.3 else "finished" for rate, _ in values]
    scores = [np.nan if status == "diverged" else -abs(width - 5) - abs(np.log10(rate) + 2) for status, (rate, width)
              in zip(statuses, values, strict=True)]  # fmt: skip
    least = min(rate for rate, _ in values if rate > 0.3)
    count = statuses.count("diverged")
    assert f"{count} of 60 trials diverged: all those with rate of {least:.3g} or more, and no others." in list_notes(
        make_result(values, scores, statuses)
    )
    # Trials without such a bound.
    statuses = ["diverged" if number % 10 == 0 else "finished" for number in range(60)]
    scores = [np.nan if number % 10 == 0 else -abs(width - 5) for number, (_, width) in enumerate(values)]
    assert "6 of 60 trials diverged." in list_notes(make_result(values, scores, statuses))


def test_a_sweep_without_a_best_trial_says_why():
    result = make_result(spread_values(6), [np.nan] * 6, ["diverged"] * 5 + ["failed"])
    assert [note.split(";")[0] for note in list_notes(result)] == ["5 of 6 trials diverged.", "1 of 6 trials failed"]


def test_stopped_neighbours_and_a_rising_score_are_named():
    values = [(float(rate), 5.0) for rate in np.geomspace(1e-3, 1.0, 41)]
    scores = [-abs(i - 20.0) for i in range(41)]
    statuses = ["stopped" if i in (18, 19, 21, 22, 23) else "finished" for i in range(41)]
    epochs = [3 if status == "stopped" else 20 for status in statuses]
    notes = list_notes(make_result(values, scores, statuses, epochs=epochs))
    start = "All 5 trials with hypers nearest to the best were stopped, after 3 epochs"
    assert any(note.startswith(start) for note in notes)
    curves = [score + np.arange(20) for score in scores]
    notes = list_notes(make_result(values, [curve[-1] for curve in curves], ["finished"] * 41, curves=curves))
    assert any("18 in the mean of its last 3 epochs, 15 in the 3 before" in note for note in notes)


def test_trials_within_the_spread_of_the_best_are_counted():
    values = [(float(rate), 5.0) for rate in np.geomspace(1e-3, 1.0, 11)]
    scores = [-abs(i - 5.0) for i in range(11)]
    notes = list_notes(make_result(values, scores, ["finished"] * 11, stds=[1.5] * 11))
    assert any(note.startswith("2 other trials differ from the best by less than its spread") for note in notes)
    notes = list_notes(make_result(values[5:], scores[5:], ["finished"] * 6, stds=[1.5] * 6))
    assert any(note.startswith("1 other trial differs from the best") for note in notes)


@pytest.fixture(scope="module")
def folded() -> nn.SweepResult:
    flowers = FLOWERS.data
    return nn.sweep(
        make_recipe, {"learning_rate": nn.uniform(0.01, 0.1)}, flowers, key=jax.random.key(0), trials=2, epochs=20,
        folds=3, progress=False, prepare=nn.standard_scaling, score=nn.accuracy,
    )  # fmt: skip


def test_with_folds_each_row_is_judged_by_the_network_that_has_not_seen_it(folded, tmp_path):
    outputs = compute_outputs(folded)
    assert sorted(outputs.rows.tolist()) == list(range(150))
    labels = FLOWERS.data[1]
    np.testing.assert_array_equal(outputs.labels, np.asarray(labels)[outputs.rows])
    matrix = np.array(describe_classes(outputs)["matrix"])
    np.testing.assert_array_equal(matrix, sklearn.metrics.confusion_matrix(outputs.labels, outputs.logits.argmax(1)))
    assert np.trace(matrix) / 150 == pytest.approx(folded.best.score, abs=1e-6)
    # A directory keeps them without the inputs.
    (tmp_path / "outputs.npz").write_bytes(pack_outputs(outputs))
    kept = read_outputs(tmp_path / "outputs.npz", folded.best.trial)
    np.testing.assert_array_equal(kept.logits, outputs.logits)
    assert read_outputs(tmp_path / "outputs.npz", 1 - folded.best.trial) is None  # of a sweep that has gone on
    assert (kept.x, kept.total) == (None, 150)
    assert read_outputs(tmp_path / "none.npz", 0) is None


def test_the_first_of_many_rows_are_kept_and_counted(folded, monkeypatch):
    monkeypatch.setattr(outputs_module, "_MAX_NUMBERS", 30)
    described = describe_classes(compute_outputs(folded))
    assert (described["rows"], described["total"]) == (10, 150)


def test_the_wrongest_examples_come_first_and_have_pictures_on_request():
    logits = np.log(np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8], [0.99, 0.01]]))
    images = np.arange(4 * 6.0).reshape(4, 2, 3, 1)
    outputs = Outputs(7, np.array([10, 11, 12, 13]), np.array([1, 1, 1, 1]), logits, images)
    described = describe_classes(outputs, pictures=True)
    assert [each["row"] for each in described["wrongest"]] == [13, 10, 11]
    assert described["wrongest"][0]["own"] == pytest.approx(0.01)
    assert described["wrong"] == 3
    picture = described["wrongest"][1]["picture"]
    assert (picture["height"], picture["width"]) == (2, 3)
    assert describe_classes(outputs)["wrongest"][0]["picture"] is None


COUNTS = np.array([0, 1, 4, 2])


@pytest.mark.parametrize(("targets", "loss", "outputs"), [
    (COUNTS[:, None].astype(np.float32), nn.squared_error, 1),
    # Three outputs for each count, which are no classes.
    (COUNTS, lambda outputs, counts: ((outputs - counts[:, None]) ** 2).sum(axis=1), 3),
], ids=["numbers", "counts"])  # fmt: skip
def test_targets_that_are_no_classes_have_no_outputs(targets, loss, outputs):
    line = np.linspace(0, 1, 4, dtype=np.float32)[:, None], targets
    result = nn.sweep(
        lambda hypers: nn.Recipe(nn.mlp([1, outputs]), loss, optax.sgd(hypers["rate"])),
        {"rate": nn.uniform(0.0, 0.1)}, line, key=jax.random.key(0), trials=1, epochs=1, validation=line,
        progress=False,
    )  # fmt: skip
    assert compute_outputs(result) is None


def test_the_document_has_lanes_seconds_and_importance():
    result = make_result(spread_values(20), [float(i) for i in range(20)], ["finished"] * 20)
    described = describe_sweep(result, describe_here("here")._replace(seconds=5.0))
    workers = [{"name": "", "ends": [2, 3], "busy": [1, 0.5]}]
    assert described["lanes"] == {"workers": workers, "more": 0, "occupancy": 1, "waited": True}
    parts = {"total": 5, "compile": 1.5, "programs": 3, "host": 0.5}
    assert described["time"] == parts | {"workers": 1, "epochs": 400}
    assert dict(described["importance"]) == pytest.approx(result.importance(), rel=1e-5)
    assert describe_sweep(result, describe_here("here")._replace(thorough=False))["importance"] is None


def test_seconds_are_told_apart_and_add_up_to_the_total(tmp_path):
    slow = 0.05

    def make(hypers):
        time.sleep(slow)
        return make_recipe(hypers)

    def log(trial, values):
        time.sleep(slow)

    options = {"trials": 6, "epochs": 3, "validation": VALIDATION, "progress": False, "log": log}
    space = {"learning_rate": nn.uniform(0.01, 0.1), "width": nn.choice(6, 7)}
    result = nn.sweep(make, space, FLOWERS.data, key=jax.random.key(0), directory=tmp_path / "run", **options)
    document = read_document(tmp_path / "run" / "report.html")
    spent = document["time"]
    assert spent["compile"] + spent["programs"] + spent["host"] == pytest.approx(spent["total"], rel=1e-4)
    # In none of these seconds a program runs: functions of the user are traced, and called with results.
    assert spent["compile"] >= 2 * slow
    assert spent["host"] >= 6 * slow
    assert spent["total"] == pytest.approx(document["seconds"], rel=1e-4)
    # No second is counted twice.
    counted = sum(chunk.seconds + chunk.compile_seconds for chunk in result.chunks)
    assert counted + 6 * slow <= result.seconds
    # Programs that are at hand take no time to compile, but to trace.
    again = nn.sweep(make_recipe, space, FLOWERS.data, key=jax.random.key(0), **options)
    assert sum(chunk.compile_seconds for chunk in again.chunks) < spent["compile"]
    # The directory tells it too.
    kept = read_document(nn.sweeps.load(tmp_path / "run").report(tmp_path / "again.html"))["time"]
    assert (kept["compile"], kept["programs"]) == (spent["compile"], spent["programs"])


def test_a_hyper_of_several_options_has_the_range_of_them_all():
    space = {"optimizer": nn.choice(
        {"make": optax.sgd, "rate": nn.log_uniform(1e-2, 1.0)}, {"make": optax.adam, "rate": nn.log_uniform(1e-4, 0.1)}
    )}  # fmt: skip
    result = make_result([(0.1, 1.0)], [1.0], ["finished"])
    trial = result.trials[0]._replace(setting=nn.sweeps.Setting((("optimizer", 1),), {"optimizer.rate": 0.1}))
    result = nn.SweepResult((trial,), {}, result.chunks, result.plan._replace(space=space), Programs())
    optimizer, rate = describe_sweep(result, describe_here("one"))["hypers"]
    assert (rate["low"], rate["high"]) == (1e-4, 1.0)
    assert optimizer["options"] == ["sgd", "adam"]
    assert "SweepResult: 1 trial of up to 20 epochs" in repr(result)


def test_options_that_are_texts_keep_their_dots():
    space = {"file": nn.choice("iris.csv", "digits.csv")}
    result = make_result([(0.1, 1.0)], [1.0], ["finished"])
    trial = result.trials[0]._replace(setting=nn.sweeps.Setting((("file", 1),), {}))
    result = nn.SweepResult((trial,), {}, result.chunks, result.plan._replace(space=space), Programs())
    [file] = describe_sweep(result, describe_here("one"))["hypers"]
    assert file["options"] == ["iris.csv", "digits.csv"]


def test_parts_of_a_configuration_are_named_without_their_modules():
    described = {"Asha": {"grace_period": 1, "stop": None, "f": "jaxnn.scores.f1"}}
    assert name_described(described) == "Asha(grace_period=1, f=f1)"
    assert name_described("0.5") == "0.5"


def test_the_outputs_of_a_validation_part_are_those_of_its_rows(swept):
    outputs = compute_outputs(swept)
    assert outputs.rows.tolist() == list(range(len(VALIDATION[1])))
    np.testing.assert_allclose(outputs.logits, swept.predict(VALIDATION[0]), rtol=1e-6)
