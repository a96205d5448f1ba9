"""The plan of a sweep: its checked arguments, and the program for each combination of choices."""

import functools
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from typing import Any, NamedTuple

import jax
from jaxtyping import Array

from jaxnn._checks.data import shape_rows
from jaxnn._checks.warn import warn_user
from jaxnn.data import Folds
from jaxnn.sweeps.engine.device import Device
from jaxnn.sweeps.engine.folds import Labels
from jaxnn.sweeps.engine.hypers import RecipeMaker, as_python_numbers
from jaxnn.sweeps.engine.lane_count import (
    Demand,
    Footprint,
    LaneCount,
    add_turns,
    choose_lanes,
    fit_lanes,
    max_chunk_epochs,
    measure_footprint,
)
from jaxnn.sweeps.engine.lanes import ProgramSpec, derive_key
from jaxnn.sweeps.engine.loading import DataSource
from jaxnn.sweeps.engine.preparation import Preparation
from jaxnn.sweeps.engine.program import Program
from jaxnn.sweeps.engine.trial import TrialLayout
from jaxnn.sweeps.space.fill import active_distributions, fill_space
from jaxnn.sweeps.space.space import Choices, Setting
from jaxnn.sweeps.space.traced import count_programs, fill_traced, find_seed
from jaxnn.sweeps.space.whole import Inherited
from jaxnn.training.epoch import init_training
from jaxnn.training.evaluation import Metrics, Score
from jaxnn.training.recipe import Recipe, limit_epochs
from jaxnn.training.stopping import StoppingRule

# Numbers that no trial has, which derive keys for other draws from the sweep's key; `parts.py` has that of the folds.
SAMPLER_KEY = 2**32 - 1  # for the sampler
SCHEDULER_KEY = 2**32 - 3  # for the scheduler
# A trial with a stopping rule runs in about this number of chunks.
_STOP_CHUNKS = 16


