"""The best setting of a sweep, trained once more on all rows."""

from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Float

from jaxnn.sweeps.engine.hypers import RecipeMaker
from jaxnn.sweeps.engine.plan import Plan
from jaxnn.sweeps.engine.preparation import Preparation, Prepare, apply_preparation, fit_preparation
from jaxnn.sweeps.engine.trial import TrialResult
from jaxnn.sweeps.space.traced import find_seed
from jaxnn.training.evaluation import predict
from jaxnn.training.recipe import Recipe
from jaxnn.training.summary import count_numbers, summarize_curve
from jaxnn.training.train import train


class Refit(NamedTuple):
    """The best setting, trained on all rows: those of all folds, or of the data and the validation part.

    Attributes:
        trial: the number of the trial with the highest score.
        hypers: its hypers, the dict that `make_recipe` gets.
        params: the trained parameters.
        losses: the training loss of each epoch, before its updates.
        preparation: the function that prepares x, fitted on all rows; None without `prepare`.
        make_recipe: makes the recipe of hypers, with an optimizer for all rows.
    """

    trial: int
    hypers: dict[str, Any]
    params: Any
    losses: Float[np.ndarray, "epochs"]
    preparation: Preparation | None
    make_recipe: RecipeMaker

    @property
    def recipe(self) -> Recipe:
        """The recipe of these hypers."""
        return self.make_recipe(self.hypers)

    def predict(self, x: Any) -> Any:
        """Returns the outputs for new examples, which are prepared as the training rows.

        Raises:
            TypeError, ValueError: as `jaxnn.predict`.
        """
        if self.preparation is not None:
            x = apply_preparation("predict", self.preparation, x)
        return predict(self.recipe.model, self.params, x)

    def __repr__(self) -> str:
        return (
            f"Refit of trial {self.trial} on all rows\n"
            f"  losses: {summarize_curve(self.losses)}\n"
            f"  params: {count_numbers(self.params)}"
        )


def refit_trial(
    plan: Plan,
    result: TrialResult,
    *,
    data: tuple[Any, Any],
    validation: tuple[Any, Any] | None,
    prepare: Prepare | None,
) -> Refit:
    """Trains the setting of a trial on all rows, with the key of its first repeat, up to the epoch of its score.

    Args:
        plan: of the sweep.
        result: of the trial.
        data: `(x, targets)` as the user gave them, and so is the validation part.
        validation: its rows are trained on too; None with folds.
        prepare: fitted on all rows.
    """
    if validation is not None:
        data = jax.tree.map(lambda *parts: np.concatenate([np.asarray(part) for part in parts]), data, validation)
    x, targets = data
    preparation = None
    if prepare is not None:
        preparation = fit_preparation(prepare, x)
        x = apply_preparation("sweep: all rows", preparation, x)
    make_recipe = RecipeMaker(plan.make_recipe, len(jax.tree.leaves(x)[0]), plan.layout.epochs)
    hypers, key = plan.hypers(result.setting), _make_key(plan, result)
    trained = train(make_recipe(hypers), (x, targets), key=key, epochs=result.score_epoch, progress=False)
    return Refit(result.trial, hypers, trained.params, trained.losses, preparation, make_recipe)


def _make_key(plan: Plan, result: TrialResult) -> Array:
    """Returns the key of a trial's first repeat, as its lanes have it."""
    seed = find_seed(plan.space, result.setting.choices)
    if seed is None:
        return jax.random.fold_in(jax.random.fold_in(plan.key, result.trial), 0)
    own = jax.random.key(int(result.setting.values[seed]), impl="threefry2x32")
    return own if plan.layout.repeats == 1 else jax.random.fold_in(own, 0)
