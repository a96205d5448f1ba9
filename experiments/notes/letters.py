"""The example of part 10: images of the letters O and X, and a small convolutional network that classifies them."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

import jaxnn as nn

LETTERS = jnp.asarray(nn.datasets.tic_tac_toe().x)
LETTER_O, LETTER_X = LETTERS
NETWORK = nn.cnn((6, 6, 1), (1,), 2, hidden=(1,), window=3, pool=2, padding="valid")
PARAMS = {
    "conv_1": nn.Affine(jnp.eye(3)[::-1].reshape(3, 3, 1, 1), jnp.array([-2.0])),
    "hidden_1": nn.Affine(jnp.array([[-0.8], [-0.07], [0.2], [0.17]]), jnp.array([0.97])),
    "output": nn.Affine(jnp.array([[-1.33, 1.33]]), jnp.array([1.45, -0.45])),
}
SHIFTS = np.arange(-2, 3)


def shift(image: jax.Array, down: Any, right: Any) -> jax.Array:
    """Shifts the image by up to two pixels each way; the pixels that enter are white (0)."""
    padded = jnp.pad(image, ((2, 2), (2, 2), (0, 0)))
    return jax.lax.dynamic_slice(padded, (2 - down, 2 - right, 0), image.shape)


@jax.jit
def compute_stages(image: jax.Array) -> dict[str, jax.Array]:
    """Returns the values of every layer of the network for one image, by name."""
    feature_map = nn.conv(PARAMS["conv_1"], image[None])
    activated = nn.relu(feature_map)
    pooled = nn.max_pool(activated, 2)
    hidden = nn.dense(PARAMS["hidden_1"], nn.flatten(pooled))
    averaged = nn.avg_pool(activated, 2)
    maps = {"feature map": feature_map, "after ReLU": activated, "max pooled": pooled, "mean pooled": averaged}
    numbers = {"hidden": hidden[0, 0], "outputs": NETWORK.apply(PARAMS, image[None])[0]}
    return {name: cells[0, :, :, 0] for name, cells in maps.items()} | numbers


def compute_dot_products(image: jax.Array) -> jax.Array:
    """Returns the dot products of the filter with the pixels of each window: the feature map without its bias."""
    return nn.conv(PARAMS["conv_1"]._replace(bias=jnp.zeros(1)), image[None])[0, :, :, 0]


def count_dense_weights(height: int, width: int) -> int:
    """Returns the number of weights of a hidden node that is connected to every pixel."""
    return jax.eval_shape(nn.mlp([height * width, 1]).init, jax.random.key(0))["output"].weight.size


def count_windows(row: int, column: int) -> jax.Array:
    """Counts, for each pixel, the windows that contain it, among the four that are pooled into one number.

    The count is the gradient of the sum of all windows with a filter of ones.
    """
    ones = nn.Affine(jnp.ones((3, 3, 1, 1)), jnp.zeros(1))
    gradient = jax.grad(lambda image: 4 * nn.avg_pool(nn.conv(ones, image[None]), 2)[0, row, column, 0])
    return gradient(LETTER_O)[:, :, 0]


@jax.jit
def compute_margins(params: Any) -> jax.Array:
    """Returns the right output minus the other one, for each letter and shift down and right: shape (2, 5, 5)."""
    rows, columns = map(jnp.ravel, jnp.meshgrid(SHIFTS, SHIFTS, indexing="ij"))
    images = jax.vmap(lambda letter: jax.vmap(shift, (None, 0, 0))(letter, rows, columns))(LETTERS)
    outputs = jax.vmap(NETWORK.apply, (None, 0))(params, images)
    difference = outputs[..., 0] - outputs[..., 1]
    return jnp.stack([difference[0], -difference[1]]).reshape(2, len(SHIFTS), len(SHIFTS))


@functools.partial(jax.jit, static_argnames="count")
def draw_letters(key: jax.Array, count: int, noise: float) -> tuple[jax.Array, jax.Array]:
    """Draws random letters, shifted by up to one pixel each way, with noise: images (count, 6, 6, 1) and labels."""
    letter_key, shift_key, noise_key = jax.random.split(key, 3)
    labels = jax.random.randint(letter_key, (count,), 0, 2)
    down, right = jax.random.randint(shift_key, (2 * count,), -1, 2).reshape(2, count)
    images = jax.vmap(shift)(LETTERS[labels], down, right)
    return images + noise * jax.random.normal(noise_key, (images.size,)).reshape(images.shape), labels


def train(seeds: int, epochs: int, noise: float) -> tuple[Any, Any, jax.Array]:
    """Trains the network from many random starts: parameters before and after, and accuracies on other letters."""
    train_key, test_key, init_key, fit_key = jax.random.split(jax.random.key(0), 4)
    letters, (images, labels) = draw_letters(train_key, 256, noise), draw_letters(test_key, 256, noise)
    recipe = nn.Recipe(NETWORK, nn.cross_entropy, optax.adam(0.03))

    def train_one(before: Any, key: jax.Array) -> tuple[Any, jax.Array]:
        after = nn.fit(recipe, letters, key=key, epochs=epochs, params=before).params
        return after, nn.accuracy(NETWORK.apply(after, images), labels)

    before = jax.jit(jax.vmap(NETWORK.init))(jax.random.split(init_key, seeds))
    return before, *jax.jit(jax.vmap(train_one))(before, jax.random.split(fit_key, seeds))
