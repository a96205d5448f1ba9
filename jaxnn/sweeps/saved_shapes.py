"""The shapes of what a checkpoint holds of trials: of their parameters, and of the states of their lanes."""

from typing import Any

import jax
import numpy as np

from jaxnn.sweeps.describe import as_choices
from jaxnn.sweeps.engine.plan import Plan
from jaxnn.sweeps.space.space import Choices, Setting


class SavedShapes:
    """Makes arrays of the shapes of described trials; it keeps those of the lanes of each program."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._of_lanes: dict[Choices, list[Any]] = {}

    def params(self, trial: dict[str, Any]) -> Any:
        """Returns arrays shaped as the kept parameters of a described trial, with the lanes on the first axis."""
        # The kept parameters have the sizes of the last copy before the epoch of the score.
        copies = [values for epoch, _, values in trial["copies"] if epoch < trial["score_epoch"]]
        recipe = self._plan.recipe(as_choices(trial["choices"]), copies[-1] if copies else trial["values"])
        shapes = jax.eval_shape(recipe.model.init, self._plan.key)
        return jax.tree.map(lambda leaf: np.empty((self._plan.layout.lanes, *leaf.shape), leaf.dtype), shapes)

    def state(self, trial: dict[str, Any]) -> list[np.ndarray]:
        """Returns arrays shaped as the state of a described trial."""
        choices = as_choices(trial["choices"])
        if choices not in self._of_lanes:
            program = self._plan.make_program(Setting(choices, trial["values"]))
            self._of_lanes[choices] = jax.tree.leaves(program.shapes)
        lanes = self._plan.layout.lanes
        return [np.empty((lanes, *leaf.shape[1:]), leaf.dtype) for leaf in self._of_lanes[choices]]
