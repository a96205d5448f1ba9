"""Spaces: distributions against SciPy's, and settings against a recursive walk through the space."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

import jaxnn as nn
from helpers.call_counts import count_calls
from jaxnn.sweeps.space import fill
from jaxnn.sweeps.space import space as sp

# A distribution, the one of SciPy, and the bounds (for infinite ones, where they are truncated).
DISTRIBUTIONS = {
    "uniform": (nn.uniform(-2, 3), scipy.stats.uniform(-2, 5), -2, 3),
    "log uniform": (nn.log_uniform(1e-5, 10), scipy.stats.loguniform(1e-5, 10), 1e-5, 10),
    "normal": (nn.normal(1, 2), scipy.stats.norm(1, 2), 1 - 2 * 8.3, 1 + 2 * 8.3),
    "log normal": (nn.log_normal(-4, 0.5), scipy.stats.lognorm(0.5, scale=np.exp(-4)), np.exp(-8.2), np.exp(0.2)),
    "integers": (nn.integers(-1, 4), scipy.stats.randint(-1, 5), -1, 4),
}
QUANTILES = st.lists(st.floats(0, 1, exclude_max=True), min_size=1, max_size=30).map(np.array)


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_a_distribution_matches_scipy(name: str, rng: np.random.Generator) -> None:
    distribution, reference, low, high = DISTRIBUTIONS[name]
    quantiles = rng.random((100, 3))
    values = distribution.at(quantiles)
    assert values.dtype == np.float64
    np.testing.assert_allclose(values, reference.ppf(quantiles), rtol=1e-12)
    least, most = distribution.at(np.array([0.0, 1 - 2.0**-53]))
    assert low <= least < most <= high


@given(QUANTILES, st.sampled_from([*DISTRIBUTIONS, "quantized"]))
def test_values_increase_within_the_bounds_and_clip_does_not_change_them(quantiles: np.ndarray, name: str) -> None:
    distribution = nn.quantized(0.1, 0.7, 0.2) if name == "quantized" else DISTRIBUTIONS[name][0]
    values = distribution.at(np.sort(quantiles))
    low, high = (0.1, 0.7) if name == "quantized" else DISTRIBUTIONS[name][2:]
    assert (np.diff(values) >= 0).all()
    assert ((low <= values) & (values <= high)).all()
    assert [distribution.clip(value) for value in values] == list(values)


@given(st.floats(-1e3, 1e3), st.floats(1e-3, 1e3), st.floats(1e-3, 1), QUANTILES)
def test_a_quantized_value_is_a_whole_number_of_steps_above_low(
    low: float, width: float, share: float, quantiles: np.ndarray
) -> None:
    distribution = nn.quantized(low, low + width, share * ((low + width) - low))
    steps = (distribution.at(quantiles) - low) / distribution.step
    np.testing.assert_allclose(steps, np.round(steps), atol=1e-6)
    assert ((distribution.at(quantiles) >= low) & (distribution.at(quantiles) <= low + width)).all()


def test_every_value_of_a_grid_has_the_same_probability() -> None:
    # In floating point 0.3 / 0.1 is slightly less than 3, and three steps of 0.1 slightly more than 0.3.
    values, counts = np.unique(nn.quantized(0, 0.3, 0.1).at((np.arange(400) + 0.5) / 400), return_counts=True)
    np.testing.assert_allclose(values, [0, 0.1, 0.2, 0.3], rtol=1e-12)
    assert values[-1] == 0.3
    assert counts.tolist() == [100] * 4
    assert np.unique(nn.quantized(0, 1, 0.4).at(np.linspace(0, 0.999, 50))).tolist() == [0, 0.4, 0.8]


@pytest.mark.parametrize(
    ("distribution", "value", "nearest"),
    [
        (nn.uniform(-1, 2), 5.0, 2.0),
        (nn.uniform(-1, 2), -5.0, -1.0),
        (nn.log_uniform(1e-3, 1), 1e-9, 1e-3),
        (nn.log_uniform(1e-3, 1), 0.5, 0.5),
        (nn.normal(0, 1), 3.0, 3.0),
        (nn.normal(0, 1), np.inf, scipy.stats.norm.ppf(1 - 2.0**-53)),
        (nn.log_normal(0, 1), 20.0, 20.0),
        (nn.quantized(0, 1, 0.25), 0.6, 0.5),
        (nn.quantized(0, 1, 0.25), np.inf, 1.0),
        (nn.integers(1, 8), 6.6, 7.0),
        (nn.integers(1, 8), 0.2, 1.0),
    ],
)
def test_clip_returns_the_nearest_value(distribution: Any, value: float, nearest: float) -> None:
    assert distribution.clip(value) == nearest
    assert type(distribution.clip(value)) is float


SPACE = {
    "rate": nn.uniform(0, 1),
    "sizes": sp.choice([8], [8, 8]),
    "optimizer": sp.choice(
        {"kind": "adam", "decay": nn.uniform(0, 2)},
        {"kind": "sgd", "momentum": sp.choice(0.0, {"value": nn.uniform(0, 4)}), "decay": nn.uniform(0, 8)},
    ),
    "batch_size": 16,
}


def test_paths_and_combinations_of_a_conditional_space() -> None:
    sp.check_space(SPACE)
    nested = ("optimizer.decay", "optimizer.momentum", "optimizer.momentum.value", "optimizer.decay")
    assert sp.paths(SPACE) == ("rate", "sizes", "optimizer", *nested)
    assert sp.count_combinations(SPACE) == 2 * (1 + 2)


def test_settings_worked_out_by_hand() -> None:
    adam, sgd = sp.settings_at(SPACE, np.array([[0.5, 0, 0, 0.5, 0.5, 0.5, 0.5], [0.25, 0.5, 0.99, 0, 0.5, 0.5, 0.5]]))
    assert adam == ((("sizes", 0), ("optimizer", 0)), {"rate": 0.5, "optimizer.decay": 1.0})
    assert sgd.choices == (("sizes", 1), ("optimizer", 1), ("optimizer.momentum", 1))
    assert sgd.values == {"rate": 0.25, "optimizer.momentum.value": 2.0, "optimizer.decay": 4.0}
    assert fill.fill_space(SPACE, *adam) == {
        "rate": 0.5,
        "sizes": [8],
        "optimizer": {"kind": "adam", "decay": 1.0},
        "batch_size": 16,
    }
    assert fill.fill_space(SPACE, *sgd)["optimizer"] == {"kind": "sgd", "momentum": {"value": 2.0}, "decay": 4.0}
    assert fill.active_distributions(SPACE, sgd.choices)["optimizer.decay"] == nn.uniform(0, 8)


def test_hypers_may_be_tracers_and_choices_are_static() -> None:
    setting = sp.settings_at(SPACE, np.full((1, 7), 0.5))[0]

    @jax.jit
    def total(values: dict) -> jax.Array:
        hypers = fill.fill_space(SPACE, setting.choices, values)
        assert hypers["sizes"] == [8, 8]
        return hypers["rate"] + hypers["optimizer"]["decay"]

    assert total(jax.tree.map(jnp.float32, setting.values)) == 0.5 + 4
    assert isinstance(hash(setting.choices), int)


NUMBERS = st.sampled_from([nn.uniform(0, 1), nn.log_uniform(0.1, 1), nn.integers(1, 3)])
NAMES = st.sampled_from(["a", "b", "c", "long_name"])


def spaces(depth: int = 2, min_size: int = 1) -> st.SearchStrategy:
    options = st.sampled_from([1, "two", (3,), None])
    plain = options
    if depth:
        options |= spaces(depth - 1, min_size=0)
        plain |= spaces(depth - 1, min_size=0)
    choices = st.lists(options, min_size=1, max_size=3).map(lambda values: sp.choice(*values))
    return st.dictionaries(NAMES, NUMBERS | choices | plain, min_size=min_size, max_size=3)


def walk(space: dict, row: dict[int, float]) -> dict:
    """Returns the hypers of one trial; `row` has the quantile of each dimension, by its number."""

    def value_of(node: Any, taken: bool) -> Any:
        if isinstance(node, dict):
            return {name: value_of(value, taken) for name, value in node.items()}
        if not isinstance(node, sp.Distribution | sp.Choice):
            return node
        quantile = row[next(number)]
        if isinstance(node, sp.Distribution):
            return float(node.at(np.array([quantile]))[0])
        option = int(quantile * len(node.values))
        # The dimensions of all options are counted, also of those that are not taken.
        return [value_of(nested, taken and i == option) for i, nested in enumerate(node.values)][option]

    number = iter(range(10**6))
    return value_of(space, True)


@given(spaces(), st.data())
def test_settings_match_a_recursive_walk_through_the_space(space: dict, data: st.DataObject) -> None:
    sp.check_space(space)
    size = len(sp.paths(space))
    rows = data.draw(st.lists(st.lists(st.floats(0, 0.999), min_size=size, max_size=size), max_size=5))
    quantiles = np.array(rows).reshape(len(rows), size)
    for row, setting in zip(quantiles, sp.settings_at(space, quantiles), strict=True):
        expected = walk(space, dict(enumerate(row)))
        assert fill.fill_space(space, setting.choices, setting.values) == expected
        assert list(fill.fill_space(space, *setting)) == list(space)
        assert fill.active_distributions(space, setting.choices).keys() == setting.values.keys()


@given(spaces())
def test_count_combinations_matches_the_choices_in_random_settings(space: dict) -> None:
    # Of at most 12 combinations the rarest has a probability of at least 1/54.
    quantiles = np.random.default_rng(0).random((1000, len(sp.paths(space))))
    drawn = {setting.choices for setting in sp.settings_at(space, quantiles)}
    assert len(drawn) <= sp.count_combinations(space)
    if sp.count_combinations(space) <= 12:
        assert len(drawn) == sp.count_combinations(space)


def test_ten_thousand_settings_take_a_few_function_calls_each(rng: np.random.Generator) -> None:
    """A walk through the space for each setting would take more."""
    quantiles = rng.random((10_000, 7))
    count, settings = count_calls(lambda: sp.settings_at(SPACE, quantiles))
    assert len(settings) == 10_000
    assert count < 10 * 10_000


SIMPLE = {"rate": nn.uniform(0, 1), "width": sp.choice(8, 16)}
ERRORS = {
    "not a dict": (lambda: sp.check_space([1]), TypeError, r"must be a dict .* not \[1\]"),
    "empty": (lambda: sp.check_space({}), ValueError, "at least one hyper, but is empty"),
    "name": (lambda: sp.check_space({3: nn.uniform(0, 1)}), TypeError, "must be a string, not 3"),
    "nested name": (lambda: sp.check_space({"o": sp.choice({3: 1})}), TypeError, "not 3 in o"),
    "dot": (lambda: sp.check_space({"a.b": nn.uniform(0, 1)}), ValueError, "an identifier, .* not 'a.b'"),
    "list": (lambda: sp.check_space({"w": [1, 2]}), TypeError, r"w must be choice\(\*values\).*not \[1, 2\]"),
    "nested": (lambda: sp.check_space({"o": sp.choice({"w": range(3)})}), TypeError, r"o\.w must be choice"),
    "group": (lambda: sp.check_space({"o": {"w": {1}}}), TypeError, r"o\.w must be choice"),
    "by hand": (lambda: sp.check_space({"o": sp.Choice(())}), ValueError, "at least one value"),
    "no value": (lambda: sp.choice(), ValueError, "at least one value"),
    "no name": (lambda: sp.choice(0, nn.uniform(0, 1)), TypeError, r"value 1 needs a name: .*'name': Uniform\(low"),
    "order": (lambda: nn.uniform(2, 1), ValueError, "uniform: low must lie below high, not 2.0 and 1.0"),
    "infinite": (lambda: nn.uniform(0, float("inf")), ValueError, "uniform: high must be finite, not inf"),
    "too large": (lambda: nn.uniform(-1.5e308, 1), ValueError, r"uniform: low must be at most 3\.4e\+38 in size"),
    "string": (lambda: nn.uniform("a", 1), TypeError, "uniform: low must be a number, not 'a'"),
    "log of 0": (lambda: nn.log_uniform(0, 1), ValueError, "log_uniform: low must be positive, .* not 0.0"),
    "std": (lambda: nn.normal(0, 0), ValueError, "normal: std must be positive, not 0.0"),
    "logarithm": (lambda: nn.log_normal(1000, 1), ValueError, "are of the logarithm"),
    "step": (lambda: nn.quantized(0, 1, 2), ValueError, r"at most high - low = 1.0, not 2.0"),
    "no step": (lambda: nn.quantized(0, 1, 0), ValueError, "step must be positive"),
    "fraction": (lambda: nn.integers(0, 1.5), ValueError, "whole numbers, not 0.0 and 1.5"),
    "columns": (lambda: sp.settings_at(SIMPLE, np.zeros((2, 3))), ValueError, r"\(2, 3\) need a column for each of"),
    "lacking": (
        lambda: fill.fill_space(SIMPLE, (("width", 0),), {}),
        ValueError,
        r"have the values \['rate'\], not \[\]",
    ),
    "option": (lambda: fill.fill_space(SIMPLE, (("width", 2),), {"rate": 1.0}), ValueError, "width has 2 options"),
    "no option": (lambda: fill.fill_space(SIMPLE, (), {"rate": 1.0}), ValueError, "width has 2 options"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name: str, as_installed: None) -> None:
    call, kind, message = ERRORS[name]
    with pytest.raises(kind, match=message):
        call()
