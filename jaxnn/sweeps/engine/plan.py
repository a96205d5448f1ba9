"""A sweep's arguments, checked, and the program of each combination of choices."""

import functools
import warnings
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from jaxnn._checks.arrays import check_data, check_key, check_whole
from jaxnn.data import Folds, k_folds
from jaxnn.sweeps.engine.lane_count import call_length, lane_tiles, lane_width, trace_epoch, turns
from jaxnn.sweeps.engine.lanes import Task
from jaxnn.sweeps.engine.program import Program
from jaxnn.sweeps.engine.trial import Layout
from jaxnn.sweeps.space.space import Setting, active, check_space, hypers_of
from jaxnn.training.evaluation import check_score
from jaxnn.training.fit import init_training
from jaxnn.training.recipe import Recipe, check_training, for_length, steps_per_epoch

# Numbers that no trial has, for the keys of whatever else is drawn.
SAMPLER_KEY, FOLDS_KEY, SCHEDULER_KEY = 2**32 - 1, 2**32 - 2, 2**32 - 3

Bucket = tuple[tuple[str, int], ...]


class Plan(NamedTuple):
    """What a sweep trains, and on what.

    Attributes:
        make_recipe: the user's.
        space: checked.
        data: `(x, targets)` as JAX arrays.
        validation: to judge by; None with folds.
        folds: row numbers; None with a validation part.
        score: the user's, or None.
        judge: "epochs" or "rungs", when.
        key: the sweep's.
        layout: lanes and epochs of a trial.
        lanes: how many over all devices; None is for `lane_width` to say.
        decided: whether a scheduler decides who goes on between two calls.
    """

    make_recipe: Callable[[dict[str, Any]], Recipe]
    space: dict[str, Any]
    data: tuple[Any, Any]
    validation: tuple[Any, Any] | None
    folds: Folds | None
    score: Callable[..., Array] | None
    judge: str
    key: Array
    layout: Layout
    lanes: int | None
    decided: bool

    def hypers(self, setting: Setting) -> dict[str, Any]:
        """A setting as `make_recipe` gets it."""
        return hypers_of(self.space, setting.bucket, setting.values)

    def recipe(self, bucket: Bucket, values: dict[str, Any]) -> Recipe:
        """The recipe of these values, numbers or tracers, with an optimizer for the length of a whole trial."""
        return self.recipe_of(_Hypers(hypers_of(self.space, bucket, values)))

    def recipe_of(self, hypers: Any) -> Recipe:
        """What `make_recipe` makes of these hypers."""
        recipe = self.make_recipe(hypers)
        if not isinstance(recipe, Recipe):
            raise TypeError(f"sweep: make_recipe must return a Recipe, not {type(recipe).__name__}")
        return for_length(recipe, self.layout.epochs * steps_per_epoch(recipe, self.rows))

    @property
    def rows(self) -> int:
        """Examples that a trial trains on."""
        return len(jax.tree.leaves(self.data)[0]) if self.folds is None else self.folds.train.shape[1]

    def program(self, setting: Setting) -> Program:
        """The lanes for a setting's bucket, after a look at what its recipe makes of the data."""
        warn_of_unused(self, setting)
        names = tuple(active(self.space, setting.bucket))
        recipe = _check_recipe(self, setting)
        state = jax.eval_shape(functools.partial(init_training, recipe), self.key)
        rows = np.arange(self.rows)
        train = jax.tree.map(lambda leaf: leaf[rows], self.data)
        devices = jax.devices()
        epoch = trace_epoch(recipe, train, state)
        best = lane_width(epoch, devices[0].platform)
        width, tile = lane_tiles(self.lanes, self.layout.lanes, len(devices), best)
        if not self.decided and self.layout.lanes <= width:
            width *= turns(epoch, width, self.layout.epochs)
        recipe_of = functools.partial(self.recipe, setting.bucket)
        longest = call_length(epoch, width)
        task = Task(recipe_of, self.data, self.validation, self.folds, self.score, self.judge, longest)
        return Program(task, self.key, names, width, tile)


class _Hypers(dict):
    """A dict whose missing names are an error of the space."""

    def __missing__(self, name: str) -> Any:
        raise ValueError(f"sweep: make_recipe asks for {name!r}, but the space has {', '.join(map(repr, self))}")


