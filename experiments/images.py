"""What digits and MNIST share: train a CNN on images, test it on unseen ones, and draw what it learned."""

from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
import optax

import jaxnn as nn
from experiments.common import make_parent, save


class Evaluation(NamedTuple):
    """A training, its last parameters, and their outputs and accuracy on the test part."""

    training: nn.TrainResult
    params: Any
    outputs: np.ndarray
    accuracy: float


def make_recipe(model: nn.Model, learning_rate: float, batch_size: int) -> nn.Recipe:
    """Returns the recipe: Adam, whose learning rate decays to 0 along a cosine over the whole run."""

    def optimizer(total_steps: int) -> optax.GradientTransformation:
        return optax.adam(optax.cosine_decay_schedule(learning_rate, total_steps))

    return nn.Recipe(model, nn.cross_entropy, optimizer, batch_size=batch_size)


def train_and_test(
    recipe: nn.Recipe, split: nn.Split, *, key: Any, epochs: int, directory: Path | None, progress: bool
) -> Evaluation:
    """Trains to the last epoch and tests the last parameters, or their mean with `Recipe.ema`.

    The curves include the test part, but it selects nothing: the parameters are the last ones, not the best.
    """
    training = nn.train(
        recipe, split.train, key=key, epochs=epochs, validation=split.test, score=nn.accuracy,
        directory=make_parent(directory), progress=progress,
    )  # fmt: skip
    x, labels = split.test
    params = nn.judged_params(training.state)
    outputs = predict_in_chunks(recipe.model, params, x)
    return Evaluation(training, params, outputs, float(nn.accuracy(outputs, labels)))


def predict_in_chunks(model: nn.Model, params: Any, x: Any, size: int = 1000) -> np.ndarray:
    """Returns the outputs for many images, computed `size` at a time: the windows of all at once need gigabytes."""
    return np.concatenate([nn.predict(model, params, x[start : start + size]) for start in range(0, len(x), size)])


def draw(name: str, evaluation: Evaluation, split: nn.Split, classes: tuple[str, ...]) -> list[Path]:
    """Draws all pictures of one experiment and returns their paths."""
    x, labels = split.test
    return [
        draw_training(name, evaluation, labels, classes),
        draw_filters(name, evaluation.params["conv_1"], x[0]),
        draw_wrongest(name, evaluation.outputs, x, labels, classes),
    ]


def draw_training(
    name: str, evaluation: Evaluation, labels: np.ndarray, classes: tuple[str, ...], drawn: str = "with dropout"
) -> Path:
    """Draws the learning curves beside the confusion matrix of the test part; `drawn` says what changes in training."""
    training = evaluation.training
    drawing, [[curves, table]] = nn.plots.figure(1, 2, size=(6.0, 4.8))
    assert training.validation_losses is not None  # there is a validation part
    series = {f"training, {drawn}": training.losses, "test": training.validation_losses}
    nn.plots.learning_curves(curves, series, quantity="cross entropy (nats)", logarithmic=True)
    curves.set_title("Learning curves")
    nn.plots.confusion(table, np.asarray(nn.confusion_matrix(evaluation.outputs, labels)), classes)
    table.set_title(f"Test part: {evaluation.accuracy:.1%} of {len(labels)} right")
    return save(drawing, name, "training")


def draw_filters(name: str, conv: nn.Affine, image: np.ndarray, count: int = 10) -> Path:
    """Draws the first filters of the first layer, each above its feature map (after relu) of one image."""
    maps = np.asarray(nn.relu(nn.conv(conv, image[None], padding="same")))[0]
    weights = np.asarray(conv.weight)[:, :, 0]
    count = min(count, weights.shape[-1])
    drawing, axes = nn.plots.figure(2, count + 1, size=(1.3, 1.5))
    nn.plots.image(axes[0, 0], image[:, :, 0], title="image")
    axes[1, 0].axis("off")
    for i in range(count):
        nn.plots.image(axes[0, i + 1], weights[:, :, i], title=f"filter {i + 1}", signed=True)
        nn.plots.image(axes[1, i + 1], maps[:, :, i], title=f"map {i + 1}")
    drawing.suptitle("Learned filters (red: positive, blue: negative) and their feature maps of one image")
    return save(drawing, name, "filters")


def draw_wrongest(
    name: str, outputs: np.ndarray, x: np.ndarray, labels: np.ndarray, classes: tuple[str, ...], count: int = 16
) -> Path:
    """Draws the test images whose observed class has the lowest predicted probability."""
    probabilities = np.asarray(nn.softmax(outputs))
    observed = probabilities[np.arange(len(labels)), labels]
    drawing, axes = nn.plots.figure(2, count // 2, size=(1.5, 1.9))
    for panel, row in zip(axes.flat, np.argsort(observed)[:count], strict=True):
        best = int(np.argmax(probabilities[row]))
        prediction = f"predicted {classes[best]} ({probabilities[row, best]:.0%})"
        title = f"{classes[labels[row]]} ({observed[row]:.0%})\n{'right' if best == labels[row] else prediction}"
        nn.plots.image(panel, x[row, :, :, 0] if x.shape[-1] == 1 else x[row], title=title)
    drawing.suptitle("The test images with the lowest probability of their observed class, given in brackets")
    return save(drawing, name, "wrongest")


def print_report(name: str, evaluation: Evaluation, recipe: nn.Recipe) -> None:
    """Prints a line with the test accuracy and one with the size of the network and of the training."""
    params = sum(leaf.size for leaf in jax.tree.leaves(evaluation.params))
    print(f"{name}: test accuracy {evaluation.accuracy:.4f} on {len(evaluation.outputs)} unseen images")
    size = f"{params:,} parameters, {evaluation.training.epochs} epochs in batches of {recipe.batch_size}"
    print(f"{' ' * len(name)}  {size}")
