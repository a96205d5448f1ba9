"""Sweeps: many trainings through the lanes of compiled programs."""

from jaxnn.sweeps.engine.run import ChunkStats
from jaxnn.sweeps.engine.trial import TrialResult
from jaxnn.sweeps.results.result import SweepResult
from jaxnn.sweeps.samplers.base import Sampler, TrialSampler
from jaxnn.sweeps.schedulers.base import Continue, Copy, Scheduler, Stop, TrialScheduler
from jaxnn.sweeps.schedulers.median_stopping import median_stopping
from jaxnn.sweeps.schedulers.population_based import population_based
from jaxnn.sweeps.schedulers.successive_halving import asha, hyperband
from jaxnn.sweeps.search import sweep
from jaxnn.sweeps.space.distributions import integers, log_normal, log_uniform, normal, quantized, uniform
from jaxnn.sweeps.space.space import Setting, choice, settings_at

__all__ = [
    "ChunkStats",
    "Continue",
    "Copy",
    "Sampler",
    "Scheduler",
    "Setting",
    "Stop",
    "SweepResult",
    "TrialResult",
    "TrialSampler",
    "TrialScheduler",
    "asha",
    "choice",
    "hyperband",
    "integers",
    "log_normal",
    "log_uniform",
    "median_stopping",
    "normal",
    "population_based",
    "quantized",
    "settings_at",
    "sweep",
    "uniform",
]
