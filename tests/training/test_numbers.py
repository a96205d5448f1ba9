"""Numbers that do not fit JAX's types are refused or named; narrow inputs train as the same floats do."""

import warnings

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxnn as nn
from helpers.errors import error_message

LINE = nn.mlp([1, 1])
PARAMS = {"output": nn.Affine(jnp.ones((1, 1)), jnp.zeros(1))}
RECIPE = nn.Recipe(LINE, nn.squared_error, optax.sgd(0.1))
X = np.linspace(0, 1, 8, dtype="f")[:, None]


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.array([[1], [3_000_000_000]]), "x must fit int32, but row 1, column 0 holds 3000000000; convert it"),
        (np.array([[2**40]], np.uint64), "x must fit uint32, but row 0, column 0 holds 1099511627776; convert it"),
        (np.array([[1e39], [0.0]]), "x must fit float32, but row 0, column 0 holds 1e+39; divide it"),
        (np.array([[0.0], [-1e300]], ">f8"), "x must fit float32, but row 1, column 0 holds -1e+300; divide it"),
    ],
    ids=["int64", "uint64", "float64", "big-endian"],
)
def test_numbers_beyond_the_type_of_the_computation_are_refused_by_row(x: np.ndarray, message: str) -> None:
    assert error_message(ValueError, lambda: nn.predict(LINE, PARAMS, x)).startswith(f"predict: {message}")
    data = x, np.zeros((len(x), 1), "f")
    assert error_message(ValueError, lambda: nn.fit(RECIPE, data, key=jax.random.key(0), epochs=1)).startswith(
        f"fit: {message}"
    )
    targets = message.replace("x must", "targets must")
    swapped = error_message(
        ValueError, lambda: nn.train(RECIPE, data[::-1], key=jax.random.key(0), epochs=1, progress=False)
    )
    assert swapped.startswith(f"train: {targets}")


def test_a_layer_alone_converts_on_the_host() -> None:
    assert nn.dense(PARAMS["output"], np.array([[3_000_000_000]])) == 3e9
    assert nn.relu(np.array([2**31])) == 2.0**31
    assert nn.argmax(np.array([[2**31, 5]])) == 0
    assert nn.argmax(np.array([[2**24, 2**24 + 1]])) == 1


def test_numbers_that_differ_by_little_more_than_their_rounding_are_named() -> None:
    seconds = 1.7e9 + np.arange(3600.0)[:, None]
    with pytest.warns(UserWarning, match=r"float32 rounds column 1 of x by up to 64, while it varies by 3.6e\+03"):
        nn.predict(
            nn.mlp([2, 1]),
            nn.mlp([2, 1]).init(jax.random.key(0)),
            np.concatenate([seconds / 1.7e9 - 1, seconds], axis=1),
        )
    with pytest.warns(UserWarning, match="float32 rounds column 0 of targets"):
        nn.evaluate(RECIPE, PARAMS, (X[:4], np.array([[2**28], [2**28 + 1], [2**28 + 2], [2**28 + 3]])))
    # Whole numbers that float32 holds, and columns that it rounds as all others, pass.
    for x in (1e6 + np.arange(3.0)[:, None], np.full((3, 1), 0.1), np.array([[0.1], [0.2]])):
        nn.predict(LINE, PARAMS, x)


def test_arrays_in_another_byte_order_are_converted() -> None:
    big = X.astype(">f4"), np.sin(X).astype(">f8")
    expected = nn.fit(RECIPE, (X, np.sin(X)), key=jax.random.key(0), epochs=3)
    np.testing.assert_array_equal(nn.fit(RECIPE, big, key=jax.random.key(0), epochs=3).losses, expected.losses)
    np.testing.assert_array_equal(nn.predict(LINE, PARAMS, big[0]), nn.predict(LINE, PARAMS, X))
    labels = np.array([0, 1, 1])
    logits = np.arange(6.0).reshape(3, 2)
    assert nn.accuracy(logits.astype(">f8"), labels.astype(">i4")) == nn.accuracy(logits, labels)
    np.testing.assert_array_equal(nn.cross_entropy(logits, labels.astype(">i8")), nn.cross_entropy(logits, labels))


@pytest.mark.parametrize("dtype", ["u1", "?", "i8", np.float16])
def test_planes_of_any_type_train_a_cnn_as_floats_do(dtype: str) -> None:
    """Pairs of places subtract cells: in uint8, 0 - 1 is 255."""
    rng = np.random.default_rng(0)
    planes, labels = rng.integers(0, 2, (12, 19, 19, 17)), rng.integers(0, 2, 12)
    params = nn.init_conv(jax.random.key(0), 17, 32, 3)
    expected = nn.conv(params, planes.astype("f"), padding="same")
    np.testing.assert_allclose(nn.conv(params, planes.astype(dtype), padding="same"), expected, atol=1e-5)
    recipe = nn.Recipe(nn.cnn((19, 19, 17), (32,), 2), nn.cross_entropy, optax.sgd(0.1), batch_size=6)
    train = jax.jit(lambda x: nn.fit(recipe, (x, labels), key=jax.random.key(0), epochs=2).losses)
    np.testing.assert_allclose(train(planes.astype(dtype)), train(planes.astype("f")), rtol=1e-5)


