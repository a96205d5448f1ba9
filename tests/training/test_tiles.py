"""Evaluation in tiles: an example's outputs do not depend on the others, and memory does not grow with their number."""

import subprocess
import sys
import weakref

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxnn as nn
from jaxnn.training import tiles

MODELS = {
    "mlp": (nn.mlp([5, 7, 3]), (5,)),
    "cnn": (nn.cnn((12, 12, 1), (4, 8), 3), (12, 12, 1)),
    "tree": (
        nn.Model(
            lambda key: nn.init_dense(key, 5, 3),
            lambda params, x, *, key=None: {"y": nn.dense(params, x), "x": x[:, 0]},
        ),
        (5,),
    ),
}


@pytest.fixture(params=MODELS)
def case(request, monkeypatch):
    """A model with parameters and 70 examples, of which a tile holds 16."""
    monkeypatch.setattr(tiles, "_TILE_BYTES", {"cpu": 1, "accelerator": 1})
    monkeypatch.setattr(tiles, "_TILES", weakref.WeakKeyDictionary())
    model, shape = MODELS[request.param]
    x = np.random.default_rng(0).normal(size=(70, *shape)).astype("f")
    return model, model.init(jax.random.key(0)), x


def test_predict_equals_the_model_and_a_row_has_the_same_bits_in_any_company(case) -> None:
    model, params, x = case
    outputs = nn.predict(model, params, x)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5), outputs, model.apply(params, x))
    for rows in (slice(0, 1), slice(3, 19), slice(5, 50), slice(69, None)):
        alone = nn.predict(model, params, x[rows])
        # In another place of the tile: XLA may sum the last rows of an odd number in another order, never those here.
        jax.tree.map(lambda a, b, rows=rows: np.testing.assert_array_equal(a, b[rows]), alone, outputs)


def test_evaluations_inside_a_trace_equal_those_outside(case) -> None:
    model, params, x = case
    traced = jax.jit(lambda params, x: tiles.apply_in_tiles(model.apply, params, x))
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5), traced(params, x), model.apply(params, x)
    )
    assert "scan" in str(jax.make_jaxpr(traced)(params, x))
    assert "scan" not in str(jax.make_jaxpr(traced)(params, x[:16]))


def test_predict_compiles_once_for_any_number_of_examples(case, compilations) -> None:
    model, params, x = case
    nn.predict(model, params, x)
    with compilations() as names:
        for count in (1, 16, 31):
            nn.predict(model, params, x[:count])
    assert not [name for name in names if "apply" in name.lower()]


def test_a_model_with_an_output_without_examples_is_evaluated_at_once() -> None:
    def apply(params, x, *, key=None):
        return nn.dense(params, x), jnp.sum(jnp.square(params.weight)), jnp.arange(7.0)

    model, x = nn.Model(lambda key: nn.init_dense(key, 5, 3), apply), np.ones((2000, 5), "f")
    params = model.init(jax.random.key(0))
    for count in (1, 5, 2000):
        outputs, penalty, extra = nn.predict(model, params, x[:count])
        np.testing.assert_allclose(outputs, nn.dense(params, x[:count]), rtol=1e-5)
        assert penalty.shape == ()
        np.testing.assert_array_equal(extra, np.arange(7.0))
    recipe = nn.Recipe(model, lambda o, t: nn.squared_error(o[0], t) + o[1], optax.sgd(0.01))
    data = x, np.zeros((2000, 3), "f")
    result = nn.train(recipe, data, key=jax.random.key(0), epochs=2, validation=data, progress=False)
    assert result.validation_losses.shape == (2,)


@pytest.mark.parametrize("transform", [jax.jit, jax.vmap], ids=["jit", "vmap"])
def test_predict_works_in_a_trace_that_only_the_model_closes_over(transform) -> None:
    model, x = nn.mlp([2, 3, 1]), np.ones((3, 2), "f")
    params = model.init(jax.random.key(0))

    def scaled(factor):
        def apply(params, x, *, key=None):
            return factor.sum() * model.apply(params, x)

        return nn.predict(nn.Model(model.init, apply), params, x)

    doubled = transform(scaled)(jnp.array([2.0]))
    np.testing.assert_allclose(doubled.reshape(3, 1), 2 * model.apply(params, x), rtol=1e-5)
    dropped = transform(lambda rate: nn.predict(nn.mlp([2, 3, 1], dropout=rate.sum()), params, x))
    np.testing.assert_allclose(dropped(jnp.array([0.5])).reshape(3, 1), model.apply(params, x), rtol=1e-5)


def test_dropout_draws_other_masks_in_every_tile(monkeypatch) -> None:
    monkeypatch.setattr(tiles, "_TILE_BYTES", {"cpu": 1, "accelerator": 1})
    model = nn.Model(lambda key: jnp.ones(()), lambda params, x, *, key=None: params * nn.dropout(key, x, 0.5))
    key, few, many = jax.random.key(3), np.ones((16, 8), "f"), np.ones((64, 8), "f")
    np.testing.assert_array_equal(nn.predict(model, 1.0, few, key=key), nn.dropout(jax.random.clone(key), few, 0.5))
    masks = np.asarray(nn.predict(model, 1.0, many, key=jax.random.key(4))).reshape(4, -1)
    assert len({mask.tobytes() for mask in masks}) == 4


def test_train_and_evaluate_agree_on_a_validation_part_of_several_tiles(case) -> None:
    model, _, x = case
    if isinstance(model.apply(model.init(jax.random.key(0)), x), dict):
        return
    recipe = nn.Recipe(model, nn.cross_entropy, optax.sgd(0.1))
    data = x, np.arange(70) % 3
    options = {"validation": data, "score": nn.accuracy, "progress": False}
    result = nn.train(recipe, data, key=jax.random.key(0), epochs=3, **options)
    last = nn.evaluate(recipe, result.state.params, data, score=nn.accuracy)
    np.testing.assert_allclose(result.validation_losses[-1], last.loss, rtol=1e-4)
    np.testing.assert_allclose(result.scores[-1], last.score)


MEMORY = """
import resource
import jax, numpy as np, optax
import jaxnn as nn

model = nn.cnn((28, 28, 1), (32, 64), 10)
recipe = nn.Recipe(model, nn.cross_entropy, optax.sgd(0.1), batch_size=64)
params = model.init(jax.random.key(0))
few, many = (np.zeros((count, 28, 28, 1), "f") for count in (64, 1500))
calls = {
    "predict": lambda x: nn.predict(model, params, x),
    "evaluate": lambda x: nn.evaluate(recipe, params, (x, np.zeros(len(x), int))),
    "train": lambda x: nn.train(recipe, (few, np.zeros(64, int)), key=jax.random.key(0), epochs=1,
                                validation=(x, np.zeros(len(x), int)), progress=False),
}
peaks = []
for x in (few, many):
    for call in calls.values():
        jax.block_until_ready(jax.tree.leaves(call(x)))
        peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
print(*np.diff(peaks[2:]))
"""


def test_memory_does_not_grow_with_the_number_of_examples() -> None:
    """All 1,500 images at once take 250 MB more in each of the three functions."""
    command = [sys.executable, "-c", MEMORY]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    more = list(map(float, run.stdout.split()))
    assert len(more) == 3
    assert sum(more) < 150
