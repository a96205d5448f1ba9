"""Sweeps: many trainings through the lanes of one compiled program."""

from jaxnn.sweeps.decisions import Continue, Copy, Stop
from jaxnn.sweeps.distributions import integers, log_normal, log_uniform, normal, quantized, uniform
from jaxnn.sweeps.population import population_based
from jaxnn.sweeps.results import Sweep
from jaxnn.sweeps.schedulers import asha, hyperband, median_stopping
from jaxnn.sweeps.search import sweep
from jaxnn.sweeps.space import Setting, choice, settings

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
