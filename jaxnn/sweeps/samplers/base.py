"""The sampler protocol: which settings are tried, and in which order.

A `Sampler` is a small config. `init(space, key, lanes)` returns the `TrialSampler` of one sweep: `ask(n)` returns the
next settings, and `tell(results)` receives the results of trials that have ended. A sampler that learns from results
limits `ask_limit`: the sweep asks for at most that many settings before it tells their results.

Answers must depend on the calls so far alone, so that a sweep resumes by repeating the calls.
"""

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import jax
import numpy as np
from jaxtyping import Array

from jaxnn._checks.arrays import check_whole
from jaxnn.sweeps.engine.trial import TrialResult
from jaxnn.sweeps.space.space import Setting

NAMES = ("random", "grid", "sobol")


@runtime_checkable
class TrialSampler(Protocol):
    """The sampler of one sweep. Subclasses inherit the defaults.

    Attributes:
        ask_limit: the most settings to ask for before their results are told; None asks for all at once.
    """

    ask_limit: int | None = 32

    def ask(self, n: int) -> Sequence[Setting]:
        """Returns the next settings, at most `n`; none ends the sweep."""
        ...

    def tell(self, results: Sequence[TrialResult]) -> None:
        """Receives the results of the settings that were asked for last; does nothing by default."""


@runtime_checkable
class Sampler(Protocol):
    """What `sweep` takes as `sampler`."""

    def init(self, space: dict[str, Any], key: Array, lanes: int | None) -> TrialSampler:
        """Returns the sampler of one sweep.

        Args:
            space: to draw from.
            key: for random draws.
            lanes: trainings that run side by side, as given to `sweep`; None for "auto".
        """
        ...


def check_sampler(sampler: Any) -> None:
    """Checks that `sampler` is the name of one or a Sampler instance."""
    rule = "sampler: must be 'random', 'grid', 'sobol' or an object with init, not "
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


def ask_settings(sampler: TrialSampler, n: int) -> list[Setting]:
    """Asks for at most `n` settings and checks the answer.

    Raises:
        TypeError: something that is not a `Setting`.
        ValueError: more settings than were asked for.
    """
    settings = list(sampler.ask(n))
    if len(settings) > n:
        raise ValueError(f"sweep: sampler.ask({n}) must return at most {n} settings, not {len(settings)}")
    for setting in settings:
        if not isinstance(setting, Setting):
            raise TypeError(f"sweep: sampler.ask must return Settings, not {setting!r}")
    return settings


def make_generator(key: Array) -> np.random.Generator:
    """Returns a NumPy generator seeded by a JAX key."""
    return np.random.default_rng(np.asarray(jax.random.key_data(key)))
