"""What a user waits: searches of hyperparameters as whole processes, in jaxnn and in other tools.

All sides search the same ranges with the same epochs, batch sizes and numbers of validation rows. Each draws its own
settings and initial weights, and jaxnn its own folds, so that their best scores agree only roughly.
"""

import functools
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

import jaxnn as nn
from experiments.benchmarks import small_scripts
from experiments.benchmarks.children.searches import Search, make_job
from experiments.benchmarks.processes import Job, ProcessCase, Side

# By name: the title, the data, the search.
SEARCHES: dict[str, tuple[str, str, Search]] = {
    "iris_64": ("iris, 64 trials × 500 epochs", "iris", Search(64, 500, None)),
    "iris_1024": ("iris, 1,024 trials × 500 epochs", "iris", Search(1024, 500, None)),
    "iris_8192": ("iris, 8,192 trials × 500 epochs", "iris", Search(8192, 500, None)),
    "cnn_256": ("digits, 256 CNNs × 4 epochs", "images", Search(256, 4, 64, filters=(8, 16))),
    "shapes": (
        "digits, widths 4 to 128, depths 1 to 3, 100 trials × 5 folds × 20 epochs",
        "digits",
        Search(100, 20, 64, folds=5, widths=(4, 128), depths=(1, 3)),
    ),
    "widths": (
        "digits, 64-width-10, widths 4 to 128, 32 trials × 5 folds × 20 epochs",
        "digits",
        Search(32, 20, 64, folds=5, widths=(4, 128), decay=False),
    ),
}
# Optuna runs its trials in threads; a library that starts more threads in each of them would slow them down.
ONE_THREAD: dict[str, str] = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
CHILDREN = "experiments.benchmarks.children"


def cases(quick: bool, folder: Path) -> list[ProcessCase]:
    """Returns the searches and the small scripts; writes the data of the searches to a folder.

    A quick run has one search, of four short trials.
    """
    write_data(folder)
    searches = dict(SEARCHES)
    if quick:
        searches = {"iris_64": ("iris, 4 trials × 20 epochs", "iris", Search(4, 20, None))}
    made = [make_case(name, title, folder / f"{data}.npz", search) for name, (title, data, search) in searches.items()]
    return [*made, *small_scripts.cases(quick)]


def make_case(name: str, title: str, data: Path, search: Search) -> ProcessCase:
    """Returns a search in every tool; scikit-learn has no convolutions."""

    def make_side(name: str, needs: Sequence[str], script: str, *arguments: str, optuna: bool = False) -> Side:
        command = functools.partial(make_command, search, data, script, arguments)
        return Side(name, tuple(needs), command, script == "jaxnn_search", ONE_THREAD if optuna else {})

    sides = [
        make_side("jaxnn", (), "jaxnn_search"),
        make_side("plain vmap", (), "plain_jax_search"),
        make_side("Flax, jitted fit", ("flax",), "flax_search"),
        make_side("PyTorch", ("torch",), "torch_search"),
        make_side("scikit-learn", ("sklearn",), "sklearn_search"),
        make_side("Optuna + scikit-learn", ("optuna", "sklearn"), "optuna_search", "sklearn", optuna=True),
        make_side("Optuna + PyTorch", ("optuna", "torch"), "optuna_search", "torch", optuna=True),
    ]
    sides = [side for side in sides if not (search.filters and "sklearn" in side.needs)]
    return ProcessCase(name, title, sides, search.trials, calls=2)


def make_command(search: Search, data: Path, script: str, arguments: Sequence[str], job: Job) -> list[str]:
    """Returns the command line of a search with the trials and calls of a job."""
    argument = make_job(search._replace(trials=job.trials), str(data), job.calls, job.cache)
    return [sys.executable, "-m", f"{CHILDREN}.{script}", argument, *arguments]


def write_data(folder: Path) -> None:
    """Writes inputs, labels and held-out rows; every script reads these files, so that none imports more for them."""
    flowers, digits = nn.datasets.iris(), nn.datasets.digits()
    x = (flowers.x / flowers.x.max(axis=0)).astype(np.float32)
    np.savez(folder / "iris.npz", x=x, labels=flowers.targets, held_out=np.arange(len(x)) % 5 == 0)
    held_out = np.arange(len(digits.x)) >= 1408  # 1,408 digits are 22 whole minibatches
    images = digits.x.astype(np.float32)
    np.savez(folder / "images.npz", x=images, labels=digits.targets, held_out=held_out)
    rows = images.reshape(len(images), -1)
    np.savez(folder / "digits.npz", x=rows, labels=digits.targets, held_out=held_out)
