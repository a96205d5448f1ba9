"""Adds the trials of a sweep to the user's study, in a thread: a file or a database takes longer than a small trial."""

import uuid
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import optuna
from optuna.trial import FrozenTrial, create_trial

# Attributes that name the sweep and the number of a trial in the study.
SWEEP, TRIAL = "jaxnn:sweep", "jaxnn:trial"


class StudyWriter:
    """Writes to a study.

    Attributes:
        start: what a resumed sweep needs to know of the study at its beginning, as JSON.
    """

    def __init__(self, study: optuna.Study) -> None:
        self._study = study
        self._thread: ThreadPoolExecutor | None = None
        self._writing: list[Future] = []
        # The parameters of those that an earlier process of the sweep has written, by number.
        self._written: dict[int, list[dict[str, Any]]] = {}
        self.start: dict[str, Any] = {}

    def begin(self, recorded: dict[str, Any] | None) -> list[FrozenTrial]:
        """Returns the trials that the study had when the sweep began.

        Args:
            recorded: `start` of the process that began the sweep; None if this one does.
        """
        trials = self._study.get_trials(deepcopy=False)
        if recorded is None:
            running = [trial.number for trial in trials if not trial.state.is_finished()]
            self.start = {"sweep": uuid.uuid4().hex, "trials": len(trials), "running": running}
            return list(trials)
        self.start = recorded
        for trial in trials:
            if trial.system_attrs.get(SWEEP) == recorded["sweep"]:
                self._written.setdefault(trial.system_attrs[TRIAL], []).append(trial.params)
        running = set(recorded["running"])
        # Whatever has ended since then was not known to the sampler.
        return [
            create_trial(state=optuna.trial.TrialState.FAIL) if trial.number in running else trial
            for trial in trials[: recorded["trials"]]
        ]

    def write(self, trials: Sequence[FrozenTrial]) -> None:
        """Adds trials that the study does not have, in a thread.

        Raises:
            RuntimeError: the study has not taken a trial of an earlier call.
        """
        new = [trial for trial in trials if not self._has(trial)]
        self._raise_errors()
        if new:
            self._thread = self._thread or ThreadPoolExecutor(1, thread_name_prefix="optuna")
            self._writing.append(self._thread.submit(self._add, new))

    def close(self) -> None:
        """Waits until all trials are written."""
        if self._thread is not None:
            self._thread.shutdown()
            self._thread = None
        self._raise_errors()

    def _add(self, trials: list[FrozenTrial]) -> None:
        for trial in trials:
            try:
                self._study.add_trial(trial)
            except Exception as error:
                number = trial.system_attrs[TRIAL]
                raise RuntimeError(f"optuna: trial {number} could not be added to the study: {error!r}") from error

    def _has(self, trial: FrozenTrial) -> bool:
        # The last block of a sweep that goes on with more trials runs again, and may stop at other epochs.
        return trial.params in self._written.get(trial.system_attrs[TRIAL], ())

    def _raise_errors(self) -> None:
        while self._writing and self._writing[0].done():
            self._writing.pop(0).result()
