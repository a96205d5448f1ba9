"""Parameters of a trial's own shapes: those of the compiled program, without masked units and bypassed layers."""

from typing import Any

import jax
import numpy as np

from jaxnn._checks.arrays import leaf_name
from jaxnn.sweeps.engine.plan import Plan
from jaxnn.sweeps.engine.trial import TrialResult
from jaxnn.sweeps.space.space import Choices, Setting, active_distributions
from jaxnn.sweeps.space.whole import Inherited


class Trimmer:
    """Trims the parameters of trials; it keeps a small compiled function for each combination of choices."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._init_marks: dict[Choices, Any] = {}

    def __call__(self, result: TrialResult, params: Any) -> Any:
        """Returns parameters of a trial in the shapes of its recipe.

        Args:
            result: of the trial; it has the shapes of its last copy.
            params: NumPy arrays as the program has them, with the lanes on the first axis.
        """
        choices, values = final_setting(self._plan, result)
        if not _has_sizes(self._plan, choices):
            return params
        shapes = jax.eval_shape(self._plan.recipe(choices, values).model.init, self._plan.key)
        if choices not in self._init_marks:
            plan = self._plan
            self._init_marks[choices] = jax.jit(
                lambda values: plan.traced_recipe(choices, values, marks=True).model.init(plan.key)
            )
        marks = self._init_marks[choices]({path: np.float32(value) for path, value in values.items()})
        return trim_params(params, marks, shapes)


def final_setting(plan: Plan, result: TrialResult) -> Setting:
    """Returns the setting of a trial with the sizes that it has at its end: a copy has those of its parent."""
    choices, values = result.setting
    if not result.copies:
        return result.setting
    distributions, last = active_distributions(plan.space, choices), result.copies[-1][2]
    inherited = {path: value for path, value in last.items() if isinstance(distributions[path], Inherited)}
    return Setting(choices, values | inherited)


def trim_params(params: Any, marks: Any, shapes: Any) -> Any:
    """Returns the real entries of parameters with masked units, in the structure and shapes of the narrow network.

    Args:
        params: arrays with lanes on the first axis.
        marks: initial parameters of the same network without the lane axis, not 0 where an entry is real.
        shapes: the parameters of the narrow network, or their shapes. Leaves that it lacks are left out.

    Raises:
        ValueError: a leaf whose real entries do not have the shape of the narrow network.
    """
    leaves = {path: leaf for path, leaf in jax.tree_util.tree_leaves_with_path(params)}
    marked = {path: leaf for path, leaf in jax.tree_util.tree_leaves_with_path(marks)}

    def trim(path: Any, expected: Any) -> np.ndarray:
        if path not in leaves:
            raise ValueError(f"sweep: model.init makes no {leaf_name(path)} when sizes are traced")
        return _trim_leaf(leaf_name(path), np.asarray(leaves[path]), np.asarray(marked[path]), expected.shape)

    return jax.tree_util.tree_map_with_path(trim, shapes)


def _trim_leaf(name: str, leaf: np.ndarray, marks: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    if marks.shape == shape:
        return leaf
    if marks.ndim == len(shape):
        for axis, size in enumerate(shape):
            others = tuple(other for other in range(marks.ndim) if other != axis)
            real = np.flatnonzero((marks != 0).any(axis=others))
            # A leaf of zeros, such as a bias, has no marks; its real entries are the first.
            leaf = leaf.take(np.arange(size) if not real.size else real, axis=axis + 1)
    if leaf.shape[1:] != shape:
        raise ValueError(
            f"sweep: params: {name} must have shape {shape} without masked units, not {leaf.shape[1:]}; mask what "
            "model.init makes beyond init_dense, init_conv and init_layer_norm with mask_units"
        )
    return leaf


def _has_sizes(plan: Plan, choices: Choices) -> bool:
    nodes = active_distributions(plan.space, choices).values()
    return any(isinstance(node, Inherited) for node in nodes)
