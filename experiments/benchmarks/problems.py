"""Problems: data, initial weights, learning rates and minibatch orders, the same for every tool.

Weights are made by NumPy in jaxnn's shapes, (height, width, inputs, outputs) and (inputs, outputs). The minibatch
orders are those that jaxnn draws from its keys: jaxnn draws them while it is timed, the others find them ready.
"""

import itertools
import math
from typing import Any, NamedTuple

import jax
import numpy as np

import jaxnn as nn
from experiments.benchmarks.harness import Work

LOWEST, HIGHEST = 1e-4, 1e-1  # learning rates

Layers = tuple[tuple[np.ndarray, np.ndarray], ...]


class Problem(NamedTuple):
    """Trainings that differ in their learning rates.

    Attributes:
        data: `(x, labels)` to train on; images are (count, height, width, channels).
        test: `(x, labels)` whose mean loss is compared in the end.
        layers: weight and bias of each layer. A weight with four axes is a 3×3 convolution, padded "same" and followed
            by relu and max-pooling of 2; the others are dense, with relu between them.
        epochs: passes over the data.
        rates: one for each training.
        rows: of the minibatches, shape (trials, steps, batch); None trains on all rows at once.
        seed: of the keys.
        alone: one training by `nn.fit` rather than the trials of a sweep, which have keys of their own.
    """

    data: tuple[np.ndarray, np.ndarray]
    test: tuple[np.ndarray, np.ndarray]
    layers: Layers
    epochs: int
    rates: np.ndarray
    rows: np.ndarray | None
    seed: int
    alone: bool

    @property
    def batch(self) -> int | None:
        """Rows in a minibatch."""
        return None if self.rows is None else self.rows.shape[2]

    @property
    def steps(self) -> int:
        """Updates of one training."""
        return self.epochs if self.rows is None else self.rows.shape[1]

    def only(self, trials: Any) -> "Problem":
        """Some of the trials, by number or slice."""
        return self._replace(rates=self.rates[trials], rows=None if self.rows is None else self.rows[trials])


def make(
    data: Any, test: Any, layers: Layers, *, batch: int | None, epochs: int, trials: int = 0, seed: int = 0
) -> Problem:
    """A sweep of so many trials, or with trials=0 one training alone, at a rate of 0.001."""
    count = max(trials, 1)
    rates = LOWEST * (HIGHEST / LOWEST) ** ((np.arange(count) + 0.5) / count) if trials else np.array([1e-3])
    rows = None if batch is None else _orders(keys(seed, trials), len(data[1]), batch, epochs)
    return Problem(data, test, layers, epochs, rates.astype(np.float32), rows, seed, not trials)


def keys(seed: int, trials: int) -> Any:
    """The key of each training, as `nn.sweep` makes them; a training alone has the key itself."""
    key = jax.random.key(seed)
    if not trials:
        return key[None]
    return jax.vmap(lambda trial: jax.random.fold_in(jax.random.fold_in(key, trial), 0))(np.arange(trials))


def _orders(each: Any, count: int, batch: int, epochs: int) -> np.ndarray:
    """The rows of all minibatches, as `nn.fit` draws them from a key."""
    if count % batch:
        raise ValueError(f"batch {batch} must divide the {count} examples: not every tool can leave rows out of a mean")

    def one(key: Any, epoch: Any) -> Any:
        _, run_key = jax.random.split(key)
        order_key, _ = jax.random.split(jax.random.fold_in(run_key, epoch))
        return nn.minibatches(order_key, count, batch)[0]

    every = jax.vmap(jax.vmap(one, in_axes=(None, 0)), in_axes=(0, None))
    return np.asarray(jax.jit(every)(each, np.arange(epochs))).reshape(len(each), -1, batch)


def iris(*, epochs: int, trials: int = 0) -> Problem:
    """A 4-16-3 network on 120 flowers, all at once; the other 30, every fifth, judge it."""
    flowers = nn.datasets.iris()
    x, labels = (flowers.x / flowers.x.max(axis=0)).astype(np.float32), flowers.targets
    judged = np.arange(len(x)) % 5 == 0
    layers = draw([4, 16, 3])
    return make(
        (x[~judged], labels[~judged]), (x[judged], labels[judged]), layers, batch=None, epochs=epochs, trials=trials
    )


