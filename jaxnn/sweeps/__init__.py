"""Sweeps: many trainings through the lanes of one compiled program."""

from jaxnn.sweeps.results.result import Sweep
from jaxnn.sweeps.schedulers.base import Continue, Copy, Stop
from jaxnn.sweeps.schedulers.population_based import population_based
from jaxnn.sweeps.schedulers.successive_halving import asha, hyperband, median_stopping
from jaxnn.sweeps.search import sweep
from jaxnn.sweeps.space.distributions import integers, log_normal, log_uniform, normal, quantized, uniform
from jaxnn.sweeps.space.space import Setting, choice, settings

__all__ = [
    "Continue",
    "Copy",
    "Setting",
    "Stop",
    "Sweep",
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
    "settings",
    "sweep",
    "uniform",
]
