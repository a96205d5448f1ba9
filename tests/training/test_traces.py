"""Tests of how often a training traces the functions of a recipe: every trace costs time before anything compiles."""

from collections import Counter
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxnn as nn
from jaxnn.layers import convolution

# No other test traces layers of these shapes.
IMAGES, LABELS = np.linspace(0, 1, 22 * 7 * 5, dtype=np.float32).reshape(22, 7, 5, 1), np.arange(22, dtype=np.int32) % 3


def count_calls(model: nn.Model, calls: Counter[str]) -> nn.Model:
    def init(key: jax.Array) -> Any:
        calls["init"] += 1
        return model.init(key)

    def apply(params: Any, x: Any, *, key: jax.Array | None = None) -> Any:
        calls["apply"] += 1
        return model.apply(params, x, key=key)

    return nn.Model(init, apply)


@pytest.mark.parametrize("batch_size", [None, 11, 4], ids=["full batch", "minibatches", "incomplete last minibatch"])
def test_fit_inside_jit_traces_init_once_and_the_model_twice(batch_size: int | None) -> None:
    calls: Counter[str] = Counter()

    def loss(outputs: jax.Array, labels: jax.Array) -> jax.Array:
        calls["loss"] += 1
        return nn.cross_entropy(outputs, labels)

    recipe = nn.Recipe(count_calls(nn.mlp([35, 3]), calls), loss, optax.adam(0.01), batch_size=batch_size)
    data = IMAGES.reshape(22, -1), LABELS
    jax.jit(lambda key: nn.fit(recipe, data, key=key, epochs=2)).trace(jax.random.key(0))
    # One of the calls is the check, before the training. The check of rows calls a loss that it does not know twice.
    assert calls["init"] <= 1
    assert calls["apply"] <= 2
    assert calls["loss"] <= 4


def test_fit_traces_the_body_of_a_layer_once_for_the_check_and_the_training(monkeypatch: pytest.MonkeyPatch) -> None:
    traced: list[tuple[int, ...]] = []
    stack = convolution.stack_windows

    def recorded(x: jax.Array, windows: Any) -> jax.Array:
        traced.append(x.shape)
        return stack(x, windows)

    monkeypatch.setattr(convolution, "stack_windows", recorded)
    recipe = nn.Recipe(nn.cnn((7, 5, 1), (2, 3), 3), nn.cross_entropy, optax.adam(0.01), batch_size=11)
    jax.jit(lambda key: nn.fit(recipe, (IMAGES, LABELS), key=key, epochs=2)).trace(jax.random.key(0))
    assert traced == [(1, 7, 5, 11), (2, 3, 2, 11)]


def test_a_check_that_fails_on_a_minibatch_names_all_rows() -> None:
    recipe = nn.Recipe(nn.mlp([4, 3]), nn.cross_entropy, optax.adam(0.01), batch_size=11)
    with pytest.raises(ValueError, match=r"x \(22, 35\) has 35 features"):
        nn.fit(recipe, (IMAGES.reshape(22, -1), LABELS), key=jax.random.key(0), epochs=2)


def test_outputs_without_an_axis_of_examples_are_checked_with_all_rows() -> None:
    """A vector as long as the minibatch must not be taken for one number per example."""
    line = nn.mlp([35, 3])
    model = nn.Model(line.init, lambda params, x, *, key=None: (line.apply(params, x, key=key), jnp.ones(11)))
    recipe = nn.Recipe(
        model, lambda outputs, labels: nn.cross_entropy(outputs[0], labels) * outputs[1].sum(), optax.sgd(0.1), 11
    )
    losses = nn.fit(recipe, (IMAGES.reshape(22, -1), LABELS), key=jax.random.key(0), epochs=2).losses
    assert losses.shape == (2,)
