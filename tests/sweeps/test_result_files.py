"""The CSV files and the page of a sweep: their bytes, and the memory that writing them takes."""

import tracemalloc
from pathlib import Path

import numpy as np
import pytest

import jaxnn as nn
from jaxnn.io.files import write
from jaxnn.report.about import About
from jaxnn.report.sweeps import describe_sweep
from jaxnn.sweeps.engine.run import ChunkStats
from jaxnn.sweeps.engine.trial import TrialLayout, TrialResult, name_curves
from jaxnn.sweeps.results.load import SavedPlan
from jaxnn.sweeps.results.replay import Programs
from jaxnn.sweeps.results.tables import make_files

NAN = float("nan")
SPACE = {"optimizer": nn.choice("adam", {"kind": "sgd", "momentum": nn.uniform(0, 1)}), "rate": nn.uniform(0, 1)}
EPOCHS = 500


def make_trial(number, option, values, table, *, status="finished", reason="", worker="here:1"):
    setting = nn.sweeps.Setting((("optimizer", option),), values)
    table, epochs = np.asarray(table, np.float32), np.shape(table)[2]
    curves = name_curves(table, ("loss_of_all",) if len(table) == 4 else ())
    score = float(curves.scores[:, -1].mean())
    return TrialResult(number, setting, status, epochs, score, 0.0, 2.5, curves, (), epochs, reason, worker)


@pytest.fixture(scope="module")
def large():
    """A result with 2.4 MB of curves, whose table has 8 MB of text."""
    rng = np.random.default_rng(0)
    trials = [
        make_trial(number, 0, {"rate": float(rng.random())}, rng.random((3, 1, EPOCHS))) for number in range(400)
    ]  # fmt: skip
    plan = SavedPlan(SPACE, TrialLayout(1, 1, EPOCHS), {"score": "accuracy"}, Path("here"))
    return nn.SweepResult(tuple(trials), {}, (ChunkStats(10, 1.0, 3, 2, 0.5, 2.0),), plan, Programs())


def measure_peak(function):
    """Returns the most bytes that a function holds at once."""
    tracemalloc.start()
    try:
        function()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_the_files_of_a_sweep_with_conditional_hypers_and_metrics():
    trials = [
        make_trial(0, 1, {"optimizer.momentum": 0.5, "rate": 0.25}, [[[1, 2], [3, 4]]] * 3 + [[[0, 5], [0, 6]]]),
        make_trial(1, 0, {"rate": 1e-7}, [[[NAN]]] * 4, status="diverged", reason="a loss, not finite"),
    ]
    files = {name: "".join(lines) for name, lines in make_files(SPACE, trials, ("loss_of_all",)).items()}
    assert files["trials.csv"] == (
        "trial,optimizer.kind,optimizer.momentum,rate,optimizer,status,epochs,score,score_std,score_epoch,seconds,"
        "reason,loss_of_all,worker\n"
        "0,sgd,0.5,0.25,,finished,2,3.0,0.0,2,2.5,,5.5,here:1\n"
        '1,,,1e-07,adam,diverged,1,nan,0.0,1,2.5,"a loss, not finite",nan,here:1\n'
    )
    assert files["curves.csv"] == (
        "trial,epoch,loss,validation_loss,score,loss_of_all\n0,1,2,2,2,0\n0,2,3,3,3,5.5\n1,1,nan,nan,nan,nan\n"
    )


def test_files_are_written_without_their_text_in_memory(large, tmp_path):
    def write_files():
        for name, lines in make_files(SPACE, large.trials, ()).items():
            write(tmp_path / name, lines, "sweep")

    assert measure_peak(write_files) < 2**19
    assert (tmp_path / "curves.csv").stat().st_size > 2**22
    assert (tmp_path / "trials.csv").read_text().count("\n") == 401


def test_a_page_is_made_without_a_table_of_all_curves(large):
    describe_sweep(large, About("large", "large", {}))  # imports
    # The page has 120,000 numbers of 4 bytes; a table of one quantity would take 1.6 MB.
    assert measure_peak(lambda: describe_sweep(large, About("large", "large", {}))) < 2.5 * 2**20


def test_an_error_while_a_file_is_written_leaves_the_one_before(tmp_path):
    file = tmp_path / "table.csv"
    file.write_text("before")

    def end_half_way():
        yield "new"
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write(file, end_half_way(), "sweep")
    assert [each.read_text() for each in tmp_path.iterdir()] == ["before"]
