"""Directories of sweeps in blocks: a file and a line for each block, from which any call goes on."""

import functools
import json
import os

import jax
import numpy as np
import pytest

import jaxnn as nn
from helpers import block_sweeps
from helpers.block_sweeps import Listed, assert_same_table, end_after
from helpers.browser import read_document
from helpers.resumable_runs import InjectedError, assert_same_bits
from jaxnn.report import live
from jaxnn.report.sweeps import STATUSES
from jaxnn.sweeps.blocks import driver

sweep = functools.partial(block_sweeps.sweep, epochs=3)


@pytest.fixture(scope="module")
def whole():
    return sweep()


@pytest.fixture(autouse=True)
def _spans_of_one_block(monkeypatch):
    monkeypatch.setattr(driver, "LONGEST_SPAN", 1)


def read_events(path):
    lines = (path / "journal.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def stop(path, ended=16, **options):
    with pytest.raises(InjectedError):
        sweep(path, log=end_after(ended), **options)


def test_a_sweep_goes_on_after_the_last_block_that_is_done(tmp_path, whole):
    stop(tmp_path)
    before = {file.name: file.read_bytes() for file in tmp_path.glob("block-*")}
    resumed = sweep(tmp_path)
    assert_same_table(resumed, whole)
    numbers = [event["number"] for event in read_events(tmp_path) if event["event"] == "block"]
    assert numbers == [0, 1, 2, 3]
    assert {name: (tmp_path / name).read_bytes() for name in before} == before
    assert_same_table(sweep(tmp_path), whole)  # nothing is left to do
    assert (tmp_path / "trials.csv").read_text().splitlines()[0].endswith(",reason,worker")


def test_the_files_of_two_sweeps_are_equal(tmp_path, whole):
    paths = [tmp_path / "left", tmp_path / "right"]
    for path in paths:
        sweep(path)
    left, right = ({file.name: file.read_bytes() for file in path.glob("block-*")} for path in paths)
    assert left == right
    assert len(left) == 4


def test_a_sweep_goes_on_with_more_trials(tmp_path, whole):
    sweep(tmp_path, trials=20)  # the last block has four trials, and runs again
    assert_same_table(sweep(tmp_path), whole)
    assert_same_bits(
        [trial.table for trial in nn.sweeps.load(tmp_path).trials], [trial.table for trial in whole.trials]
    )
    with pytest.raises(ValueError, match="the directory holds 30 trials, more than trials=20"):
        sweep(tmp_path, trials=20)


@pytest.mark.parametrize("damage", ["is missing", "is damaged"])
def test_a_damaged_block_runs_again(tmp_path, whole, damage):
    sweep(tmp_path)
    file = tmp_path / "block-000002.npz"
    if damage == "is missing":
        os.remove(file)
    else:
        file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(nn.CheckpointError, match=r"block-000002\.npz is"):
        nn.sweeps.load(tmp_path)
    with pytest.warns(UserWarning, match=rf"block-000002\.npz {damage}; its block runs again"):
        assert_same_table(sweep(tmp_path), whole)
    assert nn.sweeps.load(tmp_path).best.hypers == whole.best.hypers


def test_a_block_that_is_written_again_is_not_damaged(tmp_path, whole):
    """Its line in the journal comes after its file: a reader may look in between, or the process may be killed."""
    sweep(tmp_path, trials=20)
    before = (tmp_path / "journal.jsonl").read_bytes()
    sweep(tmp_path)  # the last block has four more trials
    (tmp_path / "journal.jsonl").write_bytes(before)
    loaded = nn.sweeps.load(tmp_path)
    assert_same_bits([trial.table for trial in loaded.trials], [trial.table for trial in whole.trials[:16]])
    assert_same_table(sweep(tmp_path), whole)
    assert len(nn.sweeps.load(tmp_path).trials) == 30


def test_the_file_of_another_block_is_damage(tmp_path):
    sweep(tmp_path, trials=20)
    (tmp_path / "block-000002.npz").write_bytes((tmp_path / "block-000001.npz").read_bytes())
    with pytest.raises(nn.CheckpointError, match=r"block-000002\.npz is damaged"):
        nn.sweeps.load(tmp_path)


def test_chunks_of_a_block_that_ran_twice_count_once(tmp_path):
    sweep(tmp_path)
    os.remove(tmp_path / "block-000001.npz")
    with pytest.warns(UserWarning, match="its block runs again"):
        again = sweep(tmp_path)
    events = {event["number"]: event for event in read_events(tmp_path) if event["event"] == "block"}
    count = sum(len(event["chunks"]) for event in events.values())
    for result in (again, sweep(tmp_path), nn.sweeps.load(tmp_path)):
        assert len(result.chunks) == count
        assert sorted(result.chunks) == sorted(again.chunks)


def test_the_page_shows_the_blocks_that_are_done_while_others_run(tmp_path, monkeypatch):
    monkeypatch.setattr(live, "_WAIT", 0.0)
    monkeypatch.setattr(live, "_SHARE", np.inf)
    ended = []

    def log(trial, _):  # the page is written after the log
        page = tmp_path / "report.html"
        if trial % 8 == 0 and page.exists():
            document = read_document(page)
            waiting = document["trials"]["status"].count(STATUSES.index("unfinished"))
            ended.append((document["state"], len(document["trials"]["status"]) - waiting))

    result = sweep(tmp_path, log=log)
    assert ended == [("running", 8), ("running", 16), ("running", 24)]
    assert read_document(tmp_path / "report.html")["best"] == result.best.trial


def test_an_exception_leaves_no_trial_out_between_blocks_that_are_done(tmp_path):
    sweep(tmp_path)
    for number in (1, 2):
        os.remove(tmp_path / f"block-{number:06d}.npz")
    with pytest.warns(UserWarning, match="its block runs again"), pytest.raises(InjectedError) as caught:
        sweep(tmp_path, log=end_after(0))
    trials = caught.value.sweep_result.trials
    assert [trial.trial for trial in trials] == list(range(30))
    assert [trial.trial for trial in trials if trial.status == "unfinished"] == list(range(16, 24))


def test_only_leftovers_of_a_sweep_are_removed(tmp_path):
    leftovers = [".jaxnn-job-k3_x", ".block-000001.npz.123.new", ".report.html.123.new"]
    users = ["job-scripts", ".notes.new"]
    for name in leftovers + users:
        (tmp_path / name).mkdir() if "job" in name else (tmp_path / name).write_text("text")
    sweep(tmp_path, trials=8)
    assert [name for name in leftovers + users if (tmp_path / name).exists()] == users


def test_load_opens_a_directory_without_the_code(tmp_path, whole):
    chunks = sweep(tmp_path).chunks
    loaded = nn.sweeps.load(tmp_path)
    rows = ([row | {"seconds": 0.0, "worker": ""} for row in result.table()] for result in (loaded, whole))
    assert next(rows) == next(rows)
    assert sorted(loaded.kept) == sorted(whole.kept)
    assert_same_bits(loaded.kept[whole.best.trial]["output"], whole.best.params["output"])
    assert loaded.chunks == chunks


@pytest.mark.filterwarnings("ignore:sweep. the sampler learns little")
def test_a_sampler_that_listens_repeats_its_calls(tmp_path):
    options = {"block": 4, "ahead": 2, "trials": 16}
    expected = sweep(sampler=Listed(ask_limit=4), **options)
    stop(tmp_path, 8, sampler=Listed(ask_limit=4), **options)
    assert_same_table(sweep(tmp_path, sampler=Listed(ask_limit=4), **options), expected)
    other = Listed(ask_limit=4)
    other.calls.append("another")
    with pytest.raises(ValueError, match="the settings that the sampler gives are others"):
        sweep(tmp_path, sampler=other, **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"block": 4}, "block was 8 and is 4"),
        ({"epochs": 4}, "holds a sweep of 3 epochs, and trials of a sweep in blocks cannot train on; call sweep with"),
        ({"epochs": 2}, "epochs was 3 and is 2"),
        ({"make": lambda hypers: block_sweeps.make_recipe(hypers | {"width": 4})}, "make_recipe was"),
    ],
)
def test_another_sweep_is_refused(tmp_path, options, message):
    stop(tmp_path)
    files = sorted(file.name for file in tmp_path.iterdir())
    with pytest.raises(ValueError, match=message):
        sweep(tmp_path, **options)
    assert sorted(file.name for file in tmp_path.iterdir()) == files


