"""The results in the directory of a sweep in blocks, without the code that made them."""

from pathlib import Path
from typing import Any

from jaxnn.io.archive import CheckpointError
from jaxnn.io.runs.journal import Journal, unpack_array
from jaxnn.sweeps.blocks.content import unpack_block
from jaxnn.sweeps.blocks.store import NEWER, file_of_block, find_problem, read_file
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
    conditions: dict[str, Any] = {}
    blocks: dict[int, tuple[dict[str, Any], dict[str, Any]]] = {}
    for entry in Journal(path / "journal.jsonl", "load").entries:
        if entry.event["event"] == "conditions":
            conditions = entry.event["conditions"]
        elif entry.event["event"] == "block":
            # A block may have run again, as the last one of a sweep that went on with more trials.
            blocks.pop(entry.event["number"], None)
            blocks[entry.event["number"]] = entry.event, conditions
    best, chunks = BestTrials(keep), {}
    for number in range(len(blocks)):
        if number not in blocks:
            break
        (event, own_conditions), file = blocks[number], path / file_of_block(number)
        data = read_file(file)
        problem = find_problem(data, event)
        if problem == NEWER:
            break
        if problem:
            raise CheckpointError(f"load: {file} {problem}")
        content = unpack_block(data, unpack_array(event["seconds_of_trials"]), event["worker"])
        chunks[number] = [ChunkStats(*stats) for stats in event["chunks"]]
        note = note_elsewhere(own_conditions, conditions)
        for result in content.results:
            best.add(add_note(result, note), lambda trial=result.trial, kept=content.kept: kept.get(trial))
    best.chunks = [each for number in blocks for each in chunks.get(number, [])]
    return best
