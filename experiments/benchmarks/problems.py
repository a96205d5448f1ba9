"""Problems: data, initial weights, learning rates and minibatch orders, the same for every tool.

NumPy draws the weights in jaxnn's shapes, (height, width, inputs, outputs) and (inputs, outputs). The minibatch orders
are those that jaxnn draws from its keys. jaxnn draws them while it is timed; the other tools get them precomputed.
"""

import itertools
import math
from typing import Any, NamedTuple

import jax
import numpy as np

import jaxnn as nn
from experiments.benchmarks.harness import Cost

LOWEST = 1e-4  # learning rate of the first trial of a sweep
HIGHEST = 1e-1  # learning rate of the last trial of a sweep

Layers = tuple[tuple[np.ndarray, np.ndarray], ...]


class Problem(NamedTuple):
    """Trainings of one network that differ in their learning rates.

    Attributes:
        data: `(x, labels)` to train on; images are (count, height, width, channels).
        test: `(x, labels)` of which the mean loss is compared after training.
        layers: weight and bias of each layer. A weight with four axes is a 3×3 convolution, padded "same" and followed
            by relu and max-pooling of 2; the others are dense, with relu between them.
        epochs: passes over the data.
        rates: learning rate of each training, shape (trials,).
        rows: row numbers of the minibatches, shape (trials, steps, batch); None trains on all rows at once.
        seed: of the keys.
        single: whether this is one training by `nn.fit`, rather than a sweep, where each trial has its own key.
    """

    data: tuple[np.ndarray, np.ndarray]
    test: tuple[np.ndarray, np.ndarray]
    layers: Layers
    epochs: int
    rates: np.ndarray
    rows: np.ndarray | None
    seed: int
    single: bool

    @property
    def batch(self) -> int | None:
        """Number of rows in a minibatch."""
        return None if self.rows is None else self.rows.shape[2]

    @property
    def steps(self) -> int:
        """Number of updates of one training."""
        return self.epochs if self.rows is None else self.rows.shape[1]

    def select(self, trials: Any) -> "Problem":
        """Returns the problem with some of the trials, by number or slice."""
        return self._replace(rates=self.rates[trials], rows=None if self.rows is None else self.rows[trials])


def make_problem(
    data: Any, test: Any, layers: Layers, *, batch: int | None, epochs: int, trials: int = 0, seed: int = 0
) -> Problem:
    """Makes a sweep of `trials` trials, or, with trials=0, a single training with a learning rate of 0.001."""
    count = max(trials, 1)
    rates = LOWEST * (HIGHEST / LOWEST) ** ((np.arange(count) + 0.5) / count) if trials else np.array([1e-3])
    rows = None if batch is None else _draw_rows(make_keys(seed, trials), len(data[1]), batch, epochs)
    return Problem(data, test, layers, epochs, rates.astype(np.float32), rows, seed, not trials)


def make_keys(seed: int, trials: int) -> Any:
    """Returns the key of each trial, derived as in `nn.sweep`, or, with trials=0, the key of a single training."""
    key = jax.random.key(seed)
    if not trials:
        return key[None]
    return jax.vmap(lambda trial: jax.random.fold_in(jax.random.fold_in(key, trial), 0))(np.arange(trials))


def _draw_rows(keys: Any, count: int, batch: int, epochs: int) -> np.ndarray:
    """Draws the row numbers of all minibatches from the keys, as `nn.fit` does."""
    if count % batch:
        raise ValueError(f"batch {batch} must divide the {count} examples: not every tool can leave rows out of a mean")

    def draw_epoch(key: Any, epoch: Any) -> Any:
        _, run_key = jax.random.split(key)
        order_key, _ = jax.random.split(jax.random.fold_in(run_key, epoch))
        return nn.minibatches(order_key, count, batch)[0]

    draw_all = jax.vmap(jax.vmap(draw_epoch, in_axes=(None, 0)), in_axes=(0, None))
    return np.asarray(jax.jit(draw_all)(keys, np.arange(epochs))).reshape(len(keys), -1, batch)


def iris(*, epochs: int, trials: int = 0) -> Problem:
    """Returns a 4-16-3 network on 120 flowers, full batch; every fifth flower, 30 in all, is held out for the test."""
    flowers = nn.datasets.iris()
    x, labels = (flowers.x / flowers.x.max(axis=0)).astype(np.float32), flowers.targets
    held_out = np.arange(len(x)) % 5 == 0
    train, test = (x[~held_out], labels[~held_out]), (x[held_out], labels[held_out])
    return make_problem(train, test, draw_layers([4, 16, 3]), batch=None, epochs=epochs, trials=trials)


