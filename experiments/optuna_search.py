"""A search with Optuna: TPE chooses the settings, ASHA stops the poor ones, and a journal holds the study.

`python -m experiments.optuna_search` searches on handwritten digits and prints the command that shows the study in the
browser. Trials train side by side; TPE is asked for a setting whenever a lane becomes free. Called again, the search
knows the trials of the study so far. With `--run-directory`, a search that was interrupted goes on.
"""

import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import jax
import optax

import jaxnn as nn
from experiments.common import RUNS, make_parent, run_command
from experiments.searches import describe_best

SPACE = {
    "learning_rate": nn.log_uniform(1e-4, 1e-1),
    "weight_decay": nn.log_uniform(1e-5, 1.0),
    "dropout": nn.uniform(0.0, 0.6),
    "width": nn.sizes(8, 64),
    "activation": nn.switch(nn.relu, nn.tanh),
}


@dataclass(frozen=True)
class Config:
    """Search a network for handwritten digits with a study of Optuna."""

    trials: int = 120
    """Number of settings to try."""
    epochs: int = 27
    """Passes over the training part, for trials that are not stopped."""
    study: Path = RUNS / "optuna_search" / "study.journal"
    """File of the study."""
    seed: int = 0
    """Seed of all random numbers."""
    run_directory: Path | None = None
    """Directory of checkpoints: if the run is interrupted, the same command resumes it."""
    progress: bool = True
    """Show a progress bar."""


class Result(NamedTuple):
    """The sweep, the study, and the importance of each parameter for the score."""

    sweep: nn.SweepResult
    study: Any
    importances: dict[str, float]


def make_recipe(hypers: dict[str, Any]) -> nn.Recipe:
    """Returns the recipe of one setting."""
    model = nn.mlp([64, hypers["width"], 10], activation=hypers["activation"], dropout=hypers["dropout"])
    optimizer = optax.adamw(hypers["learning_rate"], weight_decay=hypers["weight_decay"])
    return nn.Recipe(model, nn.cross_entropy, optimizer, batch_size=64)


def main(config: Config) -> Result:
    """Runs the search, and prints what it found and where to look at it."""
    import optuna

    digits = nn.datasets.digits()
    images, labels = digits.data
    split_key, sweep_key = jax.random.split(jax.random.key(config.seed))
    split = nn.train_test_split(split_key, (images.reshape(-1, 64), labels), test=0.2, stratify=labels)

    started = time.perf_counter()
    study = open_study(config.study)
    result = nn.sweep(
        make_recipe, SPACE, split.train, key=sweep_key, trials=config.trials, epochs=config.epochs,
        validation=split.test, score=nn.accuracy, scheduler=nn.asha(grace_period=1, reduction_factor=3),
        sampler=nn.integrations.optuna(study, sampler=make_sampler), directory=make_parent(config.run_directory),
        progress=config.progress,
    )  # fmt: skip
    seconds = time.perf_counter() - started

    # The numbers.
    states = Counter(trial.state.name for trial in study.trials)
    counts = ", ".join(f"{count} {state}" for state, count in states.most_common())
    importances = optuna.importance.get_param_importances(study)
    print(f"optuna_search: {config.trials} trials in {seconds:.1f} s; {len(study.trials)} in the study: {counts}")
    print(f"               best: {describe_best(result)}, validation accuracy {result.best.score:.4f}")
    print("               importance: " + ", ".join(f"{name} {share:.2f}" for name, share in importances.items()))
    print(f"the study in the browser: optuna-dashboard {config.study}")
    return Result(result, study, importances)


def make_sampler(seed: int) -> Any:
    """Returns the sampler of the next setting; made anew each time, it gives the same one after a restart."""
    import optuna

    return optuna.samplers.TPESampler(seed=seed)


def open_study(path: Path) -> Any:
    """Opens the study in a file, or creates it."""
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    path.parent.mkdir(parents=True, exist_ok=True)
    storage = JournalStorage(JournalFileBackend(str(path)))
    return optuna.create_study(study_name="digits", storage=storage, direction="maximize", load_if_exists=True)


if __name__ == "__main__":
    nn.use_all_cores()
    run_command(Config, main)
