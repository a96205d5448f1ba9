"""Sweeps: searches over hyperparameters, whose trainings run side by side in compiled programs.

`sweep` runs a search and returns a `SweepResult`. Its space is a dict of distributions (`uniform`, …) and choices. Your
own sampler implements `Sampler` and `TrialSampler`, or `AsynchronousSampler` to be asked as lanes become free. Your own
scheduler implements `Scheduler` and `TrialScheduler`.

The words of this package:
    hypers: the hyperparameters of a training, in the dict that `make_recipe` gets.
    setting: one point of the space: the option taken at each choice, and the value of each distribution.
    trial: all trainings of one setting, one for each of its repeats and folds; trials are numbered from 0.
    lane: a slot of a compiled program, which holds one training at a time.
    chunk: the epochs that all lanes run before the host reads the results.
    rung: an epoch at which a scheduler compares trials.
"""

from jaxnn.sweeps.engine.run import ChunkStats
from jaxnn.sweeps.engine.splits import Splitter
from jaxnn.sweeps.engine.trial import TrialResult
from jaxnn.sweeps.results.best_trial import BestTrial
from jaxnn.sweeps.results.load import load
from jaxnn.sweeps.results.refit import Refit
from jaxnn.sweeps.results.replay import Replay
from jaxnn.sweeps.results.result import SweepResult
from jaxnn.sweeps.results.tables import Column
from jaxnn.sweeps.samplers.base import AsynchronousSampler, RecordedCall, Sampler, TrialSampler
from jaxnn.sweeps.schedulers.base import Continue, Copy, Scheduler, Stop, TrialScheduler
from jaxnn.sweeps.schedulers.median_stopping import median_stopping
from jaxnn.sweeps.schedulers.population_based import population_based
from jaxnn.sweeps.schedulers.successive_halving import asha, hyperband
from jaxnn.sweeps.search import sweep
from jaxnn.sweeps.simulation import Simulation, simulate
from jaxnn.sweeps.space.distributions import log_normal, log_uniform, normal, quantized, uniform
from jaxnn.sweeps.space.integers import integers, seeds
from jaxnn.sweeps.space.space import Setting, choice, settings_at
from jaxnn.sweeps.space.whole import depth, sizes, switch
from jaxnn.training.evaluation import Curves

__all__ = [
    "AsynchronousSampler",
    "BestTrial",
    "ChunkStats",
    "Column",
    "Continue",
    "Copy",
    "Curves",
    "RecordedCall",
    "Refit",
    "Replay",
    "Sampler",
    "Scheduler",
    "Setting",
    "Simulation",
    "Splitter",
    "Stop",
    "SweepResult",
    "TrialResult",
    "TrialSampler",
    "TrialScheduler",
    "asha",
    "choice",
    "depth",
    "hyperband",
    "integers",
    "load",
    "log_normal",
    "log_uniform",
    "median_stopping",
    "normal",
    "population_based",
    "quantized",
    "seeds",
    "settings_at",
    "simulate",
    "sizes",
    "sweep",
    "switch",
    "uniform",
]
