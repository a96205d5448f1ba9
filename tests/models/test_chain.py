"""Models one after another: names, keys, buffers and what is refused."""

import pickle
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import jaxnn as nn
from helpers.errors import error_message
from jaxnn._checks.functions import never_changes

X = np.linspace(-1, 1, 64, dtype="f").reshape(4, 4, 4, 1)


def test_each_model_takes_the_outputs_of_the_one_before_it() -> None:
    features, head = nn.cnn((4, 4, 1), (3,), 5), nn.mlp([5, 6, 2])
    model = nn.chain(features=features, head=head)
    params = model.init(jax.random.key(0))
    assert list(params) == ["features", "head"]
    expected = head.apply(params["head"], features.apply(params["features"], X))
    np.testing.assert_array_equal(model.apply(params, X), expected)
    assert model.train_apply is None


def test_models_without_names_are_numbered_and_come_first() -> None:
    model = nn.chain(nn.mlp([3, 4]), nn.mlp([4, 5]), head=nn.mlp([5, 2]))
    params = model.init(jax.random.key(0))
    assert {name: part["output"].weight.shape for name, part in params.items()} == {
        "model_1": (3, 4),
        "model_2": (4, 5),
        "head": (5, 2),
    }


def test_functions_come_between_models_and_have_no_params() -> None:
    first, second = nn.mlp([3, 4]), nn.mlp([4, 2], dropout=0.5)
    model = nn.chain(abs, first, nn.relu, double=lambda x: 2 * x, last=second)
    x, params = np.linspace(-1, 1, 15, dtype="f").reshape(5, 3), model.init(jax.random.key(0))
    jax.tree.map(np.testing.assert_array_equal, params, nn.chain(first, last=second).init(jax.random.key(0)))
    hidden = 2 * nn.relu(first.apply(params["model_1"], abs(x)))
    np.testing.assert_allclose(model.apply(params, x), second.apply(params["last"], hidden), rtol=1e-6)
    # The keys are those of a chain of the models alone.
    drawn = second.apply(params["last"], hidden, key=jax.random.split(jax.random.key(1))[1])
    np.testing.assert_allclose(model.apply(params, x, key=jax.random.key(1)), drawn, rtol=1e-6)
    normed = nn.chain(lambda x: x / 2, nn.Model(init_norm, apply_norm, train_norm))
    wide = np.linspace(-1, 1, 20, dtype="f").reshape(5, 4)
    norm = normed.init(jax.random.key(0))
    assert normed.train_apply is not None
    outputs, _ = normed.train_apply(norm, wide, key=None)
    np.testing.assert_allclose(outputs, train_norm(norm["model_1"], wide / 2, key=None)[0], rtol=1e-6)


def test_each_model_has_its_own_keys() -> None:
    model = nn.chain(nn.mlp([64, 64, 64], dropout=0.5), nn.mlp([64, 64, 64], dropout=0.5))
    params = model.init(jax.random.key(0))
    weights = [params[name]["output"].weight for name in ("model_1", "model_2")]
    assert not np.array_equal(*weights)
    identity = jax.tree.map(lambda leaf: jnp.eye(64) if leaf.ndim == 2 else jnp.zeros(64), params)
    outputs = np.asarray(model.apply(identity, jnp.ones((50, 64)), key=jax.random.key(1)))
    # The product of two masks: a quarter remains.
    assert set(np.unique(outputs)) == {0.0, 4.0}
    assert abs((outputs > 0).mean() - 0.25) < 0.03
    np.testing.assert_array_equal(model.apply(identity, jnp.ones((50, 64))), 1)


def make_normed() -> nn.Model:
    return nn.chain(nn.mlp([3, 4], dropout=0.5), norm=nn.Model(init_norm, apply_norm, train_norm), last=nn.mlp([4, 2]))


def init_norm(key: Any) -> nn.BatchNormParams:
    return nn.init_batch_norm(4)


def apply_norm(params: nn.BatchNormParams, x: Any, *, key: Any = None) -> Any:
    return nn.batch_norm(params, x)


def train_norm(params: nn.BatchNormParams, x: Any, *, key: Any, where: Any = None) -> Any:
    return nn.train_batch_norm(params, x, where=where)


def test_buffers_and_the_mask_reach_the_model_that_has_them() -> None:
    model, x = make_normed(), np.linspace(-1, 1, 15, dtype="f").reshape(5, 3)
    params, where = model.init(jax.random.key(0)), np.array([True, True, True, False, False])
    assert model.train_apply is not None
    outputs, after = model.train_apply(params, x, key=jax.random.key(1), where=where)
    hidden = nn.dense(params["model_1"]["output"], x)
    normed, norm = nn.train_batch_norm(params["norm"], hidden, where=where)
    np.testing.assert_allclose(outputs, nn.dense(params["last"]["output"], normed), rtol=1e-6)
    np.testing.assert_allclose(after["norm"].mean.value, norm.mean.value, rtol=1e-6)
    jax.tree.map(np.testing.assert_array_equal, after | {"norm": params["norm"]}, params)


def test_equal_chains_are_equal_and_can_be_pickled() -> None:
    one, same = make_normed(), make_normed()
    assert one == same
    assert hash(one) == hash(same)
    assert pickle.loads(pickle.dumps(one)) == one


def test_a_chain_changes_if_one_of_its_functions_may() -> None:
    assert never_changes(nn.chain(nn.mlp([3, 4])).apply)
    assert not never_changes(make_normed().apply)


def test_what_is_no_model_is_refused(as_installed: None) -> None:
    three: Any = 3
    message = error_message(TypeError, lambda: nn.chain(nn.mlp([3, 4]), head=three))
    assert message == "chain: head: model must be a Model, a pair of functions (init, apply), not 3"
    assert error_message(ValueError, lambda: nn.chain(nn.relu)) == "chain: there must be at least one model"
    assert error_message(ValueError, lambda: nn.chain()) == "chain: there must be at least one model"
    message = error_message(ValueError, lambda: nn.chain(nn.mlp([3, 4]), model_1=nn.mlp([4, 4])))
    assert message == "chain: model_1 is the name of a model without a name; choose another"
