"""Damaged run directories: they give the exact data, the previous checkpoint, or a CheckpointError.

Every file is damaged bit by bit and by truncation. The directory is opened as `train` opens it, and the state from
which it resumes is compared with the states that were written. The tests damage a sample of the bits; with
JAXNN_DAMAGE_STRIDE=1 in the environment they flip each one.
"""

import contextlib
import json
import os
import shutil
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest

import jaxnn as nn
from helpers.resumable_runs import InjectedError, assert_same_bits, assert_same_sweep, sweep, train
from jaxnn.io.runs import open_run

TREE = {"weight": np.linspace(0, 1, 4, dtype="f"), "epoch": np.int32(0)}
CONFIGURATION = {"kind": "train", "epochs": 30, "data": "float32 (4, 3)"}
# Files from which a run does not resume.
NEVER_READ = ("lock", "curves.csv", "trials.csv")
STRIDE = int(os.environ.get("JAXNN_DAMAGE_STRIDE", "37"))


class State(NamedTuple):
    """The state from which a run resumes: the journal up to a checkpoint, and the checkpoint's pytree."""

    events: tuple[dict[str, Any], ...]
    tree: Any


def write_run(path: Path) -> list[State]:
    """Writes a run directory with a journal and two checkpoints; returns the states at all its checkpoints."""
    states = [State((), None)]
    with open_run("train", path, lambda: CONFIGURATION, every=1e-9) as run:
        for epoch in (1, 2, 3):
            run.record("epoch", epoch=epoch, loss=1 / epoch)
            tree = TREE | {"epoch": np.int32(epoch)}
            run.save_if_due(tree, dict, epoch=epoch)
            events = [json.loads(line) for line in (path / "journal.jsonl").read_text().splitlines()]
            states.append(State(tuple({k: v for k, v in event.items() if k != "sha256"} for event in events), tree))
        run.record("epoch", epoch=4, loss=0.25)
    return states


def resume(path: Path) -> State:
    """Opens a directory and returns the state from which it resumes, without warnings of a damaged checkpoint."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        with open_run("train", path, lambda: CONFIGURATION, every=60.0) as run:
            assert run.active
            return State(run.events, run.restore(TREE) if run.resumed_from else None)


def is_one_of_the_last_two(state: State, states: list[State]) -> bool:
    """Returns whether a state has the bits of one of the last two checkpoints; an empty one does not."""
    for expected in states[-2:]:
        if state.events == expected.events:
            with contextlib.suppress(AssertionError):
                assert_same_bits(state.tree, expected.tree)
                return True
    return False


def classify(original: Path, damaged: Path, file: str, content: bytes, states: list[State]) -> str:
    """Resumes a copy in which one file has this content: returns "exact", "earlier" or "error"."""
    shutil.copytree(original, damaged)
    try:
        (damaged / file).write_bytes(content)
        state = resume(damaged)
    except nn.CheckpointError as error:
        return "error" if str(damaged) in str(error) else str(error)
    finally:
        shutil.rmtree(damaged)
    assert is_one_of_the_last_two(state, states), f"{file}: {state}"
    return "exact" if state.events == states[-1].events else "earlier"


@pytest.mark.parametrize("file", ["configuration.json", "journal.jsonl", "checkpoint-000003.npz", "lock"])
def test_flipped_bits_and_truncations_are_detected_or_harmless(tmp_path, file):
    states = write_run(tmp_path / "run")
    content = (tmp_path / "run" / file).read_bytes()
    counts = {"exact": 0, "earlier": 0, "error": 0}
    bits = range(0, 8 * len(content), STRIDE)
    flips = (
        content[: bit // 8] + bytes([content[bit // 8] ^ (1 << bit % 8)]) + content[bit // 8 + 1 :] for bit in bits
    )
    cuts = (content[:length] for length in range(0, len(content), STRIDE))
    for damaged in (*flips, *cuts):
        counts[classify(tmp_path / "run", tmp_path / "damaged", file, damaged, states)] += 1
    print(f"{file}: {counts}")
    if file == "lock":
        assert counts["exact"] == sum(counts.values())
    elif file == "checkpoint-000003.npz":
        assert not counts["exact"]
        assert not counts["error"]
    else:
        assert counts["error"] > counts["exact"]


def test_with_both_checkpoints_damaged_the_error_names_both(tmp_path):
    write_run(tmp_path)
    for file in tmp_path.glob("checkpoint-*.npz"):
        file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(nn.CheckpointError) as error:
        resume(tmp_path)
    assert str(error.value) == "train: " + "; ".join(
        f"{tmp_path / name} is damaged" for name in ("checkpoint-000003.npz", "checkpoint-000002.npz")
    )


def test_resuming_from_the_previous_checkpoint_warns(tmp_path):
    states = write_run(tmp_path)
    (tmp_path / "checkpoint-000003.npz").unlink()
    message = r"train: .*checkpoint-000003.npz is missing; resuming from the checkpoint before it"
    with contextlib.ExitStack() as stack:
        with pytest.warns(UserWarning, match=message):
            run = stack.enter_context(open_run("train", tmp_path, lambda: CONFIGURATION, every=60.0))
        assert run.events == states[2].events
        assert_same_bits(run.restore(TREE), states[2].tree)


def test_a_journal_that_has_lost_lines_is_an_error(tmp_path):
    states = write_run(tmp_path)
    journal = tmp_path / "journal.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    # A process that is killed between a checkpoint and its line leaves one that the journal does not record.
    journal.write_bytes(b"".join(lines[:5]))
    assert resume(tmp_path).events == states[2].events
    other = tmp_path / "other"
    write_run(other)
    (other / "journal.jsonl").write_bytes(lines[0])
    with pytest.raises(nn.CheckpointError, match=r"is damaged: it does not record checkpoint-000003\.npz"):
        resume(other)


@pytest.mark.parametrize("missing", ["configuration.json", "journal.jsonl"])
def test_a_missing_file_is_an_error(tmp_path, missing):
    write_run(tmp_path)
    (tmp_path / missing).unlink()
    with pytest.raises(nn.CheckpointError, match=missing):
        resume(tmp_path)


@pytest.fixture(scope="module")
def runs(tmp_path_factory, trained, swept):
    """A folder with a training and a sweep that were interrupted half way, and their uninterrupted results."""
    folder = tmp_path_factory.mktemp("runs")
    for call, name, end_at in ((train, "train", 20), (sweep, "sweep", 10)):
        with pytest.raises(InjectedError):
            call(folder / name, end_at=end_at)
    return folder, {"train": trained, "sweep": swept}


@hypothesis.settings(max_examples=10, phases=[hypothesis.Phase.generate])
@hypothesis.given(kind=st.sampled_from(["train", "train", "train", "sweep"]), data=st.data())
def test_damaged_runs_give_the_uninterrupted_result_or_an_error(runs, tmp_path_factory, kind, data):
    folder, results = runs
    path = tmp_path_factory.mktemp("damaged") / "run"
    shutil.copytree(folder / kind, path)
    file = data.draw(st.sampled_from(sorted(each for each in path.iterdir() if each.name not in NEVER_READ)))
    content = bytearray(file.read_bytes())
    if data.draw(st.booleans()):
        content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    else:
        content = content[: data.draw(st.integers(0, len(content) - 1))]
    file.write_bytes(content)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        try:
            result = (train if kind == "train" else sweep)(path)
        except nn.CheckpointError:
            if file.name.startswith("checkpoint"):  # the other checkpoint is intact
                raise
            return
    (assert_same_bits if kind == "train" else assert_same_sweep)(result, results[kind])
