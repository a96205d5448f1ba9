"""The trial with the highest score."""

from typing import Any, NamedTuple

from jaxnn.sweeps.engine.hypers import RecipeMaker
from jaxnn.sweeps.results.tables import name_hypers
from jaxnn.training.recipe import Recipe
from jaxnn.training.summary import count_numbers


class BestTrial(NamedTuple):
    """The trial with the highest score.

    Attributes:
        trial: its number.
        hypers: the dict that `make_recipe` gets, with sizes, depths and functions of a switch as plain values. Under
            population-based training these are those of the parameters. Other hypers are those at the start; later
            ones are in `trials[trial].copies`.
        score: the mean over repeats and folds, after the epoch `epoch`.
        score_std: its standard deviation over repeats and folds; 0 for a single training.
        epoch: the epoch of the score and the parameters.
        status: "finished", or "stopped" early by the scheduler or a stopping rule.
        params: its parameters, with the lanes (repeats × folds) on the first axis, even if there is one lane. None in a
            sweep that has not ended, where they are not at hand.
        make_recipe: makes the recipe of hypers, with an optimizer for the whole training.
    """

    trial: int
    hypers: dict[str, Any]
    score: float
    score_std: float
    epoch: int
    status: str
    params: Any
    make_recipe: RecipeMaker

    @property
    def recipe(self) -> Recipe:
        """The recipe of these hypers."""
        return self.make_recipe(self.hypers)

    def _describe_params(self) -> str:
        if self.params is None:
            return "not at hand; replay computes them"
        return f"{count_numbers(self.params)}, lanes on the first axis"

    def __repr__(self) -> str:
        return (
            f"BestTrial {self.trial} with the score {show_score(self)} after epoch {self.epoch}"
            f"{note_stop(self.status)}\n"
            f"  hypers: {list_hypers(self.hypers)}\n"
            f"  params: {self._describe_params()}"
        )


def show_score(trial: Any) -> str:
    """Returns the score of a trial as text, with its standard deviation over repeats and folds."""
    return f"{trial.score:.4g}" + (f" ± {trial.score_std:.2g}" if trial.score_std > 0 else "")


def note_stop(status: str) -> str:
    """Returns what a summary says of a trial that was stopped."""
    return " (stopped early)" if status == "stopped" else ""


def list_hypers(hypers: dict[str, Any]) -> str:
    """Returns hypers as text, by path."""
    named = name_hypers(hypers).items()
    return ", ".join(f"{path} {value:.4g}" if isinstance(value, float) else f"{path} {value}" for path, value in named)
