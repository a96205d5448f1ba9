"""The quality of searches: `python -m experiments.benchmarks.search_quality`.

Samplers (random, Sobol, and Optuna's TPE and CMA-ES as lanes become free), each alone, with ASHA and with Hyperband, on
an MLP for digits and on a small network for iris. Beside them is what Optuna does alone: TPE one trial at a time, with
its own pruners, for fewer keys. Epochs are counted, not seconds, so that the machine may be busy.

A trial's fate depends on the trials before it alone, so that the first n trials of a sweep are a sweep of n trials. One
sweep therefore tells the best score at every number of epochs. Searches that stop trials get more trials.
"""

# Types are also checked where some peers are not installed.
# pyright: reportMissingImports=false

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import numpy as np
import optax

import jaxnn as nn
from experiments import schedulers as digits_search
from experiments.benchmarks.harness import importable
from experiments.benchmarks.optuna_pruners import OptunaPruner
from experiments.common import run_command

# The shares of the epochs of random search at which the best score is looked up.
SHARES = (1 / 8, 1 / 4, 1 / 2, 1.0)


@dataclass(frozen=True)
class Config:
    """Compare samplers and schedulers by the regret at a number of epochs."""

    problems: tuple[str, ...] = ("iris", "digits")
    """Of iris and digits."""
    trials: int = 128
    """Trials of a search that stops none."""
    more: int = 3
    """By how much more trials a search has that stops some."""
    keys: int = 10
    """Keys of each search."""
    alone: int = 3
    """Of these, those of TPE one by one."""
    epochs: int | None = None
    """Epochs of a trial; by default 81 for iris and 27 for digits."""
    ask_limit: int = 32
    """The most settings that TPE and CMA-ES are asked for before their results are told."""


class Problem(NamedTuple):
    """What is searched."""

    space: dict[str, Any]
    make_recipe: Callable[[dict[str, Any]], nn.Recipe]
    split: nn.Split
    epochs: int


class Track(NamedTuple):
    """The epochs that the first 1, 2, … trials of a search take, and the best score among them."""

    spent: np.ndarray
    best: np.ndarray

    def best_at(self, epochs: float) -> float:
        """Returns the best score of the trials that these epochs suffice for."""
        count = np.searchsorted(self.spent, epochs, side="right")
        return float(self.best[count - 1]) if count else -math.inf

    def spent_until(self, score: float) -> float:
        """Returns the epochs until a trial has this score; infinity if none has."""
        reached = self.best >= score
        return float(self.spent[reached.argmax()]) if reached.any() else math.inf


class Search(NamedTuple):
    """A row of the table.

    Attributes:
        name: of the row.
        sampler: "random", "sobol", or of Optuna "TPE" and "CMA-ES".
        scheduler: of `nn.sweep`, or None.
        trials: number of settings.
        keys: for how many keys it runs.
        ask_limit: the most settings that Optuna is asked for before their results are told.
    """

    name: str
    sampler: str
    scheduler: Any
    trials: int
    keys: int
    ask_limit: int

    def run(self, problem: Problem, seed: int) -> nn.SweepResult:
        """Runs the search with one key."""
        return nn.sweep(
            problem.make_recipe, problem.space, problem.split.train, key=jax.random.key(seed), trials=self.trials,
            epochs=problem.epochs, validation=problem.split.test, sampler=self.make_sampler(seed),
            scheduler=self.scheduler, progress=False,
        )  # fmt: skip

    def make_sampler(self, seed: int) -> Any:
        """Returns what `nn.sweep` takes as sampler."""
        if self.sampler in ("random", "sobol"):
            return self.sampler
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        samplers = {"TPE": optuna.samplers.TPESampler, "CMA-ES": optuna.samplers.CmaEsSampler}
        study = optuna.create_study(direction="maximize", sampler=samplers[self.sampler](seed=seed))
        return nn.integrations.optuna(study, ask_limit=self.ask_limit)


def make_problem(name: str, epochs: int | None) -> Problem:
    """Returns the search of an MLP for digits, or of a small network for iris."""
    data = getattr(nn.datasets, name)()
    split = nn.train_test_split(jax.random.key(0), data.data, test=0.25, stratify=data.targets)
    if name == "digits":
        return Problem(digits_search.SPACE, digits_search.make_recipe, split, epochs or 27)
    space = {
        "learning_rate": nn.log_uniform(1e-4, 1.0),
        "weight_decay": nn.log_uniform(1e-4, 1.0),
        "width": nn.sizes(4, 16),
    }
    return Problem(space, make_iris_recipe, split, epochs or 81)


