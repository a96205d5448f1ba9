"""The study in memory on which Optuna's samplers work: it holds the trials of the user's study and those of the sweep.

A sampler may be made anew for each question, from a seed. Its answer then depends on the twin alone, and a resumed
sweep, which tells the twin the same trials again, gets the same answers from there on.
"""

import copy
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.storages import InMemoryStorage
from optuna.trial import FrozenTrial, TrialState, create_trial

# Makes a sampler from a seed.
MakeSampler = Callable[[int], BaseSampler]


class Twin:
    """A study in memory.

    Attributes:
        is_exhausted: whether a sampler has no more settings, such as that of a grid.
    """

    def __init__(self, study: optuna.Study, sampler: BaseSampler | MakeSampler, key_data: np.ndarray) -> None:
        self._make = None if isinstance(sampler, BaseSampler) else sampler
        self._entropy = [int(word) for word in key_data.ravel()]
        # Samplers remember which study they have seen; the user's own stays as it is.
        first = copy.deepcopy(sampler) if isinstance(sampler, BaseSampler) else self._make_sampler(0)
        self._storage = InMemoryStorage()
        self._study = _make_study(study, first, self._storage)
        self._id = self._storage.get_study_id_from_name(self._study.study_name)
        self.is_exhausted = False
        # Samplers call it when a trial has ended. Outside of `optimize` it would raise.
        self._study.stop = self._stop  # type: ignore[method-assign]

    def copy_trial(self, trial: FrozenTrial) -> None:
        """Adds a trial of the user's study; one that has not ended counts as failed, so that numbers are the same."""
        self._study.add_trial(trial if trial.state.is_finished() else create_trial(state=TrialState.FAIL))

    def ask(self) -> optuna.Trial:
        """Returns the next trial, whose parameters are to be suggested."""
        self._renew(self.count)
        return self._study.ask()

    def add(
        self, params: dict[str, Any], distributions: dict[str, BaseDistribution], system_attrs: dict[str, Any]
    ) -> int:
        """Adds a trial that runs; returns its number."""
        running = create_trial(
            state=TrialState.RUNNING, params=params, distributions=distributions, system_attrs=system_attrs
        )
        self._study.add_trial(running)
        return self.count - 1

    def tell(self, number: int, ended: FrozenTrial) -> None:
        """Tells the sampler how a trial has ended."""
        if ended.state == TrialState.PRUNED and ended.intermediate_values:
            # Samplers read the last intermediate value of a pruned trial.
            last = max(ended.intermediate_values.items())
            trial_id = self._storage.get_trial_id_from_study_id_trial_number(self._id, number)
            self._storage.set_trial_intermediate_value(trial_id, *last)
        self._renew(number)
        values = ended.values if ended.state == TrialState.COMPLETE else None
        self._study.tell(number, values, state=ended.state)

    def reseed(self) -> None:
        """Gives a ready-made sampler other random numbers than those with which it started."""
        if self._make is None:
            self._study.sampler.reseed_rng()

    @property
    def count(self) -> int:
        """The number of its trials."""
        return len(self._study.get_trials(deepcopy=False))

    def trial_attrs(self, number: int) -> dict[str, Any]:
        """Returns what samplers have noted of a trial."""
        return dict(self._study.get_trials(deepcopy=False)[number].system_attrs)

    def study_attrs(self) -> dict[str, Any]:
        """Returns what samplers have noted of the study."""
        return self._storage.get_study_system_attrs(self._id)

    def set_study_attrs(self, attrs: dict[str, Any]) -> None:
        """Notes what samplers had noted of the study in an earlier process."""
        for name, value in attrs.items():
            self._storage.set_study_system_attr(self._id, name, value)

    def _stop(self) -> None:
        self.is_exhausted = True

    def _renew(self, number: int) -> None:
        """Makes the sampler anew, from the key of the sweep and the number of a trial."""
        if self._make is not None:
            self._study.sampler = self._make_sampler(number)

    def _make_sampler(self, number: int) -> BaseSampler:
        assert self._make is not None
        seed = int(np.random.SeedSequence([*self._entropy, number]).generate_state(1)[0])
        sampler = self._make(seed)
        if not isinstance(sampler, BaseSampler):
            raise TypeError(f"optuna: sampler(seed) must return a sampler of Optuna, not {sampler!r}")
        return sampler


def _make_study(study: optuna.Study, sampler: BaseSampler, storage: InMemoryStorage) -> optuna.Study:
    """Returns an empty study in a storage, with the directions and the identifier of another."""
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)  # the user has not made this study
    try:
        directions: Sequence[Any] = study.directions
        # A sampler that has worked on the study refuses one with another identifier, which no public name tells.
        while storage.create_new_study(directions) < getattr(study, "_study_id", 0):
            pass
        name = storage.get_all_studies()[-1].study_name
        return optuna.load_study(study_name=name, storage=storage, sampler=sampler, pruner=optuna.pruners.NopPruner())
    finally:
        optuna.logging.set_verbosity(verbosity)
