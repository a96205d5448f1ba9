"""The results in the directory of a sweep in blocks, without the code that made them."""

import hashlib
from pathlib import Path
from typing import Any

from jaxnn.io.archive import CheckpointError
from jaxnn.io.runs.journal import Journal, unpack_array
from jaxnn.sweeps.blocks.content import unpack_block
from jaxnn.sweeps.blocks.store import file_of_block
from jaxnn.sweeps.engine.run import ChunkStats
from jaxnn.sweeps.results.best_trials import BestTrials
from jaxnn.sweeps.results.stored_trials import add_note, note_elsewhere


def read_blocks(path: Path, keep: int) -> BestTrials:
    """Returns the results of the blocks that are done, up to the first that is not.

    Args:
        path: the directory.
        keep: the number of trials whose parameters are kept; they are nodes by name.

    Raises:
        CheckpointError: damaged files.
    """
    events = [entry.event for entry in Journal(path / "journal.jsonl", "load").entries]
    conditions: dict[str, Any] = {}
    # The last block of a sweep that went on with more trials has run again.
    blocks: dict[int, tuple[dict[str, Any], dict[str, Any]]] = {}
    for event in events:
        if event["event"] == "conditions":
            conditions = event["conditions"]
        elif event["event"] == "block":
            blocks[event["number"]] = event, conditions
    best = BestTrials(keep)
    for number in range(len(blocks)):
        if number not in blocks:
            break
        (event, own_conditions), file = blocks[number], path / file_of_block(number)
        data = file.read_bytes() if file.exists() else b""
        if hashlib.sha256(data).hexdigest() != event["sha256_of_file"]:
            raise CheckpointError(f"load: {file} is {'damaged' if data else 'missing'}")
        content = unpack_block(data, unpack_array(event["seconds_of_trials"]), event["worker"])
        best.chunks += [ChunkStats(*stats) for stats in event["chunks"]]
        note = note_elsewhere(own_conditions, conditions)
        for result in content.results:
            best.add(add_note(result, note), lambda trial=result.trial, kept=content.kept: kept.get(trial))
    return best
