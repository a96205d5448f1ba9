"""The sampler protocol: which settings are tried, and in which order.

A `Sampler` is a small configuration. Its `init(space, key, lanes)` returns the `TrialSampler` of one sweep. `ask(n)`
returns the next settings, and `tell(results)` receives the results of their trials when all have ended. A sampler that
learns from results sets `ask_limit`, the most settings that the sweep asks for at a time. The sweep runs them, and
passes their results to `tell` before it asks again. An `AsynchronousSampler` is asked as lanes become free instead.

The answers must depend only on the arguments of `init` and the calls so far, because a sweep resumes by repeating them.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

import jax
import numpy as np
from jaxtyping import Array

from jaxnn._checks.arrays import check_whole
from jaxnn.sweeps.engine.trial import TrialResult
from jaxnn.sweeps.space.known import make_setting
from jaxnn.sweeps.space.space import Setting

NAMES = ("random", "grid", "sobol")


@runtime_checkable
class TrialSampler(Protocol):
    """The sampler of one sweep. Subclasses need `ask`, and inherit the defaults of the others.

    Attributes:
        ask_limit: the most settings to ask for before `tell` gets their results; None asks for all at once.

    Example:
        >>> from typing import NamedTuple
        >>> from jaxnn.sweeps import Setting, TrialSampler
        >>> class Listed(TrialSampler):
        ...     ask_limit = None
        ...     def __init__(self, settings):
        ...         self.settings = list(settings)
        ...     def ask(self, n):
        ...         asked, self.settings = self.settings[:n], self.settings[n:]
        ...         return asked
        >>> class ListSampler(NamedTuple):
        ...     settings: tuple
        ...     def init(self, space, key, lanes):
        ...         return Listed(self.settings)
        >>> sampler = ListSampler((Setting((), {"rate": 0.1}), Setting((), {"rate": 0.3})))
        >>> sampler.init({}, jax.random.key(0), None).ask(1)
        [Setting(choices=(), values={'rate': 0.1})]
    """

    ask_limit: int | None = 32

    def ask(self, n: int) -> Sequence[Setting | dict[str, Any]]:
        """Returns the next settings, or dicts of hypers such as `{"width": 16}`, at most `n`; none ends the sweep."""
        ...

    def tell(self, results: Sequence[TrialResult]) -> None:
        """Receives the results of the settings of the last `ask`, in their order; does nothing by default.

        Before those of the first `ask`, a sweep with `first=` passes the results of these settings, in another call.
        """


class RecordedCall(NamedTuple):
    """A call of a sampler that the journal holds.

    Attributes:
        first: settings of the user that were added before it.
        asked: the most settings that were asked for; 0 if there was no question.
        settings: the answer.
        note: what the sampler noted of it.
    """

    first: list[Setting]
    asked: int
    settings: list[Setting]
    note: Any


class AsynchronousSampler(TrialSampler):
    """A sampler that is asked for settings as lanes become free, while other trials still run.

    `ask(n)` is called for as many settings as there are free lanes, and `tell` before it with the results of all trials
    that have ended since, by number. The first setting, of `add` or `ask`, is that of trial 0, and so on. Settings of
    several programs wait for their program, and `ask_limit` bounds the settings whose results were not told yet.

    A resumed sweep calls `repeat` in place of `add` and `ask`. By default this asks again, and the answers must be the
    same as before. A sampler for which this does not hold returns the recorded settings instead; what else it needs, it
    notes. `close` is called when the sweep ends.
    """

    def add(self, settings: Sequence[Setting]) -> None:
        """Receives the settings of `first=` before they run; does nothing by default."""

    def note(self) -> Any:
        """Returns what `repeat` is to be given of the last `add` and `ask`, as JSON; nothing by default."""
        return None

    def repeat(self, call: RecordedCall) -> Sequence[Setting | dict[str, Any]]:
        """Returns the settings of a recorded call; asks for them again by default."""
        if call.first:
            self.add(call.first)
        return self.ask(call.asked) if call.asked else []

    def commit(self) -> None:
        """Learns that the sweep has saved all results told so far; a process that is killed repeats later ones."""

    def close(self) -> None:
        """Ends what goes on beside the sweep, such as a thread; does nothing by default."""


@runtime_checkable
class Sampler(Protocol):
    """What `sweep` takes as `sampler`: a NamedTuple or frozen dataclass, whose fields a run directory records."""

    def init(self, space: dict[str, Any], key: Array, lanes: int | None) -> TrialSampler:
        """Returns the sampler of one sweep.

        Args:
            space: the space to draw from, see `settings_at`.
            key: a `jax.random.key` for random draws.
            lanes: the number of trainings side by side, as given to `sweep`; None for "auto".
        """
        ...


def check_sampler(sampler: Any) -> None:
    """Checks that `sampler` is the name of a sampler or a Sampler instance."""
    rule = (
        "sweep: sampler must be 'random', 'grid', 'sobol', nn.integrations.optuna(study) or an object with init, not "
    )
    if isinstance(sampler, str):
        if sampler not in NAMES:
            raise ValueError(f"{rule}{sampler!r}")
    elif isinstance(sampler, type) or not isinstance(sampler, Sampler):
        raise TypeError(f"{rule}{sampler!r}")


def init_sampler(sampler: Sampler, space: dict[str, Any], key: Array, lanes: int | None) -> TrialSampler:
    """Calls `sampler.init` and checks what it returns."""
    trial_sampler = sampler.init(space, key, lanes)
    if not isinstance(trial_sampler, TrialSampler):
        raise TypeError(
            f"sweep: sampler.init must return a TrialSampler, with ask_limit, ask and tell, not {trial_sampler!r}"
        )
    if trial_sampler.ask_limit is not None:
        check_whole("sweep", "sampler.ask_limit", trial_sampler.ask_limit, least=1)
    return trial_sampler


def ask_settings(sampler: TrialSampler, space: dict[str, Any], n: int) -> list[Setting]:
    """Asks for at most `n` settings and checks the answer; a dict of hypers becomes a `Setting`.

    Raises:
        TypeError: something that is neither a `Setting` nor a dict of hypers.
        ValueError: more settings than were asked for, or a dict that is not one of the space.
    """
    return _check_answer(sampler.ask(n), space, n)


def repeat_settings(sampler: AsynchronousSampler, space: dict[str, Any], call: RecordedCall) -> list[Setting]:
    """Repeats a recorded call; returns the checked answer."""
    return _check_answer(sampler.repeat(call), space, call.asked)


def _check_answer(answer: Sequence[Any], space: dict[str, Any], n: int) -> list[Setting]:
    settings = list(answer)
    if len(settings) > n:
        raise ValueError(f"sweep: sampler.ask({n}) must return at most {n} settings, not {len(settings)}")
    return [_as_setting(space, setting) for setting in settings]


def _as_setting(space: dict[str, Any], setting: Any) -> Setting:
    if isinstance(setting, dict):
        return make_setting(space, setting, "sweep: sampler.ask")
    if not isinstance(setting, Setting):
        raise TypeError(f"sweep: sampler.ask must return Settings or dicts of hypers, not {setting!r}")
    return setting


def make_generator(key: Array) -> np.random.Generator:
    """Returns a NumPy generator seeded by a JAX key."""
    return np.random.default_rng(np.asarray(jax.random.key_data(key)))
