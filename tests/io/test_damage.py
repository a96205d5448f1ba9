"""Every bit of a run directory counts: a damaged file gives the exact data, an earlier state of it, or the typed error.

The damage is done to every file, bit by bit and by cutting it short; the directory is opened as `train` opens it, and
what it goes on from is compared with what stood there when it was written. The tests take a sample; with
JAXNN_DAMAGE_STRIDE=1 in the environment they flip every single bit.
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
from helpers.resumable_runs import EnoughError, same, same_sweep, sweep, train
from jaxnn.io.runs import open_run

TREE = {"weight": np.linspace(0, 1, 4, dtype="f"), "epoch": np.int32(0)}
CONFIGURATION = {"kind": "train", "epochs": 30, "data": "float32 (4, 3)"}
# Files that nothing is read from.
FREE = ("lock", "curves.csv", "trials.csv")
STRIDE = int(os.environ.get("JAXNN_DAMAGE_STRIDE", "37"))


class State(NamedTuple):
    """What a run goes on from."""

    events: tuple[dict[str, Any], ...]
    tree: Any


def make(path: Path) -> list[State]:
    """A run directory with a journal and two checkpoints, and all states that it has gone through."""
    states = [State((), None)]
    with open_run("train", path, lambda: CONFIGURATION, every=1e-9) as run:
        for epoch in (1, 2, 3):
            run.record("epoch", epoch=epoch, loss=1 / epoch)
            tree = TREE | {"epoch": np.int32(epoch)}
            run.visit(tree, dict, epoch=epoch)
            events = [json.loads(line) for line in (path / "journal.jsonl").read_text().splitlines()]
            states.append(State(tuple({k: v for k, v in event.items() if k != "sha256"} for event in events), tree))
        run.record("epoch", epoch=4, loss=0.25)
    return states


def opened(path: Path) -> State:
    """What a directory goes on from; a warning of a damaged checkpoint is part of the bargain."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        with open_run("train", path, lambda: CONFIGURATION, every=60.0) as run:
            assert run.active
            return State(run.events, run.restore(TREE) if run.begun else None)


def allowed(found: State, states: list[State]) -> bool:
    """Whether it is one of the two checkpoints, to the last bit; a run that starts anew has lost both."""
    for state in states[-2:]:
        if found.events == state.events:
            with contextlib.suppress(AssertionError):
                same(found.tree, state.tree)
                return True
    return False


def outcome(original: Path, damaged: Path, file: str, content: bytes, states: list[State]) -> str:
    """What comes of one damaged file: "exact", "earlier" or "error"; anything else fails."""
    shutil.copytree(original, damaged)
    try:
        (damaged / file).write_bytes(content)
        found = opened(damaged)
    except nn.CheckpointError as error:
        return "error" if str(damaged) in str(error) else str(error)
    finally:
        shutil.rmtree(damaged)
    assert allowed(found, states), f"{file}: {found}"
    return "exact" if found.events == states[-1].events else "earlier"


@pytest.mark.parametrize("file", ["configuration.json", "journal.jsonl", "checkpoint-000003.npz", "lock"])
def test_every_flipped_bit_and_every_cut_is_noticed_or_harmless(tmp_path, file):
    states = make(tmp_path / "run")
    content = (tmp_path / "run" / file).read_bytes()
    found = {"exact": 0, "earlier": 0, "error": 0}
    bits = range(0, 8 * len(content), STRIDE)
    flips = (
        content[: bit // 8] + bytes([content[bit // 8] ^ (1 << bit % 8)]) + content[bit // 8 + 1 :] for bit in bits
    )
    cuts = (content[:length] for length in range(0, len(content), STRIDE))
    for damaged in (*flips, *cuts):
        found[outcome(tmp_path / "run", tmp_path / "damaged", file, damaged, states)] += 1
    print(f"{file}: {found}")
    if file == "lock":
        assert found["exact"] == sum(found.values())
    elif file == "checkpoint-000003.npz":
        assert not found["exact"]
        assert not found["error"]
    else:
        assert found["error"] > found["exact"]


def test_with_both_checkpoints_damaged_nothing_is_made_up(tmp_path):
    make(tmp_path)
    for file in tmp_path.glob("checkpoint-*.npz"):
        file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(nn.CheckpointError) as error:
        opened(tmp_path)
    assert str(error.value) == "train: " + "; ".join(
        f"{tmp_path / name} is damaged" for name in ("checkpoint-000003.npz", "checkpoint-000002.npz")
    )


def test_the_older_checkpoint_is_told_of(tmp_path):
    states = make(tmp_path)
    (tmp_path / "checkpoint-000003.npz").unlink()
    said = r"train: .*checkpoint-000003.npz is missing; going on from the checkpoint before it"
    with contextlib.ExitStack() as stack:
        with pytest.warns(UserWarning, match=said):
            run = stack.enter_context(open_run("train", tmp_path, lambda: CONFIGURATION, every=60.0))
        assert run.events == states[2].events
        same(run.restore(TREE), states[2].tree)


def test_a_journal_that_has_lost_lines_is_damage_not_a_new_start(tmp_path):
    states = make(tmp_path)
    journal = tmp_path / "journal.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    # A process that is killed between a checkpoint and its line leaves one that the journal does not tell of.
    journal.write_bytes(b"".join(lines[:5]))
    assert opened(tmp_path).events == states[2].events
    make_again = tmp_path / "again"
    make(make_again)
    (make_again / "journal.jsonl").write_bytes(lines[0])
    with pytest.raises(nn.CheckpointError, match=r"is damaged: it does not tell of checkpoint-000003\.npz"):
        opened(make_again)


@pytest.mark.parametrize("missing", ["configuration.json", "journal.jsonl"])
def test_a_file_that_is_gone_is_damage(tmp_path, missing):
    make(tmp_path)
    (tmp_path / missing).unlink()
    with pytest.raises(nn.CheckpointError, match=missing):
        opened(tmp_path)


@pytest.fixture(scope="module")
def runs(tmp_path_factory, trained, swept):
    """A training and a sweep that were ended half way, and how they end undisturbed."""
    folder = tmp_path_factory.mktemp("runs")
    for call, name, end_at in ((train, "train", 20), (sweep, "sweep", 10)):
        with pytest.raises(EnoughError):
            call(folder / name, end_at=end_at)
    return folder, {"train": trained, "sweep": swept}


@hypothesis.settings(max_examples=10, phases=[hypothesis.Phase.generate])
@hypothesis.given(kind=st.sampled_from(["train", "train", "train", "sweep"]), data=st.data())
def test_whole_runs_end_as_undisturbed_or_with_the_error(runs, tmp_path_factory, kind, data):
    folder, undisturbed = runs
    path = tmp_path_factory.mktemp("damaged") / "run"
    shutil.copytree(folder / kind, path)
    file = data.draw(st.sampled_from(sorted(each for each in path.iterdir() if each.name not in FREE)))
    content = bytearray(file.read_bytes())
    if data.draw(st.booleans()):
        content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    else:
        content = content[: data.draw(st.integers(0, len(content) - 1))]
    file.write_bytes(content)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        try:
            found = (train if kind == "train" else sweep)(path)
        except nn.CheckpointError:
            if file.name.startswith("checkpoint"):  # one that is damaged leaves the other
                raise
            return
    (same if kind == "train" else same_sweep)(found, undisturbed[kind])
