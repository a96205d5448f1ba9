"""shift, crop, flip and cutout: every image is one that NumPy makes, and each is drawn equally often."""

import collections
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxnn as nn

A = nn.augment
# No two of its pixels are equal, none is 0, and neither axis looks like the other.
IMAGE = np.arange(1, 4 * 5 * 2 + 1, dtype=np.float32).reshape(4, 5, 2)
COPIES = 4000
PAD = {"zero": "constant", "edge": "edge", "reflect": "reflect"}


def draw(augment, image=IMAGE, seed=0, copies=COPIES):
    """Returns augmentations of copies of one image."""
    augmented = jax.jit(augment)(jax.random.key(seed), np.repeat(image[None], copies, 0))
    assert augmented.dtype == image.dtype
    return np.asarray(augmented)


def count(images):
    return collections.Counter(image.tobytes() for image in images)


def assert_counts(counts, expected, copies=COPIES):
    """Asserts how often each image was drawn, within four standard deviations; `expected` has probabilities."""
    assert counts.keys() == expected.keys()
    for image, probability in expected.items():
        error = 4 * np.sqrt(copies * probability * (1 - probability))
        assert abs(counts[image] - copies * probability) <= error


@pytest.mark.parametrize("fill", PAD)
@pytest.mark.parametrize("dtype", [np.float32, np.uint8])
def test_shift_draws_every_translation_equally_often(fill, dtype):
    image = IMAGE.astype(dtype)
    padded = np.pad(image, ((2, 2), (2, 2), (0, 0)), mode=PAD[fill])
    shifted = [padded[i : i + 4, j : j + 5] for i, j in itertools.product(range(5), repeat=2)]
    assert_counts(count(draw(A.shift(2, fill=fill), image)), dict.fromkeys(count(shifted), 1 / 25))


def test_crop_is_shift_and_series_and_volumes_move_too():
    np.testing.assert_array_equal(draw(A.crop(1, fill="edge")), draw(A.shift(1, fill="edge")))
    series = IMAGE[:, 0]
    padded = np.pad(series, ((1, 1), (0, 0)))
    assert_counts(count(draw(A.shift(1), series)), dict.fromkeys(count(padded[i : i + 4] for i in range(3)), 1 / 3))
    volume = np.arange(1, 9, dtype=np.float32).reshape(2, 2, 2, 1)
    padded = np.pad(volume, ((1, 1), (1, 1), (1, 1), (0, 0)))
    moved = [padded[i : i + 2, j : j + 2, k : k + 2] for i, j, k in itertools.product(range(3), repeat=3)]
    assert_counts(count(draw(A.shift(1), volume)), dict.fromkeys(count(moved), 1 / 27))


@pytest.mark.parametrize("rate", [0, 1])
def test_flip_takes_a_whole_number_as_rate(rate):
    x = IMAGE[None]
    expected = x[:, :, ::-1] if rate else x
    np.testing.assert_array_equal(A.flip(rate)(jax.random.key(0), x), expected)
    np.testing.assert_array_equal(jax.jit(lambda rate: A.flip(rate)(jax.random.key(0), x))(rate), expected)


@pytest.mark.parametrize(("axis", "mirror"), [(-2, IMAGE[:, ::-1]), (1, IMAGE[::-1])])
def test_flip_mirrors_with_its_rate(axis, mirror):
    expected = {IMAGE.tobytes(): 0.7, mirror.tobytes(): 0.3}
    assert_counts(count(draw(A.flip(0.3, axis=axis))), expected)


@pytest.mark.parametrize("size", [1, 2, 3])
def test_cutout_draws_every_centre_equally_often(size):
    expected = collections.Counter()
    for i, j in itertools.product(range(4), range(5)):
        cut, top, left = IMAGE.copy(), i - size // 2, j - size // 2
        cut[max(top, 0) : top + size, max(left, 0) : left + size] = 0
        expected[cut.tobytes()] += 1 / 20
    assert_counts(count(draw(A.cutout(size))), expected)


MADE = {
    "shift": lambda strength: A.shift(strength.astype(int)),
    "reflect": lambda strength: A.crop(strength.astype(int), fill="reflect"),
    "flip": lambda strength: A.flip(strength / 4),
    "cutout": lambda strength: A.cutout(strength.astype(int)),
    "compose": lambda strength: A.compose(A.flip(strength / 4), A.shift(strength.astype(int))),
}


@pytest.mark.parametrize("name", MADE)
def test_traced_strengths_lanes_and_jit_draw_the_same(name):
    x = np.repeat(IMAGE[None], 6, 0)

    def augment(strength, key):
        return MADE[name](strength)(key, x)

    strengths = jnp.array([0, 1, 3])
    mapped = jax.jit(jax.vmap(augment))(strengths, jax.random.split(jax.random.key(0), 3))
    for lane, strength in enumerate(strengths):
        key = jax.random.split(jax.random.key(0), 3)[lane]
        np.testing.assert_array_equal(mapped[lane], augment(strength, key))
    np.testing.assert_array_equal(mapped[0], x)
    assert len(count(mapped[2])) > 1


def test_compose_applies_its_parts_in_order_with_keys_of_their_own():
    x = np.repeat(IMAGE[None], 9, 0)
    first, second = jax.random.split(jax.random.key(3))
    expected = A.shift(2)(second, A.flip()(first, x))
    np.testing.assert_array_equal(A.compose(A.flip(), A.shift(2))(jax.random.key(3), x), expected)
    nested = A.compose(A.compose(A.flip()), lambda key, x: -x)(jax.random.key(3), x)
    np.testing.assert_array_equal(jnp.abs(nested).sum(), x.sum())
