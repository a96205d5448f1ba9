"""What an estimator trains: the part that decides the compiled program, and the numbers that it takes as arguments."""

import dataclasses
import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import optax
from jaxtyping import Array

from jaxnn._checks.functions import never_changes
from jaxnn._kernels.compiler_options import choose_compiler_options
from jaxnn._kernels.program_cache import compile_function
from jaxnn.initializers import glorot_uniform
from jaxnn.integrations.sklearn.rows import count_rows_in
from jaxnn.models.mlp import mlp
from jaxnn.models.model import Model
from jaxnn.training.epoch import init_training
from jaxnn.training.loop import LoopConfig, LoopState, init_loop, run_epochs
from jaxnn.training.recipe import Recipe
from jaxnn.training.stopping import NoImprovement
from jaxnn.weights import weighted

_MOMENTUM = 0.9
OPTIMIZERS: dict[str, Callable[[Any], optax.GradientTransformation]] = {
    "adam": optax.adam,
    "sgd": lambda learning_rate: optax.sgd(learning_rate, momentum=_MOMENTUM),
}


class Numbers(NamedTuple):
    """The arguments of the compiled program that differ between trainings.

    Attributes:
        learning_rate, weight_decay, dropout: as in the estimator.
        count: the rows that count.
        patience: epochs without a better score before the training ends.
        tolerance: by how much a score must exceed the best one.
    """

    learning_rate: Any
    weight_decay: Any
    dropout: Any
    count: Any
    patience: Any
    tolerance: Any


@dataclass(frozen=True)
class Mlp:
    """An MLP whose rate of dropout is not known yet; `drops` says whether it is above 0: draws take time."""

    sizes: tuple[int, ...]
    activation: Callable[[Array], Array]
    drops: bool

    def __call__(self, dropout: Any) -> Model:
        # As in scikit-learn's networks. With He's, iris falls from 0.949 to 0.915 at the default settings.
        rate = dropout if self.drops else 0.0
        return mlp(self.sizes, activation=self.activation, dropout=rate, initializer=glorot_uniform)


@dataclass(frozen=True)
class Given:
    """A model of the user's, which has its own dropout."""

    model: Model

    def __call__(self, dropout: Any) -> Model:
        del dropout
        return self.model


@dataclass(frozen=True)
class Task:
    """What decides the program of a training.

    Attributes:
        network: makes the model from the rate of dropout.
        loss: of outputs and targets, without weights.
        optimizer: a name in `OPTIMIZERS`, or a function of the learning rate.
        batch_size: None trains on full batches.
        rows: to which the data is filled up; None if it is not.
        epochs: the length of the curves.
        validated: whether there is a validation set, on which the training is judged.
    """

    network: Mlp | Given
    loss: Callable[[Any, Any], Array]
    optimizer: Any
    batch_size: int | None
    rows: int | None
    epochs: int
    validated: bool

    def without_rows(self) -> "Task":
        """Returns the task of what does not depend on the rows, so that all sizes share its programs."""
        return dataclasses.replace(self, rows=None, batch_size=None)

    def configure(self, numbers: Numbers) -> LoopConfig:
        """Returns the configuration of the loop of `train`, of traced numbers."""
        make_optimizer = OPTIMIZERS[self.optimizer] if isinstance(self.optimizer, str) else self.optimizer
        # Decoupled, as in AdamW: it does not pass through the optimizer's moments.
        decay = optax.add_decayed_weights(-numbers.learning_rate * numbers.weight_decay)
        optimizer = optax.chain(make_optimizer(numbers.learning_rate), decay)
        recipe = Recipe(self.network(numbers.dropout), weighted(self.loss), optimizer, self.batch_size)
        stop = NoImprovement(numbers.patience, numbers.tolerance)
        rows = None if self.rows is None else count_rows_in(self.rows, self.batch_size, numbers.count)
        return LoopConfig(recipe, None, stop, self.validated, rows)


def start(task: Task, numbers: Numbers, seed: Array, params: Any) -> LoopState:
    """Returns the state before the first epoch; params are drawn if they are None."""
    config = task.configure(numbers)
    state = init_training(config.recipe, jax.random.key(seed), params=params)
    return init_loop(config, state, task.epochs, validated=task.validated)


def run(task: Task, numbers: Numbers, data: Any, validation: Any, loop: LoopState, until: Array) -> LoopState:
    """Trains up to an epoch, or until the training ends."""
    return run_epochs(task.configure(numbers), data, validation, loop, until)


def compile_task(function: Callable[..., Any], task: Task, *arguments: Any, runs_once: bool = False) -> Any:
    """Returns a function of a task compiled for some arguments.

    A task with functions of the user is traced every time: they may read variables that have changed.

    Args:
        function: of the task and these arguments.
        task: what decides the program.
        arguments: those of a call.
        runs_once: whether the speed of the program does not count.
    """
    if never_changes(task):
        return functools.partial(_jit(function, runs_once), task)
    return compile_function(functools.partial(function, task), *arguments, options=_choose_options(runs_once))


def compile_task_once(function: Callable[..., Any], task: Task, *arguments: Any) -> Any:
    """Returns a function of a task for arguments of these shapes, for several threads that each run it on one core."""
    options = choose_compiler_options(jax.devices()[:1] * 2)  # those of several devices keep a program to one core
    return compile_function(functools.partial(function, task), *arguments, options=options)


def _choose_options(runs_once: bool) -> dict[str, Any]:
    return choose_compiler_options(jax.devices()[:1], runs_once=runs_once)


@functools.lru_cache
def _jit(function: Callable[..., Any], runs_once: bool) -> Callable[..., Any]:
    return jax.jit(function, static_argnums=0, compiler_options=_choose_options(runs_once))
