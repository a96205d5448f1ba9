"""Iris: classify three species of flowers by four lengths, evaluated by cross-validation.

`python -m experiments.iris` trains one 4-16-3 network for each fold, all in parallel in one compiled program.
"""

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import jax
import numpy as np
import optax

import jaxnn as nn
from experiments.common import print_pictures, run_command, save

SCALINGS = {"standard": nn.standard_scaling, "min_max": nn.min_max_scaling}


@dataclass(frozen=True)
class Config:
    """Cross-validate a small network on Fisher's 150 irises."""

    epochs: int = 300
    """Full-batch steps of each network."""
    learning_rate: float = 0.03
    """Learning rate of AdamW."""
    weight_decay: float = 0.1
    """Weight decay of AdamW; without it the network overfits."""
    hidden: tuple[int, ...] = (16,)
    """Nodes of each hidden layer."""
    folds: int = 5
    """Number of folds of the cross-validation."""
    scaling: Literal["standard", "min_max"] = "min_max"
    """Scaling of the features, fitted on each fold's training part only."""
    seed: int = 0
    """Seed of the folds and the initial weights."""


class Result(NamedTuple):
    """Accuracies of shape (folds,), the confusion matrix of all folds, curves of shape (folds, epochs), and paths."""

    accuracies: np.ndarray
    confusion: np.ndarray
    losses: np.ndarray
    validation_losses: np.ndarray
    pictures: list[Path]


class FoldReport(NamedTuple):
    """The results of one fold; accuracy and confusion matrix are those of its validation flowers."""

    accuracy: Any
    confusion: Any
    losses: Any
    validation_losses: Any


def main(config: Config) -> Result:
    """Cross-validates the network, prints its accuracy, and draws the pictures."""
    flowers = nn.datasets.iris()
    recipe = nn.Recipe(nn.mlp([4, *config.hidden, 3]), nn.cross_entropy, make_optimizer(config))

    # One program for all folds, mapped over their row numbers.
    fold_key, train_key, petal_key = jax.random.split(jax.random.key(config.seed), 3)
    folds = nn.k_folds(fold_key, len(flowers.x), config.folds, stratify=flowers.targets)
    one_fold = functools.partial(cross_validate, recipe, flowers.data, SCALINGS[config.scaling], config.epochs)
    report = jax.jit(jax.vmap(one_fold))(folds, jax.random.split(train_key, config.folds))
    report = jax.tree.map(np.asarray, report)

    # The numbers.
    accuracies, confusion = report.accuracy, report.confusion.sum(axis=0)
    each = " ".join(f"{accuracy:.3f}" for accuracy in accuracies)
    print(f"iris: mean {config.folds}-fold accuracy {accuracies.mean():.3f} (folds: {each})")
    print(f"      {int(confusion.sum() - np.trace(confusion))} of {confusion.sum()} flowers misclassified")

    # The pictures.
    pictures = [draw_cross_validation(report, confusion, flowers.classes), draw_petals(config, flowers, petal_key)]
    print_pictures(pictures)
    return Result(accuracies, confusion, report.losses, report.validation_losses, pictures)


def make_optimizer(config: Config) -> optax.GradientTransformation:
    """Returns AdamW as configured."""
    return optax.adamw(config.learning_rate, weight_decay=config.weight_decay)


def cross_validate(recipe: nn.Recipe, data: Any, scaling: Any, epochs: int, fold: nn.Folds, key: Any) -> FoldReport:
    """Trains on one fold's training rows and evaluates its validation rows after every epoch."""
    x, labels = map(jax.numpy.asarray, data)
    train_scaling = scaling(x[fold.train])
    train = nn.scale(train_scaling, x[fold.train]), labels[fold.train]
    validation = nn.scale(train_scaling, x[fold.validation]), labels[fold.validation]

    def epoch(state: nn.TrainingState, _: None) -> tuple[nn.TrainingState, tuple[Any, Any]]:
        state, info = nn.advance(recipe, train, state, epochs=1)
        losses = recipe.loss(nn.predict(recipe.model, state.params, validation[0]), validation[1])
        return state, (info.losses[0], losses.mean(where=fold.mask))

    state, (losses, validation_losses) = jax.lax.scan(epoch, nn.init_training(recipe, key), length=epochs)
    outputs = nn.predict(recipe.model, state.params, validation[0])
    accuracy = nn.accuracy(outputs, validation[1], where=fold.mask)
    confusion = nn.confusion_matrix(outputs, validation[1], where=fold.mask)
    return FoldReport(accuracy, confusion, losses, validation_losses)


def draw_cross_validation(report: FoldReport, confusion: np.ndarray, classes: tuple[str, ...]) -> Path:
    """Draws the learning curves of all folds beside the confusion matrix of all validation parts."""
    drawing, [[curves, table]] = nn.plots.figure(1, 2)
    series = {"training": report.losses, "validation": report.validation_losses}
    nn.plots.learning_curves(curves, series, quantity="cross entropy (nats)", logarithmic=True)
    curves.set_title(f"Learning curves: median and range of {len(report.losses)} folds")
    nn.plots.confusion(table, confusion, classes)
    table.set_title(f"All validation parts: {np.trace(confusion)} of {confusion.sum()} right")
    return save(drawing, "iris", "cross_validation")


def draw_petals(config: Config, flowers: nn.datasets.Dataset, key: Any) -> Path:
    """Draws the decision regions of a network whose two inputs, the petal sizes, are the axes of the picture."""
    petals = flowers.x[:, 2:]
    scaling = SCALINGS[config.scaling](petals)
    recipe = nn.Recipe(nn.mlp([2, *config.hidden, 3]), nn.cross_entropy, make_optimizer(config))
    data = nn.scale(scaling, petals), flowers.targets
    fitted = jax.jit(lambda key: nn.fit(recipe, data, key=key, epochs=config.epochs))(key)

    def classify(points: np.ndarray) -> Any:
        return nn.argmax(nn.predict(recipe.model, fitted.params, nn.scale(scaling, points)))

    drawing, [[axes]] = nn.plots.figure(size=(7.0, 5.0))
    features, classes = flowers.features[2:], flowers.classes
    nn.plots.decision_regions(axes, classify, petals, flowers.targets, features=features, classes=classes)
    axes.set_title("Predictions from the petals alone (black edge: wrong)")
    return save(drawing, "iris", "decision_regions")


if __name__ == "__main__":
    run_command(Config, main)