def digits(*, epochs: int, trials: int = 0, count: int = 1408) -> Problem:
    """A CNN of 8 and 16 filters on digits of 8×8, in batches of 64; 1,408 of the 1,797 are 22 whole batches."""
    images = nn.datasets.digits()
    x, labels = images.data
    layers = draw([64, 10], channels=[1, 8, 16])
    return make((x[:count], labels[:count]), (x[1408:], labels[1408:]), layers, batch=64, epochs=epochs, trials=trials)


def random_images(*, steps: int, size: int = 28, channels: tuple[int, ...] = (32, 64), hidden: int = 128) -> Problem:
    """A CNN on noise in the shape of MNIST: for speed it does not matter what is on the pictures."""
    rng = np.random.default_rng(0)
    x = rng.random((64 * steps + 64, size, size, 1), np.float32)
    labels = rng.integers(0, 10, len(x)).astype(np.int32)
    nodes = (size // 2 ** len(channels)) ** 2 * channels[-1]
    layers = draw([nodes, hidden, 10], channels=[1, *channels])
    return make((x[64:], labels[64:]), (x[:64], labels[:64]), layers, batch=64, epochs=1)


def table(*, steps: int, sizes: tuple[int, ...] = (784, 256, 10), batch: int = 128) -> Problem:
    """An MLP on rows of noise."""
    rng = np.random.default_rng(0)
    x = rng.random((batch * (steps + 1), sizes[0]), np.float32)
    labels = rng.integers(0, sizes[-1], len(x)).astype(np.int32)
    return make((x[batch:], labels[batch:]), (x[:batch], labels[:batch]), draw(sizes), batch=batch, epochs=1)


def draw(sizes: Any, channels: Any = ()) -> Layers:
    """He-normal weights from one seed and biases of 0, for convolutions through `channels` and dense layers after."""
    rng = np.random.default_rng(1)
    shapes = [(3, 3, *pair) for pair in itertools.pairwise(channels)]
    shapes += list(itertools.pairwise(sizes))
    return tuple((_he(rng, shape), np.zeros(shape[-1], np.float32)) for shape in shapes)


def _he(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return (rng.standard_normal(shape) * math.sqrt(2 / math.prod(shape[:-1]))).astype(np.float32)


def channels_first(layers: Layers) -> list[tuple[np.ndarray, np.ndarray]]:
    """The same weights for tools with (outputs, inputs, height, width), (outputs, inputs) and maps (channels, y, x)."""
    found, maps = [], 0
    for weight, bias in layers:
        if weight.ndim == 4:
            maps = weight.shape[-1]
            found.append((np.ascontiguousarray(weight.transpose(3, 2, 0, 1)), bias))
            continue
        if maps:
            side = math.isqrt(weight.shape[0] // maps)
            weight = weight.reshape(side, side, maps, -1).transpose(2, 0, 1, 3).reshape(weight.shape)
            maps = 0
        found.append((np.ascontiguousarray(weight.T), bias))
    return found


def work(problem: Problem) -> Work:
    """Of all trainings: multiplications and additions of matrix products alone, and bytes of arrays.

    A layer's forward product costs 2 · inputs · outputs an example and place; each of its two gradients as much again,
    and the first layer needs none for its input. Bytes: every layer's outputs are written and read forward and
    backward, and of every parameter the gradient, two moments and itself are read and written.
    """
    shape, forward, first, nodes, parameters = problem.data[0].shape[1:], 0, 0, math.prod(problem.data[0].shape[1:]), 0
    for weight, bias in problem.layers:
        places = math.prod(shape[:2]) if weight.ndim == 4 else 1
        product = 2 * places * weight.size
        forward, first = forward + product, first or product
        nodes += places * len(bias)
        parameters += weight.size + len(bias)
        shape = (shape[0] // 2, shape[1] // 2) if weight.ndim == 4 else shape
    examples = problem.steps * (problem.batch or len(problem.data[1])) * len(problem.rates)
    updates = problem.steps * len(problem.rates)
    return Work(float(examples * (3 * forward - first)), 4.0 * (4 * nodes * examples + 8 * parameters * updates))
