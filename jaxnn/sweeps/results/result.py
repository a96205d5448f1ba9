"""What a sweep found: a table, the curves, the best parameters, and a way to see any trial again."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxnn.sweeps.engine.epochs import Curves
from jaxnn.sweeps.engine.run import Call
from jaxnn.sweeps.engine.trial import Outcome
from jaxnn.sweeps.results.columns import Column, columns
from jaxnn.sweeps.results.importance import importance
from jaxnn.sweeps.results.tables import rows
from jaxnn.training.evaluation import predict
from jaxnn.training.recipe import Recipe


class Replay(NamedTuple):
    """A trial seen again: its parameters, lanes on the first axis, and its curves, each (lanes, epochs)."""

    params: Any
    curves: Curves


class Best(NamedTuple):
    """The trial with the highest score.

    Attributes:
        trial: its number.
        hypers: as `make_recipe` gets them. Under population-based training those it started with; what followed
            stands in `outcomes[trial].copies`.
        score: the mean over repeats and folds.
        params: its parameters; with several lanes (repeats × folds) they have the lanes on the first axis.
        recipe: what `make_recipe` makes of the hypers.
    """

    trial: int
    hypers: dict[str, Any]
    score: float
    params: Any
    recipe: Recipe


class Sweep(NamedTuple):
    """The outcome of `sweep`.

    Attributes:
        outcomes: of every trial, by its number.
        kept: parameters of the best trials, by number, the lanes on the first axis.
        calls: what each call of the compiled programs did, in order.
        space: that was searched.
        hypers_of: a trial's number to its hypers, as `make_recipe` gets them.
        recipe_of: a trial's number to its recipe.
        replay: a trial's number to its parameters and curves, computed again, bit for bit.
    """

    outcomes: tuple[Outcome, ...]
    kept: dict[int, Any]
    calls: tuple[Call, ...]
    space: dict[str, Any]
    hypers_of: Callable[[int], dict[str, Any]]
    recipe_of: Callable[[int], Recipe]
    replay: Callable[[int], Replay]

    @property
    def scores(self) -> Float[np.ndarray, "trials"]:
        """Of every trial, NaN where it diverged."""
        return np.array([outcome.score for outcome in self.outcomes])

    @property
    def occupancy(self) -> float:
        """The share of lane-epochs that trained something, as long as trials were waiting for a lane."""
        full = [call for call in self.calls if call.waiting] or self.calls
        return sum(call.busy * call.epochs for call in full) / sum(call.epochs for call in full)

    @property
    def best(self) -> Best:
        """The trial with the highest score.

        Raises:
            ValueError: every trial diverged.
        """
        if not self.kept:
            raise ValueError(f"sweep: all {len(self.outcomes)} trials diverged; the table says at which epochs")
        number = max(self.kept, key=lambda trial: self.outcomes[trial].score)
        return Best(
            number, self.hypers_of(number), self.outcomes[number].score, self.params(number), self.recipe_of(number)
        )

    def params(self, trial: int) -> Any:
        """The parameters of one of the best trials; those of the others are not kept, `replay` computes them again.

        Raises:
            KeyError: a trial that is not among the best.
        """
        if trial not in self.kept:
            raise KeyError(f"sweep: parameters are kept of trials {sorted(self.kept)}, not of {trial}; replay it")
        params = self.kept[trial]
        return _only(params) if _lanes(params) == 1 else params

    def predict(self, x: Any, *, best: int = 1) -> Array:
        """The mean of the outputs of the best trials, over all their repeats and folds: an ensemble.

        Args:
            x: the examples on the first axis.
            best: how many trials take part, at most as many as were kept.
        """
        ranked = sorted(self.kept, key=lambda trial: -self.outcomes[trial].score)
        if not 1 <= best <= len(ranked):
            raise ValueError(
                f"sweep: best must lie in 1 … {len(ranked)}, the trials whose parameters were kept, not {best}"
            )
        return jnp.mean(jnp.stack([self._outputs(trial, x) for trial in ranked[:best]]), axis=0)

    def table(self) -> list[dict[str, Any]]:
        """One dict for each trial: its number, hypers, status, epochs, score, spread and seconds."""
        return rows(self.outcomes, lambda outcome: self.hypers_of(outcome.trial))

    def to_pandas(self) -> Any:
        """The table as a pandas DataFrame.

        Raises:
            ImportError: without pandas.
        """
        try:
            import pandas
        except ImportError as error:
            raise ImportError("to_pandas needs pandas: pip install 'jaxnn[pandas]'") from error
        return pandas.DataFrame(self.table()).set_index("trial")

    def curves(self, quantity: str = "scores") -> Float[np.ndarray, "trials epochs"]:
        """A curve for each trial, the mean over its lanes; NaN past its end, and where it was not judged.

        Args:
            quantity: "losses", "validation_losses" or "scores".
        """
        longest = max(outcome.epochs for outcome in self.outcomes)
        found = np.full((len(self.outcomes), longest), np.nan)
        for row, outcome in zip(found, self.outcomes, strict=True):
            row[: outcome.epochs] = getattr(outcome.curves, quantity).mean(axis=0)
        return found

    def columns(self) -> tuple[Column, ...]:
        """The hypers of all trials as columns of numbers, one for each name in the space."""
        return columns(self.space, [outcome.setting for outcome in self.outcomes])

    def importance(self) -> dict[str, float]:
        """The share of each hyper in what decides the score, largest first; the shares add up to 1.

        They come from a random forest that predicts the ranks of the scores, each trial's the one at which it ended.

        Raises:
            ImportError: without scikit-learn.
            ValueError: fewer than 8 trials.
        """
        return importance(self.columns(), self.scores)

    def _outputs(self, trial: int, x: Any) -> Array:
        model, params = self.recipe_of(trial).model, self.kept[trial]
        each = [predict(model, jax.tree.map(lambda leaf, i=i: leaf[i], params), x) for i in range(_lanes(params))]
        return jnp.mean(jnp.stack(each), axis=0)


def _lanes(params: Any) -> int:
    return len(jax.tree.leaves(params)[0])


def _only(params: Any) -> Any:
    return jax.tree.map(lambda leaf: leaf[0], params)
