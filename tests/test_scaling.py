"""Scaling equals that of scikit-learn in float64, whatever the offset, the scale and the type of a column."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sklearn.preprocessing
from hypothesis import given, settings
from hypothesis import strategies as st

import jaxnn as nn
from helpers.errors import error_message

SCALERS = {
    "standard": (nn.standard_scaling, sklearn.preprocessing.StandardScaler),
    "min-max": (nn.min_max_scaling, sklearn.preprocessing.MinMaxScaler),
}


@pytest.mark.parametrize("name", SCALERS)
def test_scaling_equals_that_of_scikit_learn_with_a_constant_feature(
    name: str, rng: np.random.Generator, x64: None
) -> None:
    fit, reference = SCALERS[name]
    train, test = rng.normal(3, 5, (20, 4)), rng.normal(3, 5, (7, 4))
    train[:, 2], test[:, 2] = 1.5, 2.0
    theirs = reference().fit(train)
    for x in (train, test):
        np.testing.assert_allclose(nn.scale(fit(train), x), theirs.transform(x), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("constant", [0.1, 1e6 + 0.1, -3.3])
@pytest.mark.parametrize("name", SCALERS)
def test_a_constant_feature_keeps_its_units(name: str, constant: float) -> None:
    """The mean of a constant column is rounded, so that its standard deviation may be tiny rather than 0."""
    fit, _ = SCALERS[name]
    x = np.full((150, 1), constant, "f")
    scaling = fit(x)
    np.testing.assert_allclose(nn.scale(scaling, x), np.zeros((150, 1)), atol=1e-6 * abs(constant))
    np.testing.assert_allclose(nn.scale(scaling, x + 1), np.ones((150, 1)), rtol=0.2)


@pytest.mark.parametrize("name", SCALERS)
def test_whole_numbers_are_scaled_as_floats(name: str) -> None:
    x = np.array([[0, 5], [1, 1], [7, 0]])
    fit, reference = SCALERS[name]
    np.testing.assert_allclose(nn.scale(fit(x), x), reference().fit_transform(x), rtol=1e-6)


@st.composite
def columns(draw) -> np.ndarray:
    """Draws columns of any numeric type, with offsets up to 1e15 and scales from 1e-20 to 1e20, or constant."""
    dtype = np.dtype(draw(st.sampled_from(["f2", "f4", "f8", "i1", "i4", "i8", "u1", "u8", ">f8", ">i4"])))
    rows, seed = draw(st.integers(2, 40)), draw(st.integers(0, 2**32 - 1))
    sign = draw(st.sampled_from([-1.0, 1.0]))
    offset = sign * 10.0 ** draw(st.floats(-15, 15)) * draw(st.sampled_from([0, 1]))
    scale = 10.0 ** draw(st.floats(-20, 20)) * draw(st.sampled_from([0, 1, 1, 1]))
    x = np.random.default_rng(seed).normal(offset, scale, (rows, 1))
    if dtype.kind == "f":
        limit = float(np.finfo(dtype).max)
        return x.clip(-limit, limit).astype(dtype)
    limits = np.iinfo(dtype)
    return x.clip(float(limits.min), np.nextafter(float(limits.max), 0)).round().astype(dtype)


def exact(name: str, x: np.ndarray) -> np.ndarray:
    """Scales in 80-bit floats."""
    wide = x.astype(np.longdouble)
    if name == "standard":
        mean = wide[:1] + (wide - wide[:1]).mean(axis=0)
        return (wide - mean) / (np.sqrt(np.square(wide - mean).mean(axis=0)) or 1)
    return (wide - wide.min(axis=0)) / ((wide.max(axis=0) - wide.min(axis=0)) or 1)


def is_refused(fit, x: np.ndarray) -> bool:
    try:
        fit(x)
    except ValueError as error:
        return "_scaling: x: " in str(error) and "column 0" in str(error)
    return False


@pytest.mark.parametrize("name", SCALERS)
@settings(max_examples=300)
@given(x=columns())
def test_columns_of_any_type_and_scale_equal_those_of_scikit_learn_or_are_refused(name: str, x: np.ndarray) -> None:
    fit, reference = SCALERS[name]
    expected = exact(name, x)
    if is_refused(fit, x):
        # float64 holds the column, or its mean, to less than seven digits of its spread.
        assert np.spacing(np.abs(x.astype(float)).max()) > 1e-8 * x.astype(float).std()
        return
    scaling = fit(x)
    scaled = np.asarray(nn.scale(scaling, x), float)
    if name == "standard" and 0 < np.ptp(x.astype(float)) <= 10 * np.spacing(np.abs(x.astype(float)).max()):
        assert x.dtype.kind == "f"
        assert np.abs(scaled).max() <= np.ptp(x.astype(float))  # rounding alone, which keeps its units
        return
    np.testing.assert_allclose(scaled, expected.astype(float), rtol=0, atol=1e-6)
    if (x == x[0]).all():
        assert not scaled.any()
    theirs = reference().fit_transform(x.astype(float))
    # scikit-learn takes columns for constant below some size or relative size, and rounds large offsets.
    if np.abs(theirs - expected).max() < 1e-7:
        np.testing.assert_allclose(scaled, theirs, rtol=0, atol=1e-6)
    back = nn.unscale(scaling, nn.scale(scaling, x))
    size = np.abs(x.astype(float)).max()
    np.testing.assert_allclose(back, x.astype(float), rtol=0, atol=1e-6 * np.ptp(x.astype(float)) + 1e-15 * size)


def test_scikit_learn_agrees_on_most_columns() -> None:
    """The property above compares with scikit-learn where that is exact, which must not be an empty promise."""
    rng, agreed = np.random.default_rng(0), 0
    for offset in 10.0 ** np.arange(-3, 7):
        x = rng.normal(offset, 1.0, (30, 1))
        for fit, reference in SCALERS.values():
            agreed += np.abs(np.asarray(nn.scale(fit(x), x)) - reference().fit_transform(x)).max() < 1e-6
    assert agreed == 20


@pytest.mark.parametrize(
    ("x", "expected"),
    [
        (np.arange(5)[:, None] * 10**9 + 10**12, [-(2**0.5), -(0.5**0.5), 0, 0.5**0.5, 2**0.5]),
        (1.7e9 + np.arange(3600.0)[:, None], (np.arange(3600) - 1799.5) / np.arange(3600).std()),
        (np.array([[17 * 10**17 + 123456789], [18 * 10**17 + 987654321]]), [-1, 1]),
        (np.array([[0.1 + 0.2], [0.3]]), [0, 0]),
        (np.array([[0], [2**63]], np.uint64), [-1, 1]),
        (np.array([[False], [True]]), [-1, 1]),
        (np.array([[1e-30], [3e-30]]), [-1, 1]),
        (np.array([[60000.0], [-60000.0]], np.float16), [1, -1]),
    ],
    ids=["int64", "seconds since 1970", "nanoseconds", "constant up to rounding", "uint64", "bool", "tiny", "float16"],
)
def test_large_small_and_narrow_numbers_keep_their_digits(x: np.ndarray, expected: list[float]) -> None:
    scaling = nn.standard_scaling(x)
    scaled = nn.scale(scaling, x)
    assert scaled.dtype == jnp.float32
    np.testing.assert_allclose(np.asarray(scaled)[:, 0], expected, rtol=0, atol=1e-6)
    np.testing.assert_allclose(nn.unscale(scaling, scaled), x.astype(float), rtol=1e-7, atol=1e-37)


@pytest.mark.parametrize("fit", [nn.standard_scaling, nn.min_max_scaling])
def test_a_traced_table_is_scaled_with_the_digits_of_its_type(fit) -> None:
    x = (1e6 + np.arange(100.0)).astype("f")[:, None]
    inside = jax.jit(lambda x: nn.scale(fit(x), x))(x)
    np.testing.assert_allclose(inside, nn.scale(fit(x), x), atol=1e-5)
    scaling = fit(x)
    np.testing.assert_allclose(jax.jit(lambda x: nn.scale(scaling, x))(x), nn.scale(scaling, x), atol=1e-5)
    there_and_back = jax.jit(lambda x: nn.unscale(scaling, nn.scale(scaling, x)))(x)
    np.testing.assert_allclose(there_and_back, x, rtol=1e-6)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: nn.scale(nn.Scaling(np.zeros(3), np.ones(3)), np.ones((5, 4))),
            "scale: x (5, 4) has 4 features, but the scaling 3",
        ),
        (
            lambda: nn.standard_scaling(np.array([[1.0], [np.inf]])),
            "standard_scaling: x must be finite, but row 1, column 0 holds inf",
        ),
        (lambda: nn.min_max_scaling(np.ones((0, 3))), "min_max_scaling: the data set is empty: its arrays have 0 rows"),
        (
            lambda: nn.min_max_scaling(np.array([[0, 2**60], [0, 2**60 + 2]])),
            "min_max_scaling: x: column 1 varies by 0 around 1.152921504606847e+18, too little for float64; "
            "subtract an offset from it first, or leave it out",
        ),
        (
            lambda: nn.standard_scaling(1e15 + np.arange(8.0)[:, None]),
            "standard_scaling: x: column 0 varies by 2.29 around 1000000000000003.5, too little for float64; "
            "subtract an offset from it first, or leave it out",
        ),
        (
            lambda: nn.scale(nn.Scaling(np.zeros(1), np.full(1, 1e-30)), np.full((1, 1), 1e30)),
            "scale: the scaled x must fit float32, but row 0, column 0 holds 1e+60; divide it by a constant, or set "
            "jax_enable_x64",
        ),
        (
            lambda: nn.unscale(nn.Scaling(np.zeros(1), np.ones(1)), np.ones((1, 2))),
            "unscale: x (1, 2) has 2 features, but the scaling 1",
        ),
    ],
)
def test_bad_input_raises_an_error_with_the_rule_and_the_value(call, message: str, as_installed: None) -> None:
    assert error_message(ValueError, call) == message