def digits(*, epochs: int, trials: int = 0, count: int = 1408) -> Problem:
    """Returns a CNN of 8 and 16 filters on 8×8 digits, batch size 64; 1,408 of the 1,797 are 22 whole batches."""
    x, labels = nn.datasets.digits().data
    train, test = (x[:count], labels[:count]), (x[1408:], labels[1408:])
    layers = draw_layers([64, 10], channels=[1, 8, 16])
    return make_problem(train, test, layers, batch=64, epochs=epochs, trials=trials)


def random_images(
    *, steps: int, size: int = 28, channels: tuple[int, ...] = (32, 64), hidden: int = 128, epochs: int = 1
) -> Problem:
    """Returns a CNN on noise in the shape of MNIST, since the content of the images does not change the speed.

    `steps` are those of an epoch.
    """
    rng = np.random.default_rng(0)
    x = rng.random((64 * steps + 64, size, size, 1), np.float32)
    labels = rng.integers(0, 10, len(x)).astype(np.int32)
    nodes = (size // 2 ** len(channels)) ** 2 * channels[-1]
    layers = draw_layers([nodes, hidden, 10], channels=[1, *channels])
    return make_problem((x[64:], labels[64:]), (x[:64], labels[:64]), layers, batch=64, epochs=epochs)


def random_table(*, steps: int, sizes: tuple[int, ...] = (784, 256, 10), batch: int = 128) -> Problem:
    """Returns an MLP on rows of noise."""
    rng = np.random.default_rng(0)
    x = rng.random((batch * (steps + 1), sizes[0]), np.float32)
    labels = rng.integers(0, sizes[-1], len(x)).astype(np.int32)
    train, test = (x[batch:], labels[batch:]), (x[:batch], labels[:batch])
    return make_problem(train, test, draw_layers(sizes), batch=batch, epochs=1)


def draw_layers(sizes: Any, channels: Any = ()) -> Layers:
    """Draws He-normal weights from a fixed seed, with biases of 0: convolutions of `channels`, then dense layers."""
    rng = np.random.default_rng(1)
    shapes = [(3, 3, *pair) for pair in itertools.pairwise(channels)]
    shapes += list(itertools.pairwise(sizes))
    return tuple((_draw_he_normal(rng, shape), np.zeros(shape[-1], np.float32)) for shape in shapes)


def _draw_he_normal(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return (rng.standard_normal(shape) * math.sqrt(2 / math.prod(shape[:-1]))).astype(np.float32)


def to_channels_first(layers: Layers) -> list[tuple[np.ndarray, np.ndarray]]:
    """Transposes weights to (outputs, inputs, height, width) and (outputs, inputs), for inputs of (channels, y, x)."""
    transposed, channels = [], 0
    for weight, bias in layers:
        if weight.ndim == 4:
            channels = weight.shape[-1]
            transposed.append((np.ascontiguousarray(weight.transpose(3, 2, 0, 1)), bias))
            continue
        if channels:  # the first dense layer takes the flattened maps in another order
            side = math.isqrt(weight.shape[0] // channels)
            weight = weight.reshape(side, side, channels, -1).transpose(2, 0, 1, 3).reshape(weight.shape)
            channels = 0
        transposed.append((np.ascontiguousarray(weight.T), bias))
    return transposed


def compute_cost(problem: Problem) -> Cost:
    """Counts the operations of matrix products and the bytes of arrays of all trainings.

    Operations: a layer's forward product takes 2 · inputs · outputs per example and position. Each of its two gradients
    takes the same number, but the first layer needs no gradient of its input. Bytes: every layer's outputs are written
    and read in the forward and the backward pass. Every parameter, its gradient and its two moments are read and
    written.
    """
    shape, forward, first, nodes, parameters = problem.data[0].shape[1:], 0, 0, math.prod(problem.data[0].shape[1:]), 0
    for weight, bias in problem.layers:
        positions = math.prod(shape[:2]) if weight.ndim == 4 else 1
        product = 2 * positions * weight.size
        forward, first = forward + product, first or product
        nodes += positions * len(bias)
        parameters += weight.size + len(bias)
        shape = (shape[0] // 2, shape[1] // 2) if weight.ndim == 4 else shape
    examples = problem.steps * (problem.batch or len(problem.data[1])) * len(problem.rates)
    updates = problem.steps * len(problem.rates)
    return Cost(float(examples * (3 * forward - first)), 4.0 * (4 * nodes * examples + 8 * parameters * updates))
