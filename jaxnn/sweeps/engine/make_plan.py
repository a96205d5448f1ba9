"""`make_plan`: checks the arguments of a sweep that need no recipe, and moves the data to the device."""

from collections.abc import Callable
from typing import Any, cast

import jax
from jaxtyping import Array

from jaxnn._checks.arrays import check_key, check_whole
from jaxnn._checks.describe import describe
from jaxnn._kernels.dtypes import as_arrays
from jaxnn.sweeps.engine.device import describe_device
from jaxnn.sweeps.engine.loading import DataSource
from jaxnn.sweeps.engine.metrics import check_metrics
from jaxnn.sweeps.engine.parts import make_parts
from jaxnn.sweeps.engine.plan import Plan
from jaxnn.sweeps.engine.preparation import Prepare
from jaxnn.sweeps.engine.trial import TrialLayout
from jaxnn.sweeps.space.space import check_space
from jaxnn.training.evaluation import Score
from jaxnn.training.recipe import Recipe
from jaxnn.training.stopping import StoppingRule, check_rule


def make_plan(
    make_recipe: Callable[[dict[str, Any]], Recipe],
    space: dict[str, Any],
    data: tuple[Any, Any],
    *,
    key: Array,
    epochs: int,
    validation: tuple[Any, Any] | None,
    folds: Any,
    stratify: Any,
    groups: Any = None,
    prepare: Prepare | None = None,
    score: Score | None,
    metrics: Any = None,
    evaluate_at: str,
    stop: StoppingRule | None = None,
    repeats: int,
    keep_epoch: str = "last",
    lanes: int | str,
    trials: int,
    has_scheduler: bool,
    block: int | None = None,
    source: DataSource | None = None,
) -> Plan:
    """Checks the arguments of `sweep` that need no recipe; then moves the data to the device."""
    if not callable(make_recipe):
        raise TypeError(f"sweep: make_recipe must be a function of the hypers, not {describe(make_recipe)}")
    check_space(space)
    metrics = check_metrics(metrics, space)
    _check_key(key)
    parts = make_parts(key, data, validation=validation, folds=folds, stratify=stratify, groups=groups, prepare=prepare)
    _check_evaluation(evaluate_at, keep_epoch, stop)
    repeats, epochs = (check_whole("sweep", *named, least=1) for named in (("repeats", repeats), ("epochs", epochs)))
    folds = 1 if parts.folds is None else len(parts.folds.train)
    layout = TrialLayout(repeats, folds, epochs, keep_epoch, tuple(metrics))
    devices = 1 if block is not None else len(jax.local_devices())
    lane_count = None if lanes == "auto" else check_lanes("sweep", lanes, layout, devices)
    data, validation, rows = as_arrays((parts.data, parts.validation, parts.folds))
    return Plan(
        make_recipe, space, data, validation, rows, parts.labels, score, metrics, evaluate_at, stop, key, layout,
        lane_count, trials, describe_device(), {}, {}, has_scheduler,
        debug_nans=cast(Any, jax.config).jax_debug_nans, preparations=parts.preparations, block=block, source=source,
    )  # fmt: skip


def _check_key(key: Array) -> None:
    check_key(key)
    if jax.random.key_impl(key) != "threefry2x32":
        raise ValueError(
            f"sweep: key must be a threefry key, not {jax.random.key_impl(key)}, whose draws depend on the lane"
        )


def _check_evaluation(evaluate_at: str, keep_epoch: str, stop: Any) -> None:
    if evaluate_at not in ("epochs", "rungs"):
        raise ValueError(f'sweep: evaluate_at must be "epochs" or "rungs", not {evaluate_at!r}')
    if keep_epoch not in ("last", "best"):
        raise ValueError(f'sweep: keep_epoch must be "last" or "best", not {keep_epoch!r}')
    check_rule("sweep", stop)
    if stop is not None and evaluate_at != "epochs":
        raise ValueError('sweep: stop= looks at the score of every epoch, so it needs evaluate_at="epochs"')


def check_lanes(caller: str, lanes: int | str, layout: TrialLayout, devices: int) -> int:
    """Returns the number of lanes over all devices, checked."""
    if isinstance(lanes, str):
        raise ValueError(f'{caller}: lanes must be "auto" or a number, not {lanes!r}')
    lanes = check_whole(caller, "lanes", lanes, least=layout.lanes)
    if lanes % devices:
        raise ValueError(f"{caller}: lanes must be a multiple of the number of devices, {devices}, not {lanes}")
    return lanes
