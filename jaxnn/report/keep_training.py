"""The page of a training in its directory, written again while the training goes on."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from jaxnn.io.runs import Run
from jaxnn.io.runs.run import Stage
from jaxnn.models.model import Model
from jaxnn.report.about import About
from jaxnn.report.live import LivePage
from jaxnn.report.outputs import OUTPUTS_FILE, Outputs, compute_training_outputs, pack_outputs
from jaxnn.report.trainings import best_of_loop, describe_loop
from jaxnn.training.loop import LoopState


class KeptTraining(NamedTuple):
    """The training whose page a directory keeps.

    Attributes:
        directory: as the user gave it.
        save_every: seconds between two checkpoints.
        epochs: the epoch limit.
        model, validation: compute the outputs that the page shows at the end; the validation part may be None.
    """

    directory: str | Path
    save_every: float
    epochs: int
    model: Model
    validation: Any


def keep_page(run: Run, kept: KeptTraining, loop: LoopState) -> Callable[[LoopState], None]:
    """Keeps the page of a training in its directory, and at the end the outputs of its best parameters.

    Args:
        run: of the training.
        kept: what the page is of.
        loop: the state before the first chunk.

    Returns:
        A function that gets the state after each chunk.
    """
    page, latest = LivePage("train", kept.directory, kept.save_every), [loop]

    def follow(loop: LoopState) -> None:
        latest[:] = [loop]

    def make(stage: Stage) -> dict[str, str | bytes]:
        [loop], files = latest, dict[str, str | bytes]()
        has_ended = int(loop.state.epoch) >= kept.epochs or bool(loop.stopped) or bool(loop.diverged)
        if stage.error is not None and not int(loop.state.epoch) and not page.path.exists():
            return files  # a call with a mistake

        def describe(about: About) -> dict[str, Any]:
            is_last = has_ended and stage == Stage(goes_on=False)
            outputs = _compute_outputs(kept, loop) if is_last else None
            if outputs is not None:
                files[OUTPUTS_FILE] = pack_outputs(outputs)
            return describe_loop(loop, about._replace(outputs=outputs))

        state = "ended" if has_ended else "running" if stage.goes_on else "unfinished"
        return {**page.make(describe, run.configuration, state, stage.error), **files}

    run.add_tables(make)
    return follow


def _compute_outputs(kept: KeptTraining, loop: LoopState) -> Outputs | None:
    """Returns what the best parameters say of the validation part."""
    if kept.validation is None:
        return None
    params, epoch = best_of_loop(loop)
    return compute_training_outputs(kept.model, params, kept.validation, epoch)
