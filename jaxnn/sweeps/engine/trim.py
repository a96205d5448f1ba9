"""Parameters of a trial's own shapes: those of the compiled program, without masked units and bypassed layers."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxnn._checks.arrays import leaf_name
from jaxnn._kernels.host import COMPILER_OPTIONS, get_host
from jaxnn._kernels.program_cache import request_program
from jaxnn.sweeps.engine.plan import Plan
from jaxnn.sweeps.engine.trial import TrialResult
from jaxnn.sweeps.space.space import Choices, Setting


class Trimmer:
    """Trims the parameters of trials; it keeps a small compiled function for each combination of choices."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._init_marks: dict[Choices, Any] = {}

    def __call__(self, result: TrialResult, params: Any) -> Any:
        """Returns parameters of a trial in the shapes of its recipe.

        Args:
            result: of the trial; it has the shapes of its last copy before the epoch of its score.
            params: NumPy arrays as the program has them, with the lanes on the first axis.
        """
        setting = final_setting(self._plan.inherited, result)
        if not self._plan.inherited(setting.choices):
            return params
        return trim(params, self.find_entries(setting))

    def find_entries(self, setting: Setting) -> Any:
        """Returns which entries of the program's parameters are those of a setting, see `find_entries`."""
        plan, (choices, values) = self._plan, setting
        numbers = {path: np.float32(value) for path, value in values.items()}
        with jax.default_device(get_host()):
            if choices not in self._init_marks:
                traced = jax.jit(
                    lambda values: plan.traced_recipe(choices, values, marks=True).model.init(jax.random.key(0))
                ).trace(numbers)
                program = request_program(traced, conditions=get_host(), options=COMPILER_OPTIONS)
                self._init_marks[choices] = program.result()
            marks = self._init_marks[choices](numbers)
        return find_entries(marks, jax.eval_shape(plan.recipe(choices, values).model.init, plan.key))


def final_setting(inherited: Callable[[Choices], tuple[str, ...]], result: TrialResult) -> Setting:
    """Returns the setting of a trial with the sizes of its kept parameters: a copy has those of its parent.

    Args:
        inherited: the method of a plan.
        result: of the trial.
    """
    # A copy changes what a trial learns after its epoch.
    copies = [values for epoch, _, values in result.copies if epoch < result.score_epoch]
    if not copies:
        return result.setting
    choices, values = result.setting
    last = copies[-1]
    return Setting(choices, values | {path: last[path] for path in inherited(choices)})


def find_entries(marks: Any, shapes: Any) -> Any:
    """Returns, in the structure of the narrow network, which entries of the masked network's parameters are its own.

    Args:
        marks: initial parameters of the masked network, not 0 where an entry is real. A leaf of zeros, such as a bias,
            has no marks; its real entries are the first.
        shapes: the parameters of the narrow network, or their shapes.

    Returns:
        For each leaf a list of its numbers along each axis.

    Raises:
        ValueError: a leaf whose real entries do not have the shape of the narrow network.
    """
    marked = dict(jax.tree_util.tree_leaves_with_path(marks))

    def find(path: Any, expected: Any) -> _Entries:
        if path not in marked:
            raise ValueError(f"sweep: model.init makes no {leaf_name(path)} when sizes are traced")
        leaf, shape = np.asarray(marked[path]), expected.shape
        if leaf.shape == shape:
            return _Entries([np.arange(size) for size in shape])
        entries = [_find_along(leaf != 0, axis, size) for axis, size in zip(range(leaf.ndim), shape, strict=False)]
        if leaf.ndim != len(shape) or tuple(map(len, entries)) != shape:
            raise ValueError(
                f"sweep: {leaf_name(path)} of the params has shape {shape}, but with traced sizes it is {leaf.shape} "
                f"with {tuple(map(len, entries))} real entries; mask what model.init makes beyond init_dense, "
                "init_conv, init_gru, init_lstm, init_embedding and the inits of norms with mask_units"
            )
        return _Entries(entries)

    return jax.tree_util.tree_map_with_path(find, shapes)


class _Entries:
    """The entries of one leaf along each axis; not a pytree, so that it is a leaf itself."""

    def __init__(self, entries: list[np.ndarray]) -> None:
        self.entries = entries


def _find_along(real: np.ndarray, axis: int, size: int) -> np.ndarray:
    entries = np.flatnonzero(real.any(axis=tuple(other for other in range(real.ndim) if other != axis)))
    return entries if entries.size else np.arange(min(size, real.shape[axis]))


def trim(params: Any, entries: Any) -> Any:
    """Returns the real entries of parameters, in the structure of the narrow network. Axes of lanes come first."""
    leaves = dict(jax.tree_util.tree_leaves_with_path(params))

    def take(path: Any, picked: _Entries) -> Any:
        return leaves[path][(..., *np.ix_(*picked.entries))]

    return jax.tree_util.tree_map_with_path(take, entries)


def pad(params: Any, entries: Any, like: Any) -> Any:
    """Returns parameters of the narrow network as those of the masked one, 0 elsewhere; the inverse of `trim`.

    Args:
        params: of the narrow network.
        entries: see `find_entries`.
        like: parameters of the masked network, or their shapes.
    """
    leaves = dict(jax.tree_util.tree_leaves_with_path(params))
    picked = dict(jax.tree_util.tree_leaves_with_path(entries))

    def put(path: Any, leaf: Any) -> Any:
        zeros = jnp.zeros(leaf.shape, leaf.dtype)
        return zeros.at[np.ix_(*picked[path].entries)].set(leaves[path]) if path in picked else zeros

    return jax.tree_util.tree_map_with_path(put, like)
