"""Traced widths, depths and functions: a masked network trains as the narrow one, in one program for all."""

import warnings
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxnn as nn
from jaxnn._kernels.host import COMPILER_OPTIONS
from jaxnn.sweeps import Setting
from jaxnn.sweeps.engine.trim import find_entries, pad, trim
from jaxnn.sweeps.space.segments import divide
from jaxnn.sweeps.space.space import count_programs, dimensions, fill_space, fill_traced, settings_at
from jaxnn.units import Size, Switch

RNG = np.random.default_rng(0)
TABLE = RNG.normal(size=(24, 3)), np.arange(24) % 2
IMAGES = RNG.normal(size=(12, 4, 4, 1)), np.arange(12) % 2


def own_model(width: Any) -> nn.Model:
    """A residual network with layer norm and dropout, by the user's own functions."""

    def init(key: jax.Array) -> dict:
        keys = jax.random.split(key, 3)
        initializer = jax.nn.initializers.glorot_normal()
        return {
            "in": nn.init_dense(keys[0], 3, width, initializer=nn.initializers.glorot_uniform),
            "norm": nn.init_layer_norm(width),
            "mix": nn.init_dense(keys[1], width, width, initializer=initializer),
            "out": nn.init_dense(keys[2], width, 2, initializer=nn.initializers.lecun_normal),
        }

    def apply(params: dict, x: Any, *, key: Any = None) -> jax.Array:
        hidden = nn.mask_units(nn.softplus(nn.dense(params["in"], x)), width)
        normed = nn.layer_norm(params["norm"], hidden, size=width)
        normed = nn.dropout(key, normed, 0.3) if key is not None else normed
        hidden = hidden + nn.mask_units(nn.sigmoid(nn.dense(params["mix"], normed)), width)
        return nn.dense(params["out"], hidden)

    return nn.Model(init, apply)


def cnn(h: dict) -> nn.Model:
    return nn.cnn((4, 4, 1), (h["a"], h["b"]), 2, hidden=(h["b"],), activation=nn.softplus, dropout=h["rate"])


# make_model(hypers), the space of sizes, the values of a trial (none of them the largest), and the data.
NETWORKS = {
    "mlp": (
        lambda h: nn.mlp([3, h["a"], h["b"], 2], activation=nn.softplus),
        {"a": nn.sizes(2, 8), "b": nn.sizes(2, 6)}, {"a": 5.0, "b": 3.0}, TABLE,
    ),
    "dropout": (
        lambda h: nn.mlp([3, h["a"], h["a"], 2], activation=nn.softplus, dropout=0.4),
        {"a": nn.sizes(2, 8)}, {"a": 5.0}, TABLE,
    ),
    "own model": (lambda h: own_model(h["a"]), {"a": nn.sizes(2, 8)}, {"a": 5.0}, TABLE),
    "cnn": (cnn, {"a": nn.sizes(1, 4), "b": nn.sizes(1, 5), "rate": 0.0}, {"a": 2.0, "b": 3.0}, IMAGES),
    "cnn dropout": (cnn, {"a": nn.sizes(1, 4), "b": nn.sizes(1, 5), "rate": 0.4}, {"a": 2.0, "b": 3.0}, IMAGES),
    "depth": (
        lambda h: nn.mlp([3, *[h["a"]] * h["n"], 2], activation=nn.softplus, dropout=0.2),
        {"a": nn.sizes(2, 8), "n": nn.depth(1, 4)}, {"a": 5.0, "n": 2.0}, TABLE,
    ),
    "depth of a constant width": (
        lambda h: nn.mlp([3, *[4] * h["n"], 2], activation=nn.tanh), {"n": nn.depth(2, 4)}, {"n": 3.0}, TABLE,
    ),
    "switch": (
        lambda h: nn.mlp([3, h["a"], 2], activation=h["act"]),
        {"a": nn.sizes(2, 8), "act": nn.switch(nn.relu, nn.softplus, jax.nn.tanh)}, {"a": 5.0, "act": 1.0}, TABLE,
    ),
}  # fmt: skip


def make_networks(name: str) -> tuple[nn.Model, nn.Model, Any, Any]:
    """Returns a masked network, the narrow one, which entries of its parameters are real, and the data."""
    make_model, space, values, data = NETWORKS[name]
    masked, marks = (make_model(fill_traced(space, (), values, marks=marks)) for marks in (False, True))
    narrow = make_model(fill_space(space, (), values))
    key = jax.random.key(0)
    return masked, narrow, find_entries(jax.jit(marks.init)(key), jax.eval_shape(narrow.init, key)), data


@pytest.mark.parametrize("name", NETWORKS)
def test_a_masked_network_trains_as_the_narrow_one(name: str) -> None:
    with jax.enable_x64(True):
        masked, narrow, entries, data = make_networks(name)
        params = jax.jit(masked.init)(jax.random.key(1))
        params = jax.tree.map(np.asarray, params)
        start, like = trim(params, entries), jax.eval_shape(masked.init, jax.random.key(1))
        # Entries beyond the narrow network are 0 from the start.
        jax.tree.map(np.testing.assert_array_equal, params, jax.jit(lambda start: pad(start, entries, like))(start))
        optimizer = optax.chain(optax.clip_by_global_norm(0.5), optax.adamw(0.01, weight_decay=0.1))
        fitted = [
            jax.jit(
                lambda params, model=model: nn.fit(
                    nn.Recipe(model, nn.cross_entropy, optimizer, batch_size=len(data[1]) // 2),
                    data, key=jax.random.key(2), epochs=50, params=params,
                ),
                compiler_options=COMPILER_OPTIONS,
            )(params)
            for model, params in ((masked, params), (narrow, start))
        ]  # fmt: skip
        np.testing.assert_allclose(fitted[0].losses, fitted[1].losses, rtol=1e-10)
        assert fitted[1].losses[-1] < fitted[1].losses[0]
        expected = jax.jit(lambda params: pad(params, entries, like))(fitted[1].params)
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=0, atol=1e-10), fitted[0].params, expected)