def test_images_stay_bytes_until_a_minibatch_is_taken() -> None:
    """Floats of the whole data set would take four times its memory."""
    images, labels = np.zeros((96, 8, 8, 1), "u1"), np.zeros(96, int)
    recipe = nn.Recipe(nn.cnn((8, 8, 1), (4,), 3), nn.cross_entropy, optax.sgd(0.1), batch_size=32)
    program = str(jax.make_jaxpr(lambda x: nn.fit(recipe, (x, labels), key=jax.random.key(0), epochs=1).losses)(images))
    assert "u8[96,8,8,1]" in program
    assert "f32[32,8,8,1]" in program or "f32[1,8,8,32]" in program
    assert "f32[96,8,8,1]" not in program
    assert "f32[1,8,8,96]" not in program


def test_pooling_and_losses_of_bytes_do_not_wrap() -> None:
    white = np.full((1, 2, 2, 1), 200, "u1")
    assert nn.avg_pool(white, 2) == 200
    assert nn.avg_pool(np.full((1, 2, 2, 1), 60000, "f2"), 2) == np.float16(60000)
    assert nn.squared_error(np.array([[200]], "u1"), np.array([[100]], "u1")) == 10000
    assert nn.absolute_error(np.array([[10]], "u1"), np.array([[20]], "u1")) == 10
    assert nn.squared_error(np.array([[300]], "f2"), np.array([[0]], "f2")) == 90000
    np.testing.assert_allclose(
        nn.cross_entropy(np.array([[2, 0]], "u1"), np.array([1])), np.log(1 + np.e**2), rtol=1e-6
    )
    assert nn.r_squared(np.array([[1], [2], [4]], "u1"), np.array([[1], [2], [3]], "u1")) == 0.5
    large = 1.7e9 + np.arange(5.0)[:, None]
    np.testing.assert_allclose(nn.r_squared(large + 0.1, large), 1 - 5 * 0.01 / 10, rtol=1e-5)


def test_rows_that_do_not_count_do_not_enter_r_squared() -> None:
    outputs, targets = np.arange(4.0)[:, None], np.array([[np.nan], [1.0], [2.0], [3.0]])
    where = np.array([False, True, True, True])
    assert nn.r_squared(outputs, targets, where=where) == 1
    assert jax.jit(lambda where: nn.r_squared(outputs, targets, where=where))(where) == 1


def test_half_precision_parameters_keep_their_type_and_do_not_overflow() -> None:
    half = jax.tree.map(lambda leaf: leaf.astype("f2"), nn.init_layer_norm(2))
    outputs = nn.layer_norm(half, np.array([[0, 600]], "f2"))
    assert outputs.dtype == np.float16
    np.testing.assert_array_equal(outputs, [[-1, 1]])
    with jax.numpy_dtype_promotion("strict"):
        wide = nn.dense(jax.tree.map(lambda leaf: leaf.astype(jnp.bfloat16), PARAMS["output"]), X)
    assert wide.dtype == jnp.float32


def test_a_column_that_float32_makes_zero_is_named() -> None:
    with pytest.warns(UserWarning, match="float32 rounds column 0 of x"):
        nn.predict(LINE, PARAMS, np.array([[1e-46], [3e-46]]))


def test_complex_numbers_are_refused() -> None:
    with pytest.raises(TypeError, match="layers and losses take real numbers, not complex64"):
        nn.relu(np.ones(3, np.complex64))


def test_one_example_has_no_r_squared_and_train_keeps_the_last_parameters() -> None:
    single = X[:1], X[:1]
    with pytest.warns(UserWarning, match="train: the score r_squared was finite after no epoch"):
        result = nn.train(
            RECIPE, (X, 3 * X), key=jax.random.key(0), epochs=5, validation=single, score=nn.r_squared, progress=False
        )
    assert result.best_epoch == result.epochs == 5
    jax.tree.map(np.testing.assert_array_equal, result.params, result.state.params)
    assert result.diverged is None


@pytest.mark.parametrize("value", [jnp.nan, jnp.inf, -jnp.inf])
def test_a_score_that_is_finite_sometimes_decides_by_the_epochs_where_it_is(value: float) -> None:
    def score(outputs: jax.Array, targets: jax.Array) -> jax.Array:
        error = jnp.mean(jnp.square(outputs - targets))
        return jnp.where(error > 0.5, value, -error)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = nn.train(
            RECIPE, (X, 3 * X), key=jax.random.key(0), epochs=40, validation=(X, 3 * X), score=score, progress=False
        )
    finite = np.isfinite(result.scores)
    assert 0 < finite.sum() < 40
    assert result.best_epoch == np.where(finite, result.scores, -np.inf).argmax() + 1