def make_iris_recipe(hypers: dict[str, Any]) -> nn.Recipe:
    """Returns the recipe of one setting for iris."""
    optimizer = optax.adamw(hypers["learning_rate"], weight_decay=hypers["weight_decay"])
    return nn.Recipe(nn.mlp([4, hypers["width"], 3]), nn.cross_entropy, optimizer)


def list_searches(config: Config, epochs: int) -> list[Search]:
    """Returns all searches: random first, then the others, then Optuna alone."""
    grace, more = max(epochs // 9, 1), config.trials * config.more
    schedulers = {" + ASHA": nn.asha(grace_period=grace), " + Hyperband": nn.hyperband(grace_period=max(grace // 3, 1))}
    searches = []
    for sampler in ("random", "sobol", *(("TPE", "CMA-ES") if importable("optuna") else ())):
        rest = (config.keys, config.ask_limit)
        searches.append(Search(sampler, sampler, None, config.trials, *rest))
        searches += [Search(sampler + name, sampler, each, more, *rest) for name, each in schedulers.items()]
    return [*searches, *(list_alone(config, epochs) if importable("optuna") else ())]


def list_alone(config: Config, epochs: int) -> list[Search]:
    """Returns the searches of Optuna alone: TPE one trial at a time, without a pruner and with two of its own."""
    import optuna

    halving = optuna.pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=3)
    hyperband = optuna.pruners.HyperbandPruner(min_resource=1, max_resource=epochs, reduction_factor=3)
    name, more, keys = "one by one: TPE", config.trials * config.more, min(config.alone, config.keys)
    return [
        Search(name, "TPE", None, config.trials, keys, 1),
        Search(f"{name} + SuccessiveHalvingPruner", "TPE", OptunaPruner(halving), more, keys, 1),
        Search(f"{name} + HyperbandPruner", "TPE", OptunaPruner(hyperband), more, keys, 1),
    ]


def follow(result: nn.SweepResult) -> Track:
    """Returns the epochs and the best score after each trial."""
    ranks = [trial.rank if trial.has_params else -math.inf for trial in result.trials]
    return Track(np.cumsum([trial.epochs for trial in result.trials]), np.maximum.accumulate(ranks))


def main(config: Config) -> dict[str, dict[str, list[Track]]]:
    """Runs all searches of all problems, and prints a table for each problem."""
    found = {}
    for name in config.problems:
        problem = make_problem(name, config.epochs)
        tracks: dict[str, list[Track]] = {}
        for search in list_searches(config, problem.epochs):
            started = time.process_time()
            tracks[search.name] = [follow(search.run(problem, seed)) for seed in range(search.keys)]
            print(f"{name}: {search.name}, {time.process_time() - started:.0f} s of processor time", flush=True)
        print(format_table(name, tracks, config.trials * problem.epochs), flush=True)
        found[name] = tracks
    return found


def format_table(name: str, tracks: dict[str, list[Track]], budget: int) -> str:
    """Returns a Markdown table: the median regret (and its quartiles) at shares of the budget, and what is spent.

    The regret is counted from the best score that any search has found with the same key. "As good as random" is the
    share of the budget after which a trial is as good as the best of random search with all of it.
    """
    keys = len(next(iter(tracks.values())))
    best = [max(each[key].best[-1] for each in tracks.values() if key < len(each)) for key in range(keys)]
    random = [each.best[-1] for each in tracks["random"]]
    header = [
        f"{name}, regret after",
        "keys",
        *(f"{share:.3g}" for share in SHARES),
        "spent",
        "as good as random after",
    ]
    rows = [header, ["---"] * len(header)]
    for search, each in tracks.items():
        regrets = [[best[key] - one.best_at(share * budget) for key, one in enumerate(each)] for share in SHARES]
        reached = [one.spent_until(random[key]) / budget for key, one in enumerate(each)]
        rows.append([
            search, str(len(each)), *map(format_quartiles, regrets),
            f"{np.median([one.spent[-1] for one in each]) / budget:.2f}", format_reached(reached),
        ])  # fmt: skip
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def format_quartiles(values: list[float]) -> str:
    """Returns the median with the quartiles, none of them between two values, in thousandths."""
    low, middle, high = (1000 * np.percentile(values, quartile, method="lower") for quartile in (25, 50, 75))
    return f"{middle:.3g} ({low:.3g} to {high:.3g})"


def format_reached(shares: list[float]) -> str:
    """Returns the median share, and in how many keys there is one."""
    count = sum(map(math.isfinite, shares))
    middle = np.percentile(shares, 50, method="higher")
    return f"{middle:.2f}, {count} of {len(shares)}" if math.isfinite(middle) else f"–, {count} of {len(shares)}"


if __name__ == "__main__":
    nn.use_all_cores()
    run_command(Config, main)
