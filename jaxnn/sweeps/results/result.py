"""The result of a sweep: a table, curves, the best parameters, and a replay of any trial."""

from collections.abc import Callable
from concurrent.futures import Executor
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Float

from jaxnn.sweeps.engine.plan import Plan
from jaxnn.sweeps.engine.preparation import Preparation
from jaxnn.sweeps.engine.run import ChunkStats
from jaxnn.sweeps.engine.trial import TrialResult
from jaxnn.sweeps.engine.trim import final_setting
from jaxnn.sweeps.results.best_trial import BestTrial
from jaxnn.sweeps.results.continuation import Continuation
from jaxnn.sweeps.results.ensemble import count_lanes, predict_mean
from jaxnn.sweeps.results.importance import importance
from jaxnn.sweeps.results.refit import Refit
from jaxnn.sweeps.results.replay import Programs, Replay, replay_trial
from jaxnn.sweeps.results.summary import count_statuses, summarize
from jaxnn.sweeps.results.tables import (
    RESULT_COLUMNS,
    Column,
    make_columns,
    make_frame,
    make_html,
    make_rows,
    mean_curves,
)
from jaxnn.sweeps.results.workers import Workers
from jaxnn.training.recipe import Recipe


class SweepResult(NamedTuple):
    """The result of `sweep`.

    A pickle holds the data of the sweep too, which `replay` needs, and the name of `make_recipe`. Use `cloudpickle` if
    `make_recipe` is not a function of a module.

    Attributes:
        trials: the result of every trial; `trials[n]` is trial n. Those that the sweep ended before are "unfinished".
        kept: the parameters of the best trials by number, with the lanes (repeats × folds) on the first axis.
        chunks: the statistics of each chunk of the compiled programs, in order.
        plan: what was trained, and on what.
        programs: the compiled programs, which are not pickled with the result.
        continuation: what `extend` calls; not pickled either.
        refit: the best setting, trained on all rows; None without `refit=True`, or if no trial has a score.
        seconds: of the search, with the compilation of its programs; None of a result that was loaded.
        workers: who ran a sweep in blocks; None without.
    """

    trials: tuple[TrialResult, ...]
    kept: dict[int, Any]
    chunks: tuple[ChunkStats, ...]
    plan: Plan
    programs: Programs
    continuation: Continuation = Continuation()
    refit: Refit | None = None
    seconds: float | None = None
    workers: Workers | None = None

    def __repr__(self) -> str:
        return "\n  ".join(summarize(self))

    def _repr_html_(self) -> str:
        return make_html(summarize(self)[0], sorted(self.table(), key=lambda row: -self.trials[row["trial"]].rank))

    @property
    def space(self) -> dict[str, Any]:
        """The space that was searched."""
        return self.plan.space

    @property
    def stratified_by(self) -> str:
        """The labels that the folds are stratified by, such as "targets"; empty without."""
        return self.plan.stratified_by

    @property
    def preparations(self) -> tuple[Preparation, ...]:
        """The functions that prepare x, one for each fold, or one with a validation part; empty without `prepare`.

        A result that was loaded from a directory has none.
        """
        return self.plan.preparations

    def hypers_of(self, trial: int) -> dict[str, Any]:
        """Returns the hypers of a trial, the dict that `make_recipe` gets."""
        return self.plan.hypers(final_setting(self.plan.inherited, self.trials[trial]))

    def recipe_of(self, trial: int) -> Recipe:
        """Returns the recipe of a trial."""
        return self.plan.recipe(*final_setting(self.plan.inherited, self.trials[trial]))

    def replay(self, trial: int, *, executor: Executor | Callable[[], Executor] | None = None) -> Replay:
        """Computes a trial again, up to the epoch of its score, to the same bits.

        Args:
            trial: its number.
            executor: runs a trial of a sweep in blocks, as for `sweep`. By default this process does, or where it has
                other bits than the workers, the executor of the sweep; a result that was unpickled has none.

        Raises:
            ValueError: a trial that failed or did not run; an executor without blocks; workers of other bits.
            RuntimeError: an executor that takes no more work; give a function that makes one.
        """
        return replay_trial(self.plan, self.programs, self.trials, trial, self.workers, executor)

    def extend(self, *, trials: int | None = None, epochs: int | None = None) -> "SweepResult":
        """Returns the result with more trials, those of the sampler that come next, or with more epochs, or both.

        The bits of each trial are those of one sweep, if that has as many lanes (`lanes=`). Trials that finished train
        on to more epochs: from their states with `keep_states=True`, otherwise again from the start. A scheduler stops
        none of them, but only new trials. Blocks take more trials alone. With a directory, call `sweep` instead.

        Args:
            trials: the number of all trials; None adds none.
            epochs: the epochs of a trial; None adds none.

        Raises:
            TypeError: not a whole number.
            ValueError: neither, or no more than there are; unfinished trials; a scheduler or an optimizer that was made
                for the epochs before; or a result with a directory, unpickled, loaded or extended before.
        """
        if trials is None and epochs is None:
            raise ValueError("extend: give the number of all trials, or of epochs, or both")
        if self.continuation.extend is None:
            raise ValueError(
                "extend: only the result of a sweep without a directory can go on, in its own process; with "
                "directory=, call sweep with more trials or epochs"
            )
        return self.continuation.extend(trials, epochs)

    @property
    def scores(self) -> Float[np.ndarray, "trials"]:
        """The score of every trial, NaN where it diverged."""
        return np.array([trial.score for trial in self.trials])

    @property
    def occupancy(self) -> float:
        """The share of lane-epochs that trained a trial, in chunks while trials waited for a lane, or else in all.

        It is 0 if no trial ran.
        """
        if not self.chunks:
            return 0.0
        full = [chunk for chunk in self.chunks if chunk.waiting] or self.chunks
        return sum(chunk.busy * chunk.epochs for chunk in full) / sum(chunk.epochs for chunk in full)

    @property
    def best(self) -> BestTrial:
        """The trial with the highest score.

        Its `params` are None where a sweep has not ended, and they are not at hand; `replay` computes them.

        Raises:
            ValueError: no trial has a score, since all diverged, failed or are unfinished.
        """
        scored = [trial.trial for trial in self.trials if trial.has_params]
        if not scored:
            raise ValueError(
                f"sweep: none of the {len(self.trials)} trials has a score: {count_statuses(self.trials)}; see table()"
            )
        # Of equal scores, one with parameters.
        number = max(scored, key=lambda trial: (self.trials[trial].rank, trial in self.kept))
        trial = self.trials[number]
        return BestTrial(
            number, self.hypers_of(number), trial.score, trial.score_std, trial.score_epoch, trial.status,
            self.kept.get(number), self.plan.recipe_maker,
        )  # fmt: skip

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
        if not 0 <= lane < count_lanes(params):
            raise IndexError(f"sweep: lane must lie in 0 … {count_lanes(params) - 1}, not {lane}")
        return jax.tree.map(lambda leaf: leaf[lane], params)

    def predict(self, x: Any, *, best: int = 1) -> Any:
        """Returns the mean of the outputs of the best trials, over all their repeats and folds: an ensemble.

        If the outputs are a pytree, it is the mean of each leaf. Each lane prepares x as its training rows.

        Args:
            x: the examples on the first axis.
            best: the number of trials, at most those whose parameters were kept.

        Raises:
            ValueError: a number of trials that were not kept, or as `jaxnn.predict`.
        """
        return predict_mean(self, best, x)

    def table(self) -> list[dict[str, Any]]:
        """Returns one dict for each trial: its number and hypers, and what `TrialResult` has from `status`."""
        return list(make_rows(self.space, self.trials))

    def to_pandas(self) -> Any:
        """Returns the table as a pandas DataFrame; columns with None among the options hold Python objects.

        Raises:
            ImportError: pandas is not installed.
        """
        names = () if self.trials else ("trial", *RESULT_COLUMNS, *self.plan.layout.metrics)
        return make_frame(self.table(), names).set_index("trial")

    def curves(self, quantity: str = "scores") -> Float[np.ndarray, "trials epochs"]:
        """Returns a curve for each trial, the mean over its lanes; NaN after its end and where it was not evaluated.

        Args:
            quantity: "losses", "validation_losses", "scores" or the name of a metric.

        Raises:
            ValueError: another quantity.
        """
        return mean_curves(self.trials, quantity, self.plan.layout.metrics)

    def columns(self) -> tuple[Column, ...]:
        """Returns the hypers of all trials as columns of numbers, one for each path of the space."""
        return make_columns(self.space, [trial.setting for trial in self.trials])

    def importance(self) -> dict[str, float]:
        """Returns the importance of each hyper for the score, largest first; they add up to 1, or are all 0.

        It is the permutation importance in a random forest that predicts the ranks of the trials' scores.

        Raises:
            ImportError: scikit-learn is not installed.
            ValueError: fewer than 8 trials.
        """
        return importance(self.columns(), self.scores)

    def report(self, path: str | Path, *, title: str | None = None, pictures: bool = False) -> Path:
        """Writes a page to look at, one file, and returns its path; see `jaxnn.report.write_report`."""
        from jaxnn.report import write_report  # pages are made of results

        return write_report(self, path, title=title, pictures=pictures)
