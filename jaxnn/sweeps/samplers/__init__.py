"""Samplers: which settings are tried, and in which order."""

from jaxnn.sweeps.samplers.base import Sampler
from jaxnn.sweeps.samplers.grid import GridSampler
from jaxnn.sweeps.samplers.random import RandomSampler
from jaxnn.sweeps.samplers.sobol import SobolSampler


def make_sampler(sampler: str | Sampler, trials: int) -> Sampler:
    """Returns the sampler of a valid name, or an object unchanged. `trials` is the most settings of a grid."""
    if isinstance(sampler, str):
        return {"random": RandomSampler(), "grid": GridSampler(trials), "sobol": SobolSampler()}[sampler]
    return sampler
