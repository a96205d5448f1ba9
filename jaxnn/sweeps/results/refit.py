"""The best setting of a sweep, trained once more on all rows."""

from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Float

from jaxnn.sweeps.engine.hypers import RecipeMaker
from jaxnn.sweeps.engine.preparation import Preparation, Prepare, apply_preparation, fit_preparation
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


def refit_best(
    result: Any, data: tuple[Any, Any], validation: tuple[Any, Any] | None, prepare: Prepare | None
) -> Refit:
    """Trains the best setting of a `SweepResult` on all rows, with the key of its trial and as many epochs.

    A second call gives the same bits.

    Args:
        result: a sweep with a trial that has a score.
        data: `(x, targets)` as the user gave them, and so is the validation part.
        validation: its rows are trained on too; None with folds.
        prepare: fitted on all rows.
    """
    plan, best = result.plan, result.best
    if validation is not None:
        data = jax.tree.map(lambda *parts: np.concatenate([np.asarray(part) for part in parts]), data, validation)
    x, targets = data
    preparation = None
    if prepare is not None:
        preparation = fit_preparation(prepare, x)
        x = apply_preparation("sweep: all rows", preparation, x)
    make_recipe = RecipeMaker(plan.make_recipe, len(jax.tree.leaves(x)[0]), plan.layout.epochs)
    key = plan.trial_key(best.trial, result.trials[best.trial].setting)
    trained = train(make_recipe(best.hypers), (x, targets), key=key, epochs=best.epoch, progress=False)
    return Refit(best.trial, best.hypers, trained.params, trained.losses, preparation, make_recipe)
