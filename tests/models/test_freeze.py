"""Frozen parts learn nothing, use stored statistics, and cost no gradient; the rest trains as it would alone."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxnn as nn
from helpers.errors import error_message
from helpers.resumable_runs import assert_same_bits

X = np.random.default_rng(0).normal(1, 2, (12, 4, 4, 1)).astype("f")
LABELS = np.arange(12) % 3
FEATURES = nn.cnn((4, 4, 1), (3,), 5, norm="batch", pool=1, global_pool="avg")
HEAD = nn.mlp([5, 3])


def trained(model: Any = FEATURES):
    """Params whose running statistics are not the first ones."""
    _, params = jax.jit(model.train_apply)(model.init(jax.random.key(0)), X, key=None)
    return params


def fit(model: nn.Model, x=X, params=None, **options) -> nn.FitResult:
    recipe = nn.Recipe(model, nn.cross_entropy, optax.adam(0.05), batch_size=5, **options)
    return nn.fit(recipe, (x, LABELS), key=jax.random.key(2), epochs=3, params=params)


def test_a_head_on_frozen_features_trains_as_on_the_outputs_of_their_evaluation() -> None:
    features = trained()
    model = nn.chain(features=nn.freeze(FEATURES, ["*"], params=features), head=HEAD)
    start = model.init(jax.random.key(1))
    fitted = fit(model, params=start)
    alone = fit(HEAD, np.asarray(nn.predict(FEATURES, features, X)), params=start["head"])
    np.testing.assert_allclose(fitted.losses, alone.losses, rtol=1e-4)
    assert fitted.losses[-1] < fitted.losses[0]
    assert_same_bits(nn.unfreeze(fitted.params)["features"], features)
    learned = [leaf.shape for leaf in jax.tree.leaves(nn.partition(fitted.params)[0])]
    assert learned == [leaf.shape for leaf in jax.tree.leaves(start["head"])]


def test_frozen_norms_keep_their_statistics_and_others_do_not() -> None:
    network = nn.resnet((4, 4, 1), (3,), 3, blocks=1)
    before = trained(network)
    model = nn.freeze(network, ["stem", "block_1.norm_1"], params=before)
    fitted = fit(model)
    after = nn.unfreeze(fitted.params)
    assert_same_bits(after["stem"], before["stem"])
    assert_same_bits(after["block_1"]["norm_1"], before["block_1"]["norm_1"])
    for name in ("conv_1", "norm_2"):
        for old, new in zip(*(jax.tree.leaves(params["block_1"][name]) for params in (before, after)), strict=True):
            assert (old != new).any()
    np.testing.assert_array_equal(network.apply(after, X), model.apply(fitted.params, X))


def test_parts_that_params_lack_are_drawn() -> None:
    network = nn.mlp([2, 3, 4])
    model = nn.freeze(network, ["hidden_1"], params={"hidden_1": nn.Affine(jnp.ones((2, 3)), jnp.zeros(3))})
    params = model.init(jax.random.key(0))
    assert isinstance(params["hidden_1"], nn.Frozen)
    np.testing.assert_array_equal(params["hidden_1"].params.weight, np.ones((2, 3)))
    assert_same_bits(params["output"], network.init(jax.random.key(0))["output"])


@pytest.mark.parametrize("name", ["*norm*", "stem.norm", "stem.*", "st?m"])
def test_names_may_have_wild_cards(name: str) -> None:
    params = nn.freeze(nn.resnet((4, 4, 1), (3,), 3, blocks=1), [name]).init(jax.random.key(0))
    part = params["stem"]
    assert isinstance(part if name == "st?m" else part["norm"], nn.Frozen)
    assert isinstance(params["block_1"]["conv_1"], nn.Affine)
    assert isinstance(params["block_1"]["norm_2"], nn.Frozen) == (name == "*norm*")


def test_a_sweep_replays_saves_and_loads_frozen_parts_to_the_bit(tmp_path) -> None:
    features = trained()

    def make_recipe(hypers: dict) -> nn.Recipe:
        model = nn.chain(features=nn.freeze(FEATURES, ["*_1"], params=features), head=HEAD)
        return nn.Recipe(model, nn.cross_entropy, optax.sgd(hypers["rate"]), batch_size=5, ema=0.5)

    result = nn.sweep(
        make_recipe, {"rate": nn.log_uniform(0.01, 1)}, (X, LABELS), key=jax.random.key(0), trials=3, epochs=2, folds=2,
        progress=False, directory=tmp_path,
    )  # fmt: skip
    best = result.best
    for lane in (0, 1):
        kept = nn.unfreeze(result.params(best.trial, lane=lane))["features"]
        assert_same_bits(
            {name: kept[name] for name in ("conv_1", "norm_1")}, {name: features[name] for name in ("conv_1", "norm_1")}
        )
        assert (kept["output"].weight != features["output"].weight).any()
    assert_same_bits(result.replay(best.trial).params, best.params)
    loaded = nn.sweeps.load(tmp_path).best.params
    assert jax.tree.structure(loaded) == jax.tree.structure(best.params)
    assert_same_bits(loaded, best.params)


NETWORK = nn.mlp([2, 3, 4])


@pytest.mark.parametrize(
    ("arguments", "kind", "rest"),
    [
        (([3],), TypeError, 'names must be a sequence of strings such as ["block_1"], not [3]'),
        (("output",), TypeError, "names must be a sequence of strings such as [\"block_1\"], not 'output'"),
        (
            (["hidden_2"],), ValueError,
            "no part of the params has the name 'hidden_2'; at the top are hidden_1, output",
        ),
        ((["output"], [1]), TypeError, "params must be a dict, as model.init makes it"),
        (
            (["output"], {"head": 1}), ValueError,
            "params must match those that model.init makes: the model has no head",
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(arguments: tuple, kind: type[Exception], rest: str, as_installed: None) -> None:
    names, *params = arguments
    message = error_message(kind, lambda: nn.freeze(NETWORK, names, params=params[0] if params else None))
    assert message == f"freeze: {rest}"


def test_a_model_that_is_frozen_as_a_whole_has_nothing_to_learn(as_installed: None) -> None:
    message = error_message(ValueError, lambda: fit(nn.freeze(FEATURES, ["*"])))
    assert message.endswith("the model has nothing to learn: model.init makes no params but buffers")
