"""The two models apply their layers one after another; dropout is off without a key."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import sklearn.metrics

import jaxnn as nn
from jaxnn._checks.names import name_value


def test_an_mlp_alternates_dense_and_activation() -> None:
    model = nn.mlp([3, 5, 4, 2], activation=nn.tanh)
    params = model.init(jax.random.key(0))
    x = np.linspace(-1, 1, 12, dtype="f").reshape(4, 3)
    assert {name: layer.weight.shape for name, layer in params.items()} == {
        "hidden_1": (3, 5),
        "hidden_2": (5, 4),
        "output": (4, 2),
    }
    hidden = np.tanh(np.tanh(x @ params["hidden_1"].weight) @ params["hidden_2"].weight)
    np.testing.assert_allclose(model.apply(params, x), hidden @ params["output"].weight, rtol=1e-5, atol=1e-6)


def test_a_cnn_alternates_conv_activation_and_pool_before_an_mlp() -> None:
    model = nn.cnn((8, 9, 2), (3, 4), 5, hidden=[6], window=2, padding="valid", activation=nn.softplus)
    params = model.init(jax.random.key(0))
    x = np.linspace(-1, 1, 2 * 8 * 9 * 2, dtype="f").reshape(2, 8, 9, 2)

    @jax.jit
    def by_hand(params: dict[str, nn.Affine], maps: jax.Array) -> jax.Array:
        # 8 × 9 becomes 7 × 8, pooled 3 × 4, then 2 × 3, pooled 1 × 1.
        for name in ("conv_1", "conv_2"):
            maps = nn.max_pool(nn.softplus(nn.conv(params[name], maps)), 2)
        return nn.dense(params["output"], nn.softplus(nn.dense(params["hidden_1"], nn.flatten(maps))))

    np.testing.assert_allclose(jax.jit(model.apply)(params, x), by_hand(params, x), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("image", "nodes"), [((9, 2), 4 * 3), ((8, 8, 1), 16 * 3), ((4, 5, 6, 1), 2 * 2 * 3 * 3)])
def test_a_cnn_has_one_two_or_three_axes_of_space(image: tuple[int, ...], nodes: int) -> None:
    model = nn.cnn(image, (3,), 5)
    params = model.init(jax.random.key(0))
    assert params["output"].weight.shape == (nodes, 5)
    assert jax.eval_shape(model.apply, params, jnp.zeros((7, *image))).shape == (7, 5)


def test_each_layer_has_its_own_key() -> None:
    params = nn.mlp([4, 4, 4, 4]).init(jax.random.key(0))
    weights = [np.asarray(layer.weight) for layer in params.values()]
    assert not np.array_equal(weights[0], weights[1])
    assert not np.array_equal(weights[1], weights[2])
    np.testing.assert_array_equal(nn.mlp([4, 4, 4, 4]).init(jax.random.key(0))["output"].weight, weights[-1])


MODELS = {
    "mlp": (nn.mlp([3, 32, 2], dropout=0.5), nn.mlp([3, 32, 2]), (4, 3)),
    "cnn": (nn.cnn((4, 4, 1), (4,), 2, dropout=0.5), nn.cnn((4, 4, 1), (4,), 2), (4, 4, 4, 1)),
}


@pytest.mark.parametrize("name", MODELS)
def test_dropout_is_off_without_a_key_and_on_with_one(name: str) -> None:
    dropping, plain, shape = MODELS[name]
    apply, apply_plain = jax.jit(dropping.apply), jax.jit(plain.apply)
    params, x = dropping.init(jax.random.key(0)), np.ones(shape, "f")
    outputs = apply(params, x)
    np.testing.assert_array_equal(outputs, apply_plain(params, x))
    with_key = np.asarray(apply(params, x, key=jax.random.key(1)))
    assert not np.array_equal(with_key, outputs)
    np.testing.assert_array_equal(apply(params, x, key=jax.random.key(1)), with_key)
    assert not np.array_equal(apply(params, x, key=jax.random.key(2)), with_key)
    # A rate of 0 draws nothing, even with a key.
    np.testing.assert_array_equal(apply_plain(params, x, key=jax.random.key(1)), outputs)


def test_each_layer_of_an_mlp_has_its_own_dropout_mask() -> None:
    """With identity weights the output is the product of two masks: a quarter of the ones remain, times 4."""
    model = nn.mlp([64, 64, 64, 64], dropout=0.5)
    identity = nn.Affine(jnp.eye(64), jnp.zeros(64))
    outputs = np.asarray(
        model.apply(
            dict.fromkeys(("hidden_1", "hidden_2", "output"), identity), jnp.ones((50, 64)), key=jax.random.key(0)
        )
    )
    assert set(np.unique(outputs)) == {0.0, 4.0}
    assert abs((outputs > 0).mean() - 0.25) < 0.03


def test_a_dropout_rate_may_be_swept() -> None:
    def output_std(rate: jax.Array) -> jax.Array:
        model = nn.mlp([1, 64, 1], dropout=rate)
        identity = {
            "hidden_1": nn.Affine(jnp.ones((1, 64)), jnp.zeros(64)),
            "output": nn.Affine(jnp.ones((64, 1)), jnp.zeros(1)),
        }
        return model.apply(identity, jnp.ones((200, 1)), key=jax.random.key(0)).std()

    # 64 nodes kept with probability 1 - r and divided by it: variance 64 r / (1 - r).
    rates = np.array([0.0, 0.2, 0.5], "f")
    np.testing.assert_allclose(jax.jit(jax.vmap(output_std))(rates), np.sqrt(64 * rates / (1 - rates)), rtol=0.15)


def test_predict_and_evaluate_equal_the_model_and_the_recipe() -> None:
    recipe = nn.Recipe(nn.mlp([3, 4, 2]), nn.cross_entropy, optax.sgd(0.1), reduction=jnp.sum)
    params = recipe.model.init(jax.random.key(0))
    x, labels = np.linspace(-1, 1, 15, dtype="f").reshape(5, 3), np.array([0, 1, 1, 0, 1])
    outputs = recipe.model.apply(params, x)
    np.testing.assert_allclose(nn.predict(recipe.model, params, x), outputs, rtol=1e-6)
    losses = nn.cross_entropy(outputs, labels)
    evaluation = nn.evaluate(recipe, params, (x, labels))
    np.testing.assert_allclose(evaluation, (losses.sum(), -losses.mean()), rtol=1e-6)

    def balanced(outputs, labels):
        return sklearn.metrics.balanced_accuracy_score(labels, np.asarray(outputs).argmax(axis=1))

    for score in (nn.accuracy, balanced):
        scored = nn.evaluate(recipe, params, (x, labels), score=score)
        np.testing.assert_allclose(scored.score, score(outputs, labels), rtol=1e-6)


def test_predict_compiles_once_for_a_shape_and_uses_dropout_with_a_key(compilations) -> None:
    model = nn.mlp([3, 7, 2], dropout=0.5)
    params, x = model.init(jax.random.key(0)), np.ones((5, 3), "f")
    first = nn.predict(model, params, x)
    with compilations() as events:
        np.testing.assert_array_equal(nn.predict(model, params, x), first)
    assert not events
    assert not np.array_equal(nn.predict(model, params, x, key=jax.random.key(0)), first)


def test_the_text_of_a_model_is_short() -> None:
    shown = {
        "Model(mlp 4-16-3)": nn.mlp([4, 16, 3]),
        "Model(cnn 1-8-16, 64-32-10)": nn.cnn((8, 8, 1), (8, 16), 10, hidden=(32,), norm="batch"),
        "Model(resnet 3-8-8-16-16-10)": nn.resnet((8, 8, 3), (8, 16), 10, blocks=2),
        "Model(mlp 4-3, frozen: output)": nn.freeze(nn.mlp([4, 3]), ["output"]),
        "Model(frozen: weight)": nn.freeze(nn.Model(lambda key: nn.init_dense(key, 4, 3), nn.dense), ["weight"]),
        "Model(chain of model_1, model_2)": nn.chain(nn.mlp([4, 5]), nn.relu, nn.mlp([5, 3])),
        "Model(init=dense, apply=dense)": nn.Model(nn.dense, functools.partial(nn.dense)),
    }
    assert [repr(model) for model in shown.values()] == list(shown)
    # Tables of sweeps name it so too.
    assert [name_value(model) for model in shown.values()] == list(shown)
