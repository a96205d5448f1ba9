"""The story that digits and MNIST share: train a CNN on images, judge it on a part it never saw, and look inside."""

from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
import optax

import jaxnn as nn
from experiments.common import kept_in, save


class Outcome(NamedTuple):
    """A training, its last parameters, and what they say of the test part."""

    training: nn.Training
    params: Any
    outputs: np.ndarray
    accuracy: float


def make_recipe(model: nn.Model, learning_rate: float, batch_size: int) -> nn.Recipe:
    """Adam whose learning rate falls to 0 along a cosine over the whole run."""

    def optimizer(total_steps: int) -> optax.GradientTransformation:
        return optax.adam(optax.cosine_decay_schedule(learning_rate, total_steps))

    return nn.Recipe(model, nn.cross_entropy, optimizer, batch_size=batch_size)


def train_and_test(
    recipe: nn.Recipe, split: nn.Split, *, key: Any, epochs: int, directory: Path | None, progress: bool
) -> Outcome:
    """Train to the last epoch and score the test part.

    The curves show the test part, but nothing is chosen by it: the parameters are the last ones, not the best.
    """
    training = nn.train(
        recipe, split.train, key=key, epochs=epochs, validation=split.test, score=nn.accuracy,
        directory=kept_in(directory), progress=progress,
    )  # fmt: skip
    x, labels = split.test
    params = training.state.params
    outputs = in_chunks(recipe.model, params, x)
    return Outcome(training, params, outputs, float(nn.accuracy(outputs, labels)))


def in_chunks(model: nn.Model, params: Any, x: Any, size: int = 1000) -> np.ndarray:
    """Outputs for many images, a thousand at a time: all at once would need gigabytes for their windows."""
    return np.concatenate([nn.predict(model, params, x[start : start + size]) for start in range(0, len(x), size)])


def draw(name: str, outcome: Outcome, split: nn.Split, classes: tuple[str, ...]) -> list[Path]:
    """All pictures of one experiment."""
    x, labels = split.test
    return [
        draw_training(name, outcome, labels, classes),
        draw_filters(name, outcome.params["conv_1"], x[0]),
        draw_wrongest(name, outcome.outputs, x, labels, classes),
    ]


def draw_training(name: str, outcome: Outcome, labels: np.ndarray, classes: tuple[str, ...]) -> Path:
    """Learning curves beside the confusion matrix of the test part."""
    training = outcome.training
    drawing, [[curves, table]] = nn.plots.figure(1, 2, size=(6.0, 4.8))
    assert training.validation_losses is not None  # there is a validation part
    series = {"training, with dropout": training.losses, "test": training.validation_losses}
    nn.plots.learning_curves(curves, series, quantity="cross entropy (nats)", logarithmic=True)
    curves.set_title("Learning curves")
    nn.plots.confusion(table, np.asarray(nn.confusion_matrix(outcome.outputs, labels)), classes)
    table.set_title(f"Test part: {outcome.accuracy:.1%} of {len(labels)} right")
    return save(drawing, name, "training")


def draw_filters(name: str, conv: nn.Affine, picture: np.ndarray, count: int = 10) -> Path:
    """The first filters of the first layer, each above its feature map (after relu) of one picture."""
    maps = np.asarray(nn.relu(nn.conv(conv, picture[None], padding="same")))[0]
    weights = np.asarray(conv.weight)[:, :, 0]
    count = min(count, weights.shape[-1])
    drawing, axes = nn.plots.figure(2, count + 1, size=(1.3, 1.5))
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
    """One line with the test accuracy, one with the size of the network and of the training."""
    params = sum(leaf.size for leaf in jax.tree.leaves(outcome.params))
    print(f"{name}: test accuracy {outcome.accuracy:.4f} on {len(outcome.outputs)} pictures the training never saw")
    size = f"{params:,} parameters, {outcome.training.epochs} epochs in batches of {recipe.batch_size}"
    print(f"{' ' * len(name)}  {size}")
