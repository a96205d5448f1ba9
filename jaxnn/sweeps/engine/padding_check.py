"""The check that an optimizer ignores masked units.

Masked entries have the parameter 0 and the gradient 0. Most optimizers update every entry by itself, or use sums over
them, so they update the others as in the narrow network. One whose update depends on the shape of an array does not:
it would train real units wrongly. Shapes cannot tell; a few steps of both networks can.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxnn._kernels.host import COMPILER_OPTIONS, get_host
from jaxnn.sweeps.engine.plan import Plan
from jaxnn.sweeps.engine.trim import Trimmer, pad
from jaxnn.sweeps.space.space import Setting, least_widths
from jaxnn.training.recipe import Recipe, compute_updates, get_optimizer

# Gradients of these sizes, one step each: some optimizers clip large ones.
_SCALES = (1.0, 1e-3, 1e3)
# The relative difference that rounding may make.
_TOLERANCE = 1e-3


def check_padding(plan: Plan, setting: Setting, trimmer: Trimmer) -> None:
    """Checks that the optimizer of a setting trains the smallest network of its program as if it were alone.

    An optimizer that cannot be computed for random gradients is not checked.

    Raises:
        ValueError: some updates differ.
    """
    if not plan.inherited(setting.choices):
        return
    choices, values = setting
    smallest = Setting(choices, values | least_widths(plan.space, choices))
    with jax.default_device(get_host()):
        entries = trimmer.find_entries(smallest)
        masked, narrow = plan.traced_recipe(*smallest), plan.recipe(*smallest)
        like, shapes = (jax.eval_shape(recipe.model.init, plan.key) for recipe in (masked, narrow))
        rng = np.random.default_rng(0)  # the gradients are random, and the same in every process
        params, *slopes = (
            jax.tree.map(lambda leaf, scale=scale: (scale * rng.normal(size=leaf.shape)).astype(leaf.dtype), shapes)
            for scale in (1.0, *_SCALES)
        )

        def compare(params: Any, slopes: Any) -> Any:
            alone = [pad(step, entries, like) for step in _make_steps(narrow, params, slopes)]
            padded, *slopes = (pad(tree, entries, like) for tree in (params, *slopes))
            return jax.tree.map(_differ, _make_steps(masked, padded, slopes), alone)

        try:
            compiled = jax.jit(compare).lower(params, slopes).compile(COMPILER_OPTIONS)
            differ = any(jax.tree.leaves(jax.tree.map(bool, compiled(params, slopes))))
        except Exception:
            return
    if differ:
        names = ", ".join(_name_parts(get_optimizer(narrow).update))
        raise ValueError(
            f"sweep: the optimizer ({names}) updates a network with masked units not as the narrow network, since an "
            f"update depends on the shape of an array; with {', '.join(plan.inherited(choices))} in the space use "
            "another optimizer, or make them choices"
        )


def _make_steps(recipe: Recipe, params: Any, slopes: list[Any]) -> list[Any]:
    """Returns the updates of some steps, each on the function Σ slope · params + params² / 2."""
    state, steps = get_optimizer(recipe).init(params), []
    for slope in slopes:

        def value_fn(params: Any, slope: Any = slope) -> Any:
            terms = jax.tree.map(lambda s, p: (s * p + p * p / 2).sum(), slope, params)
            return sum(jax.tree.leaves(terms), start=jnp.zeros(()))

        grad = jax.grad(value_fn)(params)
        updates, state = compute_updates(
            recipe,
            (grad, state, params),
            value=value_fn(params),
            grad=grad,
            value_fn=value_fn,
            grad_fn=lambda params, _, value_fn=value_fn: jax.grad(value_fn)(params),
        )
        params = jax.tree.map(jnp.add, params, updates)
        steps.append(updates)
    return steps


def _differ(masked: Any, alone: Any) -> Any:
    scale = jnp.abs(jnp.where(jnp.isfinite(alone), alone, 0)).max(initial=0.0)
    close = jnp.abs(masked - alone) <= _TOLERANCE * scale
    return ~(close | (jnp.isnan(masked) & jnp.isnan(alone)) | (masked == alone)).all()


def _name_parts(update: Any) -> list[str]:
    """Names the functions of optax that made the parts of an optimizer."""
    names, waiting, seen = {}, [update], set()
    while waiting:
        part = waiting.pop()
        if id(part) in seen:
            continue
        seen.add(id(part))
        if isinstance(part, tuple | list):
            waiting += part
        elif callable(part):
            maker = getattr(part, "__qualname__", "").split(".")[0]
            if getattr(part, "__module__", "").startswith("optax") and ".<locals>." in part.__qualname__:
                names[maker] = None
            waiting += [cell.cell_contents for cell in getattr(part, "__closure__", None) or ()]
    return [name for name in names if name not in ("chain", "with_extra_args_support")] or ["of your own"]