def test_another_recipe_of_the_same_name_is_refused(tmp_path):
    def make(width):
        def make_recipe(hypers):
            return block_sweeps.make_recipe(hypers | {"width": width})

        return make_recipe

    stop(tmp_path, make=make(5))
    with pytest.raises(ValueError, match="what make_recipe returns for this space has changed"):
        sweep(tmp_path, make=make(4))


def test_other_conditions_are_refused_by_name(tmp_path):
    stop(tmp_path)
    rule = "computes other bits than .*: jax_default_matmul_precision was highest and is float32"
    with jax.default_matmul_precision("float32"), pytest.raises(ValueError, match=rule):
        sweep(tmp_path)


def test_the_conditions_name_what_decides_bits(tmp_path):
    stop(tmp_path)
    conditions = next(event for event in read_events(tmp_path) if event["event"] == "conditions")["conditions"]
    assert conditions["devices"] == ("several" if jax.default_backend() == "cpu" else None)
    assert conditions["jax"] == jax.__version__
    assert conditions["numpy"] == np.__version__
    assert conditions["instructions"]
    assert "cores" not in conditions


def test_a_call_with_a_mistake_can_be_corrected(tmp_path, whole):
    def fail(hypers):
        raise InjectedError

    with pytest.raises(InjectedError):
        sweep(tmp_path, make=fail)
    assert_same_table(sweep(tmp_path), whole)


def test_a_time_limit_runs_at_least_one_new_block(tmp_path, whole):
    for done in (1, 2):
        assert sum(trial.epochs > 0 for trial in sweep(tmp_path, seconds=1e-6).trials) == 8 * done
    assert_same_table(sweep(tmp_path), whole)
