"""The story that digits and MNIST share: train a CNN on images, judge it on a part it never saw, and look inside."""

from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
import optax

import jaxnn as nn
from experiments.common import save


class Parts(NamedTuple):
    """Training data, the validation part that chooses the epoch, and the test part that nothing is chosen by."""

    train: tuple[Any, Any]
    validation: tuple[Any, Any]
    test: tuple[Any, Any]


class Outcome(NamedTuple):
    """A trained network, and what it says of the test part."""

    training: nn.Training
    outputs: np.ndarray
    accuracy: float


def make_recipe(model: nn.Model, learning_rate: float, batch_size: int) -> nn.Recipe:
    """Adam whose learning rate falls to 0 along a cosine over the whole run."""

    def optimizer(total_steps: int) -> optax.GradientTransformation:
        return optax.adam(optax.cosine_decay_schedule(learning_rate, total_steps))

    return nn.Recipe(model, nn.cross_entropy, optimizer, batch_size=batch_size)


def train_and_test(recipe: nn.Recipe, parts: Parts, *, key: Any, epochs: int, progress: bool) -> Outcome:
    """Train, keep the epoch with the best validation accuracy, and score the test part once."""
    training = nn.train(
        recipe, parts.train, key=key, epochs=epochs, validation=parts.validation, score=nn.accuracy, progress=progress
    )
    x, labels = parts.test
    outputs = in_chunks(recipe.model, training.params, x)
    return Outcome(training, outputs, float(nn.accuracy(outputs, labels)))


def in_chunks(model: nn.Model, params: Any, x: Any, size: int = 1000) -> np.ndarray:
    """Outputs for many images, a thousand at a time: all at once would need gigabytes for their windows."""
    return np.concatenate([nn.predict(model, params, x[start : start + size]) for start in range(0, len(x), size)])


def draw(name: str, outcome: Outcome, parts: Parts, classes: tuple[str, ...]) -> list[Path]:
    """All pictures of one experiment."""
    x, labels = parts.test
    return [
        draw_training(name, outcome, labels, classes),
        draw_filters(name, outcome.training.params["conv_1"], x[0]),
        draw_wrongest(name, outcome.outputs, x, labels, classes),
    ]


def draw_training(name: str, outcome: Outcome, labels: np.ndarray, classes: tuple[str, ...]) -> Path:
    """Learning curves beside the confusion matrix of the test part."""
    training = outcome.training
    drawing, [[curves, table]] = nn.plots.figure(1, 2, size=(6.0, 4.8))
    assert training.validation_losses is not None  # there is a validation part
    series = {"training": training.losses, "validation": training.validation_losses}
    nn.plots.learning_curves(curves, series, quantity="cross entropy (nats)", logarithmic=True)
    curves.axvline(training.best_epoch, color="grey", linestyle=":")
    curves.set_title(f"Learning curves (dotted: best epoch, {training.best_epoch})")
    nn.plots.confusion(table, np.asarray(nn.confusion_matrix(outcome.outputs, labels)), classes)
    table.set_title(f"Test part: {outcome.accuracy:.1%} of {len(labels)} right")
    return save(drawing, name, "training")


def draw_filters(name: str, conv: nn.Affine, picture: np.ndarray) -> Path:
    """Each filter of the first layer above its feature map, after relu, of one picture."""
    maps = np.asarray(nn.relu(nn.conv(conv, picture[None], padding="same")))[0]
    weights = np.asarray(conv.weight)[:, :, 0]
    count = weights.shape[-1]
    drawing, axes = nn.plots.figure(2, count + 1, size=(1.2, 1.4))
    nn.plots.image(axes[0, 0], picture[:, :, 0], title="picture")
    axes[1, 0].axis("off")
    for i in range(count):
        nn.plots.image(axes[0, i + 1], weights[:, :, i], title=f"filter {i + 1}", signed=True)
        nn.plots.image(axes[1, i + 1], maps[:, :, i], title=f"map {i + 1}")
    drawing.suptitle("Learned filters (red: positive, blue: negative) and what they see in one picture")
    return save(drawing, name, "filters")


def draw_wrongest(
    name: str, outputs: np.ndarray, x: np.ndarray, labels: np.ndarray, classes: tuple[str, ...], count: int = 16
) -> Path:
    """The test pictures whose own class got the least probability."""
    shares = np.asarray(nn.softmax(outputs))
    observed = shares[np.arange(len(labels)), labels]
    drawing, axes = nn.plots.figure(2, count // 2, size=(1.5, 1.9))
    for place, row in zip(axes.flat, np.argsort(observed)[:count], strict=True):
        taken = int(np.argmax(shares[row]))
        verdict = "right" if taken == labels[row] else f"taken for {classes[taken]} ({shares[row, taken]:.0%})"
        title = f"{classes[labels[row]]} ({observed[row]:.0%})\n{verdict}"
        nn.plots.image(place, x[row, :, :, 0], title=title)
    drawing.suptitle("The wrongest pictures of the test part: their class, and the probability the network gave it")
    return save(drawing, name, "wrongest")


def report(name: str, outcome: Outcome, recipe: nn.Recipe) -> None:
    """One line with the test accuracy, one with the size of the network."""
    params = sum(leaf.size for leaf in jax.tree.leaves(outcome.training.params))
    print(f"{name}: test accuracy {outcome.accuracy:.4f} on {len(outcome.outputs)} pictures the training never saw")
    print(
        f"{' ' * len(name)}  {params:,} parameters, best epoch {outcome.training.best_epoch}, batches of {recipe.batch_size}"
    )
