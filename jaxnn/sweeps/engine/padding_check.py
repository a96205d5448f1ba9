"""The check that an optimizer ignores masked units.

Masked entries have the parameter 0 and the gradient 0. Most optimizers update every entry by itself, or use sums over
them, so they leave masked entries at 0 and update the others as in the narrow network. One whose update depends on the
shape of an array, or is not 0 for a gradient of 0, does not: it would train real units wrongly. Shapes cannot tell; a
few steps of both networks can.
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxnn._kernels.host import COMPILER_OPTIONS, get_host
from jaxnn._kernels.program_cache import request_program
from jaxnn.buffers import partition
from jaxnn.sweeps.engine.plan import Plan
from jaxnn.sweeps.engine.trim import Trimmer, pad
from jaxnn.sweeps.space.space import Setting
from jaxnn.sweeps.space.traced import least_widths
from jaxnn.training.optimizer import compute_updates, get_optimizer
from jaxnn.training.recipe import Recipe

# Gradients of these sizes, one step each: some optimizers clip large ones.
_SCALES = (1.0, 1e-3, 1e3)
# The relative difference that rounding may make.
_TOLERANCE = 1e-3
# Optimizers that consist of these functions, of optax where no module stands, and of schedules are known to pass. A
# check takes a second.
_KNOWN = {
    "chain", "with_extra_args_support", "identity", "init_empty_state", "scale", "scale_by_learning_rate",
    "scale_by_schedule", "trace", "scale_by_adam", "scale_by_rms", "scale_by_lion", "add_decayed_weights",
    "clip_by_global_norm", "clip", "jaxnn.training.plateau.reduce_on_plateau",
}  # fmt: skip


def check_padding(plan: Plan, setting: Setting, trimmer: Trimmer) -> None:
    """Checks that the optimizer of a setting trains the smallest network of its program as if it were alone.

    An optimizer that cannot be computed for random gradients is not checked.

    Raises:
        ValueError: some updates differ.
    """
    choices, values = setting
    if not plan.inherited(choices) or set(_name_parts(plan.recipe(*setting))) <= _KNOWN:
        return
    smallest = Setting(choices, values | least_widths(plan.space, choices))
    with jax.default_device(get_host()):
        entries = trimmer.find_entries(smallest)
        masked, narrow = plan.traced_recipe(*smallest), plan.recipe(*smallest)
        like, shapes = (partition(jax.eval_shape(recipe.model.init, plan.key))[0] for recipe in (masked, narrow))
        rng = np.random.default_rng(0)  # the gradients are random, and the same in every process
        params = jax.tree.map(lambda leaf: rng.normal(size=leaf.shape).astype(leaf.dtype), shapes)
        slopes = jax.tree.map(lambda leaf: _draw_slopes(rng, leaf), shapes)

        def compare(params: Any, slopes: Any) -> Any:
            put = functools.partial(pad, entries=entries, like=like)
            alone = jax.vmap(put)(_make_steps(narrow, params, slopes))
            return jax.tree.map(_differ, _make_steps(masked, put(params), jax.vmap(put)(slopes)), alone)

        try:
            traced = jax.jit(compare).trace(params, slopes)
            compiled = request_program(traced, conditions=get_host(), options=COMPILER_OPTIONS).result()
            differ = any(jax.tree.leaves(jax.tree.map(bool, compiled(params, slopes))))
        except Exception:
            return
    if differ:
        names = [name for name in _name_parts(narrow) if name not in _KNOWN]
        raise ValueError(
            f"sweep: the optimizer ({', '.join(names)}) updates a network with masked units not as the narrow network: "
            "an update depends on the shape of an array, or is not 0 for a gradient of 0; with "
            f"{', '.join(plan.inherited(choices))} in the space use another optimizer, or make them choices"
        )


def _draw_slopes(rng: np.random.Generator, leaf: Any) -> np.ndarray:
    return np.stack([scale * rng.normal(size=leaf.shape) for scale in _SCALES]).astype(leaf.dtype)


def _make_steps(recipe: Recipe, params: Any, slopes: Any) -> Any:
    """Returns the updates of some steps, each on the function Σ slope · params + params² / 2."""

    def make_step(carry: tuple[Any, Any], slope: Any) -> tuple[tuple[Any, Any], Any]:
        params, state = carry

        def value_fn(params: Any) -> Any:
            terms = jax.tree.map(lambda s, p: (s * p + p * p / 2).sum(), slope, params)
            return sum(jax.tree.leaves(terms), start=jnp.zeros(()))

        def grad_fn(params: Any, _: Any = None) -> Any:
            return jax.tree.map(jnp.add, slope, params)

        value, grad = value_fn(params), grad_fn(params)
        updates, state = compute_updates(
            recipe, (grad, state, params), value=value, grad=grad, value_fn=value_fn, grad_fn=grad_fn
        )
        return (jax.tree.map(jnp.add, params, updates), state), updates

    return jax.lax.scan(make_step, (params, get_optimizer(recipe).init(params)), slopes)[1]


def _differ(masked: Any, alone: Any) -> Any:
    scale = jnp.abs(jnp.where(jnp.isfinite(alone), alone, 0)).max(initial=0.0)
    close = jnp.abs(masked - alone) <= _TOLERANCE * scale
    return ~(close | (jnp.isnan(masked) & jnp.isnan(alone)) | (masked == alone)).all()


def _name_parts(recipe: Recipe) -> list[str]:
    """Names the functions that made the parts of an optimizer, schedules of optax excepted."""
    names, waiting, seen = {}, [get_optimizer(recipe).update], set()
    while waiting:
        part = waiting.pop()
        if id(part) in seen:
            continue
        seen.add(id(part))
        if isinstance(part, tuple | list):
            waiting += part
        elif callable(part):
            module = getattr(part, "__module__", None) or ""
            if not module.startswith("optax.schedules"):
                # A function of the user may have the name of one of optax.
                maker = getattr(part, "__qualname__", type(part).__name__).split(".")[0]
                names[maker if module.startswith("optax.") else f"{module}.{maker}"] = None
            waiting += [cell.cell_contents for cell in getattr(part, "__closure__", None) or ()]
    return list(names)
