"""Checks of the arguments of `sweep` that need no data, and the warning of many programs."""

import math
from collections.abc import Sequence
from typing import Any, cast

import jax

from jaxnn._checks.arrays import check_number
from jaxnn._checks.warn import warn_user
from jaxnn.io.runs import check_run
from jaxnn.sweeps.ends import Limits
from jaxnn.sweeps.schedulers.base import TrialScheduler
from jaxnn.sweeps.space.known import make_setting
from jaxnn.sweeps.space.space import Setting
from jaxnn.training.stopping import StoppingRule

# More programs than this give a warning.
_MANY_PROGRAMS = 8
# The seconds that a CPU takes to compile the program of a small network.
_COMPILE_SECONDS = 3.0


def check_call(directory: Any, save_every: Any, log: Any, on_mismatch: Any) -> None:
    """Checks what a sweep writes, and that it may compile."""
    if cast(Any, jax.config).jax_disable_jit:
        raise ValueError("sweep: trials run in compiled programs, which jax.disable_jit() rules out; fit runs without")
    check_run("sweep", directory, save_every, log)
    if on_mismatch not in ("raise", "continue"):
        raise ValueError(f'sweep: on_mismatch must be "raise" or "continue", not {on_mismatch!r}')


def check_population(scheduler: TrialScheduler | None, stop: StoppingRule | None, refit: Any) -> None:
    """Checks `refit`, and what does not go with a population."""
    if not isinstance(refit, bool):
        raise TypeError(f"sweep: refit must be True or False, not {refit!r}")
    if scheduler is None or not scheduler.population:
        return
    if stop is not None:
        raise ValueError("sweep: stop= ends trainings that a population still copies; use one of both")
    if refit:
        raise ValueError("sweep: refit=True trains one setting, but this scheduler changes settings during a trial")


def check_limits(seconds: Any, target_score: Any) -> Limits:
    """Returns the limits of a sweep, checked."""
    if seconds is not None and not check_number("sweep", "seconds", seconds) > 0:
        raise ValueError(f"sweep: seconds must be positive, or None for no limit, not {seconds!r}")
    if target_score is not None and math.isnan(check_number("sweep", "target_score", target_score)):
        raise ValueError("sweep: target_score must be a number, or None for no target, not NaN, which no score reaches")
    return Limits(seconds, None if target_score is None else float(target_score))


def check_first(space: dict[str, Any], first: Any, trials: int) -> list[Setting]:
    """Returns the settings that a sweep is to try first, checked against the space."""
    if isinstance(first, dict) or not isinstance(first, Sequence):
        raise TypeError(f"sweep: first must be a list of dicts of hypers, not {first!r}")
    if len(first) > trials:
        raise ValueError(f"sweep: first has {len(first)} settings, more than trials={trials}")
    return [make_setting(space, hypers, f"sweep: first[{i}]") for i, hypers in enumerate(first)]


def warn_of_programs(programs: int, trials: int) -> None:
    """Warns of a space that may need many programs; how many depends on the settings that are drawn."""
    if min(programs, trials) <= _MANY_PROGRAMS:
        return
    drawn = f", of which {trials} trials draw up to {trials}" if trials < programs else ""
    minutes = max(round(min(programs, trials) * _COMPILE_SECONDS / 60), 1)
    warn_user(
        f"sweep: this space has {programs} combinations of choices{drawn}; each that is drawn compiles a program (up "
        f"to about {minutes} minute{'s' * (minutes > 1)}); sizes(...), depth(...) and switch(...) share one"
    )
