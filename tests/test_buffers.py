"""The public `partition`, `merge` and `judged_params`, which a loop of one's own needs for models with buffers."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxnn as nn


def test_merge_puts_newer_parts_in_their_places() -> None:
    params = {"norm": nn.init_batch_norm(2), "weight": jnp.ones(3), "absent": None}
    learned, buffers = nn.partition(params)
    assert len(jax.tree.leaves(learned)) == 3
    assert len(jax.tree.leaves(buffers)) == 2
    doubled = nn.merge(jax.tree.map(lambda leaf: 2 * leaf, learned), buffers)
    assert jax.tree.structure(doubled) == jax.tree.structure(params)
    np.testing.assert_array_equal(doubled["weight"], 2.0)
    np.testing.assert_array_equal(doubled["norm"].variance.value, params["norm"].variance.value)


def test_without_buffers_params_are_all_learned() -> None:
    params = {"weight": jnp.ones(3)}
    assert nn.partition(params) == (params, None)
    assert nn.merge(params, None) is params


def test_merge_refuses_another_structure() -> None:
    learned, buffers = nn.partition({"weight": jnp.ones(3), "steps": nn.Buffer(jnp.zeros(()))})
    with pytest.raises(ValueError, match="weight"):
        nn.merge({"steps": None}, buffers)
    assert learned["steps"] is None


def test_judged_params_are_the_mean_with_the_latest_buffers() -> None:
    recipe = nn.Recipe(nn.resnet((4, 4, 1), (2,), 2, blocks=1), nn.cross_entropy, optax.sgd(0.1), ema=0.5)
    state = nn.init_training(recipe, jax.random.key(0))
    mean, _ = nn.partition(nn.judged_params(state))
    jax.tree.map(np.testing.assert_array_equal, mean, state.optimizer_state.mean)
    doubled = state._replace(params=jax.tree.map(lambda leaf: 2 * leaf, state.params))
    mean, buffers = nn.partition(nn.judged_params(doubled))
    jax.tree.map(np.testing.assert_array_equal, mean, state.optimizer_state.mean)
    jax.tree.map(np.testing.assert_array_equal, buffers, nn.partition(doubled.params)[1])
