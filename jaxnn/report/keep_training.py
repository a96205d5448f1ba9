"""The page of a training in its directory, written again while the training goes on."""

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
        first: the epochs before the given state.
        epochs: the epoch limit.
        model, validation: compute the outputs that the page shows at the end; the validation part may be None.
    """

    directory: str | Path
    save_every: float
    first: int
    epochs: int
    model: Model
    validation: Any


class TrainingPage:
    """Keeps the page of a training in its directory, and at the end the outputs of its best parameters.

    Args:
        run: of the training.
        kept: what the page is of.
        loop: the state before the first chunk.
    """

    def __init__(self, run: Run, kept: KeptTraining, loop: LoopState) -> None:
        self._page = LivePage("train", kept.directory, kept.save_every)
        self._run, self._kept, self._loop, self._has_run = run, kept, loop, False
        run.add_tables(self._make)

    def follow(self, loop: LoopState) -> None:
        """Takes the state after a chunk."""
        self._loop, self._has_run = loop, True

    def _make(self, stage: Stage) -> dict[str, str | bytes]:
        if stage.error is not None and not self._has_run:
            return {}  # a call that was refused leaves the run alone
        files: dict[str, str | bytes] = {}
        state = "ended" if self._has_ended() else "running" if stage.goes_on else "unfinished"

        def describe(about: About) -> dict[str, Any]:
            if state == "ended" and stage == Stage(goes_on=False):
                about = about._replace(outputs=_compute_outputs(self._kept, self._loop))
            if about.outputs is not None:
                files[OUTPUTS_FILE] = pack_outputs(about.outputs)
            return describe_loop(self._loop, self._kept.first, about._replace(seconds=self._run.seconds))

        return {**self._page.make(describe, self._run.configuration, state, stage.error), **files}

    def _has_ended(self) -> bool:
        loop = self._loop
        return int(loop.state.epoch) >= self._kept.epochs or bool(loop.stopped) or bool(loop.diverged)


def _compute_outputs(kept: KeptTraining, loop: LoopState) -> Outputs | None:
    """Returns what the best parameters say of the validation part."""
    if kept.validation is None:
        return None
    params, epoch = best_of_loop(loop)
    return compute_training_outputs(kept.model, params, kept.validation, epoch)
