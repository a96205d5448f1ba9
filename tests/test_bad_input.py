"""BadData input is refused before anything compiles, by an error that states the rule and the value that breaks it."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxnn as nn
from helpers.bad_input import CALLS, FIT_DATA, WARM_UP, parts
from helpers.bad_input.parts import LABELS, BadData, X, classifier, replace_at
from helpers.compilations import Compilations
from helpers.errors import error_message


def test_the_tables_have_more_than_150_rows() -> None:
    assert len(FIT_DATA) + len(CALLS) > 150


every_bad = pytest.mark.parametrize("bad", FIT_DATA, ids=lambda bad: bad.name)


@every_bad
def test_fit_refuses_bad_data_before_anything_compiles(
    bad: BadData, compilations: Compilations, as_installed: None
) -> None:
    recipe, key = bad.recipe(), jax.random.key(0)
    jax.clear_caches()  # programs that another test has compiled would not be counted
    with compilations() as events:
        message = error_message(bad.kind, lambda: nn.fit(recipe, bad.data, key=key, epochs=5))
    assert message == bad.message
    assert not events


@every_bad
@pytest.mark.parametrize("transform", [jax.jit, jax.vmap], ids=["jit", "vmap"])
def test_data_in_a_closure_raises_the_same_errors(
    transform: Callable, bad: BadData, compilations: Compilations, as_installed: None
) -> None:
    recipe, rates, key = bad.recipe(), np.ones(2, "f"), jax.random.key(0)

    def run(learning_rate: jax.Array) -> jax.Array:
        return nn.fit(recipe._replace(optimizer=optax.sgd(learning_rate)), bad.data, key=key, epochs=5).losses

    with compilations() as events:
        assert error_message(bad.kind, lambda: transform(run)(rates)) == bad.message
    # Under vmap alone, the caller's own arithmetic, like the sign of the rate, is compiled as it runs.
    assert transform is jax.vmap or not events


def test_arrays_on_the_device_are_checked_too(as_installed: None) -> None:
    data = jnp.asarray(replace_at(X, (5, 2), np.nan)), jnp.asarray(LABELS)
    run = jax.jit(
        lambda rate: nn.fit(classifier()._replace(optimizer=optax.sgd(rate)), data, key=jax.random.key(0), epochs=1)
    )
    assert error_message(ValueError, lambda: run(0.1)) == "fit: x must be finite, but row 5, column 2 holds nan"


@pytest.mark.parametrize(
    ("change", "kind", "message"),
    [
        ({"epochs": 0}, ValueError, "fit: epochs must be at least 1, not 0"),
        ({"epochs": 1.5}, TypeError, "fit: epochs must be a whole number, not 1.5"),
        ({"key": 0}, TypeError, "key must be one jax.random.key, not 0; jax.random.key(0) makes one"),
        (
            {"key": np.zeros(2, "uint32")},
            TypeError,
            "key must be one jax.random.key, not an old-style key; jax.random.key(0) makes a key in place of "
            "jax.random.PRNGKey(0)",
        ),
    ],
    ids=str,
)
def test_fit_refuses_bad_options(
    change: dict[str, Any], kind: type[Exception], message: str, compilations: Compilations, as_installed: None
) -> None:
    options = {"key": jax.random.key(0), "epochs": 5} | change
    with compilations() as events:
        assert error_message(kind, lambda: nn.fit(classifier(), (X, LABELS), **options)) == message
    assert not events


def test_an_array_of_keys_is_refused(as_installed: None) -> None:
    keys = jax.random.split(jax.random.key(0), 3)
    message = error_message(TypeError, lambda: nn.fit(classifier(), (X, LABELS), key=keys, epochs=5))
    assert message.startswith("key must be one jax.random.key, not ")


@pytest.mark.parametrize("name", CALLS)
def test_every_other_function_refuses_bad_input_before_anything_compiles(
    name: str, compilations: Compilations, as_installed: None
) -> None:
    call, kind, expected = CALLS[name]
    jax.random.key(0)  # compiles the first time
    error_message(ValueError, WARM_UP)  # so does moving a sweep's data to the device
    with compilations() as events:
        message = error_message(kind, call)
    assert message == expected or (expected.endswith("…") and message.startswith(expected[:-1]))
    assert not events


@pytest.mark.parametrize("name", ["label too large", "NaN", "wrong features", "an elementwise loss"])
def test_advance_and_evaluate_refuse_what_fit_refuses(name: str, as_installed: None) -> None:
    bad = next(bad for bad in FIT_DATA if bad.name == name)
    recipe = bad.recipe()
    state = nn.init_training(recipe, jax.random.key(0))
    message = error_message(bad.kind, lambda: nn.advance(recipe, bad.data, state, epochs=1))
    assert message == bad.message.replace("fit: ", "advance: ")
    message = error_message(bad.kind, lambda: nn.evaluate(recipe, state.params, bad.data))
    assert message == bad.message.replace("fit: ", "evaluate: ")


def test_traced_data_is_checked_by_shape_and_dtype(as_installed: None) -> None:
    @jax.jit
    def run(x: jax.Array, labels: jax.Array) -> jax.Array:
        return nn.fit(classifier(), (x, labels), key=jax.random.key(0), epochs=1).losses

    message = error_message(ValueError, lambda: run(X[:, :3], LABELS))
    assert message == "dense: x (15, 3) has 3 features, but weight (4, 17) takes 4"
    assert error_message(ValueError, lambda: run(X, LABELS[:14])).endswith("but targets has 14, x has 15")
    message = error_message(TypeError, lambda: run(X, LABELS.astype("f")))
    assert message == "cross_entropy: labels must be class numbers of an integer dtype, not float32"


@pytest.mark.parametrize(
    ("score", "value"),
    [
        (lambda outputs, labels: outputs[:, 0], "an array of shape (15,)"),
        (lambda outputs, labels: None, "None"),
        (lambda outputs, labels: 1j, "1j"),
    ],
    ids=["array", "None", "complex"],
)
def test_a_score_that_is_not_a_number_is_refused_once_it_is_computed(
    score: Callable, value: str, as_installed: None
) -> None:
    """A score may be computed with NumPy, so it cannot be traced with shapes before the network runs."""
    params = parts.make_params([4, 17, 3])
    message = error_message(ValueError, lambda: nn.evaluate(classifier(), params, (X, LABELS), score=score))
    assert message == f"evaluate: score must give one real number, not {value}"


def test_predict_accepts_a_pytree_of_arrays_like_fit(as_installed: None) -> None:
    model = nn.Model(lambda key: {}, lambda params, x, *, key=None: x["a"] + x["b"])
    np.testing.assert_array_equal(nn.predict(model, {}, {"a": X, "b": X}), X + X)
    message = error_message(ValueError, lambda: nn.predict(model, {}, {"a": X, "b": replace_at(X, (5, 2), np.nan)}))
    assert message == "predict: x.b must be finite, but row 5, column 2 holds nan"