def make_plan(
    make_recipe: Callable[[dict[str, Any]], Recipe],
    space: dict[str, Any],
    data: tuple[Any, Any],
    *,
    key: Array,
    epochs: int,
    validation: tuple[Any, Any] | None,
    folds: int | None,
    score: Callable[..., Array] | None,
    judge: str,
    repeats: int,
    lanes: int | str,
    decided: bool,
) -> Plan:
    """Check the arguments of `sweep` that need no recipe; nothing is brought to a device before all are right."""
    if not callable(make_recipe):
        raise TypeError(f"sweep: make_recipe must be a function of the hypers, not {make_recipe!r}")
    check_space(space)
    check_key(key)
    count = check_data("sweep", data)
    if (validation is None) == (folds is None):
        raise ValueError("sweep: give exactly one of validation=(x, targets) and folds=k to judge the trials by")
    if validation is not None:
        check_data("sweep: validation", validation)
    if judge not in ("epochs", "rungs"):
        raise ValueError(f'sweep: judge must be "epochs" or "rungs", not {judge!r}')
    if jax.random.key_impl(key) != "threefry2x32":
        raise ValueError(
            f"sweep: key must be a threefry key, not {jax.random.key_impl(key)}: others depend on their lane"
        )
    layout = Layout(
        check_whole("sweep", "repeats", repeats, least=1),
        1 if folds is None else check_whole("sweep", "folds", folds, least=2),
        check_whole("sweep", "epochs", epochs, least=1),
    )
    if layout.folds > count:
        raise ValueError(f"sweep: folds must be at most the number of rows, {count}, not {folds}")
    count_of_lanes = _check_lanes(lanes, layout)
    parts = None if folds is None else _folds(data, jax.random.fold_in(key, FOLDS_KEY), count, folds)
    data, validation, parts = jax.tree.map(jnp.asarray, (data, validation, parts))
    return Plan(make_recipe, space, data, validation, parts, score, judge, key, layout, count_of_lanes, decided)


def _folds(data: tuple[Any, Any], key: Array, count: int, folds: int) -> Folds:
    labels = data[1]
    classes = hasattr(labels, "shape") and labels.shape == (count,) and np.issubdtype(labels.dtype, np.integer)
    return k_folds(key, count, folds, stratify=labels if classes else None)


def _check_lanes(lanes: int | str, layout: Layout) -> int | None:
    if lanes == "auto":
        return None
    if isinstance(lanes, str):
        raise ValueError(f'sweep: lanes must be "auto" or a number, not {lanes!r}')
    devices = len(jax.devices())
    lanes = check_whole("sweep", "lanes", lanes, least=layout.lanes)
    if lanes % devices:
        raise ValueError(f"sweep: lanes must be a multiple of the number of devices, {devices}, not {lanes}")
    return lanes


def _check_recipe(plan: Plan, setting: Setting) -> Recipe:
    """The recipe of a bucket's first setting, which must fit the data, traced too."""
    recipe = plan.recipe(setting.bucket, setting.values)
    params = jax.eval_shape(recipe.model.init, plan.key)
    check_training("sweep", recipe._replace(batch_size=None), plan.data, params)
    if plan.validation is not None:
        check_training("sweep: validation", recipe._replace(batch_size=None), plan.validation, params)
    steps_per_epoch(recipe, plan.rows)
    judged = plan.data if plan.validation is None else plan.validation
    counted = None if plan.folds is None else np.ones(len(jax.tree.leaves(judged)[0]), bool)
    check_score("sweep", plan.score, recipe, params, judged, counted)
    _check_traced(plan, setting)
    return recipe


def _check_traced(plan: Plan, setting: Setting) -> None:
    """Name the hyper that Python needs the value of, and those that nothing depends on."""

    def losses(values: dict[str, Any], key: Array) -> Any:
        return _first_losses(plan, plan.recipe(setting.bucket, values), key)

    for name in setting.values:
        try:
            jax.eval_shape(lambda value, key, name=name: losses({**setting.values, name: value}, key), 0.5, plan.key)
        except (jax.errors.ConcretizationTypeError, jax.errors.TracerArrayConversionError) as error:
            raise ValueError(
                f"sweep: make_recipe needs the value of {name!r} while it is traced, for a shape or a Python branch: "
                "make it a choice(...), or for a schedule scale a fixed one by the number (optax.scale_by_schedule)"
            ) from error


def warn_of_unused(plan: Plan, setting: Setting) -> None:
    """Warn of hypers that neither `make_recipe` nor the model and the loss that it makes ever look at."""
    hypers = _Watched(plan.hypers(setting))
    jax.eval_shape(lambda key: _first_losses(plan, plan.recipe_of(hypers), key), plan.key)
    unused = [name for name in plan.space if name not in hypers.seen]
    if unused:
        warnings.warn(f"sweep: make_recipe does not use {', '.join(map(repr, unused))}", stacklevel=9)


def _first_losses(plan: Plan, recipe: Recipe, key: Array) -> Any:
    """The start of a training and its losses: every function of the recipe is called."""
    state = init_training(recipe, key)
    return state, recipe.loss(recipe.model.apply(state.params, plan.data[0]), plan.data[1])


class _Watched(_Hypers):
    """A dict that knows which of its names were asked for; who goes through all has asked for all."""

    def __init__(self, hypers: dict[str, Any]) -> None:
        super().__init__(hypers)
        self.seen: set[str] = set()

    def __getitem__(self, name: str) -> Any:
        self.seen.add(name)
        return super().__getitem__(name)

    def get(self, name: str, default: Any = None) -> Any:
        self.seen.add(name)
        return super().get(name, default)

    def __iter__(self) -> Iterator[str]:
        self.seen.update(super().keys())
        return super().__iter__()

    def keys(self) -> Any:
        return list(self)

    def values(self) -> Any:
        return [self[name] for name in self]

    def items(self) -> Any:
        return [(name, self[name]) for name in self]