class Plan(NamedTuple):
    """What a sweep trains, and on what.

    Attributes:
        make_recipe: the user's function.
        space: a valid space.
        data: `(x, targets)` as JAX arrays.
        validation: `(x, targets)` to evaluate on; None with folds.
        folds: row numbers; None with a validation part.
        labels: what the folds are stratified by; None if they are not.
        score: the user's function, or None.
        metrics: the user's functions by name.
        evaluate_at: "epochs" or "rungs".
        stop: the stopping rule of each training, or None.
        key: the key of the sweep.
        layout: lanes, epochs and metrics of a trial.
        lanes: the number over all devices; None is "auto".
        trials: the number of settings to try.
        device: of which kind all devices are.
        lane_counts: the lanes of each device in the programs so far, by their choices. A program that is made again,
            in a resumed sweep or to replay a trial, has as many, since others could give other bits.
        on_host: the names of the functions that the host computes, by the choices of the programs.
        has_scheduler: whether a scheduler decides between two chunks.
        debug_nans: whether a trial that gives NaN is an error.
        block: the trials of a block, where `lanes` are those of a device; None without blocks.
        preparations: of each fold, or of the training data; empty without. `data` is prepared, see `parts.py`.
        at_once: the most trials that a sampler is asked for before it is told results, where it is asked as lanes
            become free; otherwise None.
        source: what workers make the data of, if functions load them; otherwise None.
    """

    make_recipe: Callable[[dict[str, Any]], Recipe]
    space: dict[str, Any]
    data: tuple[Any, Any]
    validation: tuple[Any, Any] | None
    folds: Folds | None
    labels: Labels | None
    score: Score | None
    metrics: Metrics
    evaluate_at: str
    stop: StoppingRule | None
    key: Array
    layout: TrialLayout
    lanes: int | None
    trials: int
    device: Device
    lane_counts: dict[Choices, LaneCount]
    on_host: dict[Choices, frozenset[str]]
    has_scheduler: bool
    debug_nans: bool
    preparations: tuple[Preparation, ...] = ()
    block: int | None = None
    at_once: int | None = None
    source: DataSource | None = None

    @property
    def stratified_by(self) -> str:
        """The name of the labels that the folds are stratified by; empty if they are not."""
        return "" if self.labels is None else self.labels.name

    def hypers(self, setting: Setting) -> dict[str, Any]:
        """Returns the hypers of a setting, as `make_recipe` gets them."""
        return fill_space(self.space, setting.choices, setting.values)

    def recipe(self, choices: Choices, values: dict[str, Any]) -> Recipe:
        """Returns the recipe of a setting, with an optimizer for a whole trial."""
        return self.recipe_maker(fill_space(self.space, choices, values))

    def traced_recipe(self, choices: Choices, values: dict[str, Any], *, marks: bool = False) -> Recipe:
        """Returns the recipe that programs train, whose values may be tracers; see `fill_traced`."""
        return self.recipe_maker(fill_traced(self.space, choices, values, marks=marks))

    def inherited(self, choices: Choices) -> tuple[str, ...]:
        """Returns the paths of sizes, depths and switches under these choices."""
        distributions = active_distributions(self.space, choices)
        return tuple(path for path, node in distributions.items() if isinstance(node, Inherited))

    def trial_key(self, trial: int, setting: Setting) -> Array:
        """Returns the key of the first training of a trial."""
        path = find_seed(self.space, setting.choices)
        seed = None if path is None else setting.values[path]
        return derive_key(self.key, trial, 0, seed=seed, repeats=self.layout.repeats)

    @property
    def recipe_maker(self) -> RecipeMaker:
        """Makes the recipe of hypers."""
        return RecipeMaker(self.make_recipe, self.rows, self.layout.epochs)

    @property
    def rows(self) -> int:
        """The number of examples that a trial trains on; that of the largest fold."""
        return count_examples(self.data) if self.folds is None else self.folds.train.shape[1]

    def limits_epochs(self, setting: Setting) -> bool:
        """Returns whether recipes with these choices limit the epochs of a trial.

        Making a recipe for each trial takes time, which few sweeps need.
        """
        return self.recipe(*setting).epochs is not None

    def epochs_of(self, setting: Setting) -> int:
        """Returns the most epochs of a trial."""
        return limit_epochs("sweep", self.recipe(setting.choices, self.as_python_numbers(setting)), self.layout.epochs)

    def as_python_numbers(self, setting: Setting) -> dict[str, float]:
        """Returns the traced hypers of a setting as Python numbers."""
        return as_python_numbers(active_distributions(self.space, setting.choices), setting.values)

    def make_program(
        self, setting: Setting, executor: Executor | None = None, count: LaneCount | None = None
    ) -> Program:
        """Returns the program for the choices of a setting, whose recipe has been checked.

        Args:
            setting: one with these choices.
            executor: compiles the program in its threads; None compiles it when it is first needed.
            count: the lanes; None is as many as before, or as fit.
        """
        distributions = active_distributions(self.space, setting.choices)
        make_for = functools.partial(
            self._make_for,
            setting=setting,
            names=tuple(distributions),
            footprint=self.measure_footprint(setting),
            executor=executor,
            count=count or self.lane_counts.get(setting.choices),
        )
        program = make_for(jax.local_devices())
        if not program.can_hang:
            return program
        warn_user(
            "sweep: the trainings call LAPACK (qr, svd, eigh, cholesky, …), which can hang on several CPU devices, so "
            "they run on one"
        )
        return make_for(jax.local_devices()[:1])

    def measure_footprint(self, setting: Setting) -> Footprint:
        """Returns what one training needs, for the choices of a setting."""
        recipe = self.traced_recipe(*setting)
        state = jax.eval_shape(functools.partial(init_training, recipe), self.key)
        return measure_footprint(recipe, shape_rows(self.data, self.rows), state)

    def _make_for(
        self,
        devices: Sequence[Any],
        *,
        setting: Setting,
        names: tuple[str, ...],
        footprint: Footprint,
        executor: Executor | None,
        count: LaneCount | None,
    ) -> Program:
        """Returns the program of a setting for some devices."""
        width, tile = count or self.count_lanes(footprint, len(devices))
        spec = ProgramSpec(
            recipe_of=functools.partial(self.traced_recipe, setting.choices),
            data=self.data,
            validation=self.validation,
            folds=self.folds,
            score=self.score,
            evaluate_at=self.evaluate_at,
            seed=find_seed(self.space, setting.choices),
            repeats=self.layout.repeats,
            max_epochs=self.max_epochs(footprint, width),
            metrics=self.metrics,
            stop=self.stop,
            on_host=self.on_host.get(setting.choices, frozenset()),
        )
        program = Program(spec, self.key, names, width, tile, devices=devices, executor=executor)
        return program if executor is None else program.compile()

    def max_epochs(self, footprint: Footprint, width: int) -> int:
        """Returns the most epochs of a chunk: few where lanes may end early, since they are freed after it."""
        longest = max_chunk_epochs(footprint, width, self.device, self.layout.epochs)
        return longest if self.stop is None else min(longest, -(-self.layout.epochs // _STOP_CHUNKS))

    def count_lanes(self, footprint: Footprint, devices: int) -> LaneCount:
        """Returns the lanes of each device."""
        lanes = self.layout.lanes
        trials = self.trials if self.at_once is None else min(self.trials, self.at_once)
        if self.block is not None:
            # The same on every worker, however many devices it has and trials the sweep.
            trials, devices = self.block, 1
        # Free lanes cost time on a CPU, where the trials that a sampler has open are spread over several programs.
        shares = self.at_once is not None and self.device.platform == "cpu"
        demand = Demand(self.lanes, lanes, trials * lanes, devices, count_programs(self.space) if shares else 1)
        count = fit_lanes(demand, choose_lanes(footprint, self.device))
        if self.has_scheduler or self.at_once is not None or lanes > count.width:
            return count
        return add_turns(count, footprint, self.device, demand, self.layout.epochs)


def count_examples(data: tuple[Any, Any]) -> int:
    """Returns the number of examples of a data set."""
    return len(jax.tree.leaves(data)[0])
