"""The result of a sweep: a table, curves, the best parameters, and a replay of any trial."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxnn.sweeps.engine.run import ChunkStats
from jaxnn.sweeps.engine.trial import TrialResult
from jaxnn.sweeps.results.importance import importance
from jaxnn.sweeps.results.tables import Column, make_columns, make_rows
from jaxnn.training.evaluation import Curves, predict
from jaxnn.training.recipe import Recipe


class Replay(NamedTuple):
    """A trial that was computed again.

    Attributes:
        params: its parameters, with the lanes (repeats × folds) on the first axis.
        curves: `losses`, `validation_losses` and `scores`, each of shape (lanes, epochs).
    """

    params: Any
    curves: Curves


class BestTrial(NamedTuple):
    """The trial with the highest score.

    Attributes:
        trial: its number.
        hypers: the dict that `make_recipe` gets. Under population-based training they are those at the start; later
            ones are in `trials[trial].copies`.
        score: the mean over repeats and folds.
        params: its parameters, with the lanes (repeats × folds) on the first axis, even if there is one lane.
        recipe: the result of `make_recipe` for these hypers.
    """

    trial: int
    hypers: dict[str, Any]
    score: float
    params: Any
    recipe: Recipe


class SweepResult(NamedTuple):
    """The result of `sweep`.

    Attributes:
        trials: the result of every trial; `trials[n]` is trial n.
        kept: the parameters of the best trials by number, with the lanes (repeats × folds) on the first axis.
        chunks: the statistics of each chunk of the compiled programs, in order.
        space: the space that was searched.
        hypers_of: a function from a trial's number to its hypers, the dict that `make_recipe` gets.
        recipe_of: a function from a trial's number to its recipe.
        replay: a function from a trial's number to its `Replay`, computed again to the same bits.
    """

    trials: tuple[TrialResult, ...]
    kept: dict[int, Any]
    chunks: tuple[ChunkStats, ...]
    space: dict[str, Any]
    hypers_of: Callable[[int], dict[str, Any]]
    recipe_of: Callable[[int], Recipe]
    replay: Callable[[int], Replay]

    @property
    def scores(self) -> Float[np.ndarray, "trials"]:
        """The score of every trial, NaN where it diverged."""
        return np.array([trial.score for trial in self.trials])

    @property
    def occupancy(self) -> float:
        """The share of lane-epochs that trained a trial, in chunks while trials waited for a lane, or else in all."""
        full = [chunk for chunk in self.chunks if chunk.waiting] or self.chunks
        return sum(chunk.busy * chunk.epochs for chunk in full) / sum(chunk.epochs for chunk in full)

    @property
    def best(self) -> BestTrial:
        """The trial with the highest score.

        Raises:
            ValueError: no trial has a score that is not NaN.
        """
        if not self.kept:
            raise ValueError(f"sweep: none of the {len(self.trials)} trials has a score; see their status in table()")
        number = max(self.kept, key=lambda trial: self.trials[trial].score)
        return BestTrial(
            number, self.hypers_of(number), self.trials[number].score, self.kept[number], self.recipe_of(number)
        )

    def params(self, trial: int, *, lane: int | None = None) -> Any:
        """Returns the parameters of one of the best trials; `replay` computes those of the others again.

        Args:
            trial: its number.
            lane: which of its lanes (repeats × folds), without a lane axis; None returns all, lanes on the first axis.

        Raises:
            KeyError: a trial whose parameters were not kept.
            IndexError: a lane that does not exist.
        """
        if trial not in self.kept:
            raise KeyError(f"sweep: parameters are kept of trials {sorted(self.kept)}, not of {trial}; replay it")
        params = self.kept[trial]
        if lane is None:
            return params
        if not 0 <= lane < _count_lanes(params):
            raise IndexError(f"sweep: lane must lie in 0 … {_count_lanes(params) - 1}, not {lane}")
        return jax.tree.map(lambda leaf: leaf[lane], params)

    def predict(self, x: Any, *, best: int = 1) -> Array:
        """Returns the mean of the outputs of the best trials, over all their repeats and folds: an ensemble.

        Args:
            x: the examples on the first axis.
            best: the number of trials, at most those whose parameters were kept.

        Raises:
            ValueError: a number of trials that were not kept, or as `jaxnn.predict`.
        """
        ranked = sorted(self.kept, key=lambda trial: -self.trials[trial].score)
        if not 1 <= best <= len(ranked):
            raise ValueError(
                f"sweep: best must lie in 1 … {len(ranked)}, the trials whose parameters were kept, not {best}"
            )
        return jnp.mean(jnp.stack([self._predict(trial, x) for trial in ranked[:best]]), axis=0)

    def table(self) -> list[dict[str, Any]]:
        """Returns one dict for each trial: its number, hypers, status, epochs, score, score_std and seconds."""
        return make_rows(self.trials, lambda trial: self.hypers_of(trial.trial))

    def to_pandas(self) -> Any:
        """Returns the table as a pandas DataFrame.

        Raises:
            ImportError: pandas is not installed.
        """
        try:
            import pandas
        except ImportError as error:
            raise ImportError("to_pandas needs pandas: pip install 'jaxnn[pandas]'") from error
        return pandas.DataFrame(self.table()).set_index("trial")

    def curves(self, quantity: str = "scores") -> Float[np.ndarray, "trials epochs"]:
        """Returns a curve for each trial, the mean over its lanes; NaN after its end and where it was not evaluated.

        Args:
            quantity: "losses", "validation_losses" or "scores".
        """
        longest = max(trial.epochs for trial in self.trials)
        curves = np.full((len(self.trials), longest), np.nan)
        for row, trial in zip(curves, self.trials, strict=True):
            row[: trial.epochs] = getattr(trial.curves, quantity).mean(axis=0)
        return curves

    def columns(self) -> tuple[Column, ...]:
        """Returns the hypers of all trials as columns of numbers, one for each path of the space."""
        return make_columns(self.space, [trial.setting for trial in self.trials])

    def importance(self) -> dict[str, float]:
        """Returns the importance of each hyper for the score, largest first; they add up to 1, or are all 0.

        It is the permutation importance in a random forest that predicts the ranks of the trials' last scores.

        Raises:
            ImportError: scikit-learn is not installed.
            ValueError: fewer than 8 trials.
        """
        return importance(self.columns(), self.scores)

    def _predict(self, trial: int, x: Any) -> Array:
        model, lanes = self.recipe_of(trial).model, range(_count_lanes(self.kept[trial]))
        return jnp.mean(jnp.stack([predict(model, self.params(trial, lane=lane), x) for lane in lanes]), axis=0)


def _count_lanes(params: Any) -> int:
    return len(jax.tree.leaves(params)[0])
