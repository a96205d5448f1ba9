"""Initializers of mlp and cnn; stride, norm and global pooling of cnn."""

import functools
import pickle
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxnn as nn
from helpers.errors import error_message
from jaxnn.units import Size

X = np.linspace(-1, 1, 3 * 64, dtype="f").reshape(3, 8, 8, 1)


@pytest.mark.parametrize(
    "make",
    [
        lambda **options: nn.mlp([4, 8, 3], **options),
        lambda **options: nn.cnn((4, 4, 1), (2,), 3, hidden=[8], **options),
    ],
    ids=["mlp", "cnn"],
)
def test_initializers_draw_all_weights_or_those_of_the_last_layer(make: Any) -> None:
    ones, zeros = jax.nn.initializers.ones, nn.initializers.zeros
    plain = make().init(jax.random.key(0))
    for options, last in (({}, None), ({"output_initializer": zeros}, 0)):
        params = make(initializer=ones, **options).init(jax.random.key(0))
        assert jax.tree.structure(params) == jax.tree.structure(plain)
        output = params.pop("output")
        np.testing.assert_array_equal(output.weight, 1 if last is None else last)
        for layer in params.values():
            np.testing.assert_array_equal(layer.weight, 1)
    params = make(output_initializer=zeros).init(jax.random.key(0))
    np.testing.assert_array_equal(params["output"].weight, 0)
    np.testing.assert_array_equal(params["hidden_1"].weight, plain["hidden_1"].weight)


@pytest.mark.parametrize(("name", "pool"), [("avg", jnp.mean), ("max", jnp.max)])
def test_a_strided_cnn_with_global_pooling(name: str, pool: Any) -> None:
    model = nn.cnn((8, 8, 1), (3, 4), 5, stride=2, pool=1, global_pool=name)
    params = model.init(jax.random.key(0))
    assert params["output"].weight.shape == (4, 5)

    @jax.jit
    def by_hand(params: Any, maps: Any) -> Any:
        for layer in ("conv_1", "conv_2"):
            maps = nn.relu(nn.conv(params[layer], maps, stride=2, padding="same"))
        assert maps.shape == (3, 2, 2, 4)
        return nn.dense(params["output"], pool(maps, axis=(1, 2)))

    np.testing.assert_allclose(jax.jit(model.apply)(params, X), by_hand(params, X), rtol=1e-5, atol=1e-6)


def test_batch_norm_comes_after_each_convolution_and_its_statistics_are_returned() -> None:
    model = nn.cnn((8, 8, 1), (3,), 5, norm="batch", activation=nn.softplus)
    params, where = model.init(jax.random.key(0)), np.array([True, True, False])
    assert (sorted(params), params["conv_1"].bias) == (["conv_1", "norm_1", "output"], None)

    @jax.jit
    def by_hand(params: Any, maps: Any) -> Any:
        maps = nn.conv(params["conv_1"], maps, padding="same")
        trained, norm = nn.train_batch_norm(params["norm_1"], maps, where=where)
        outputs = [nn.flatten(nn.max_pool(nn.softplus(x), 2)) for x in (trained, nn.batch_norm(params["norm_1"], maps))]
        return *(nn.dense(params["output"], x) for x in outputs), norm

    trained, evaluated, norm = by_hand(params, X)
    outputs, after = jax.jit(model.train_apply)(params, X, key=jax.random.key(1), where=where)
    np.testing.assert_allclose(outputs, trained, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(jax.jit(model.apply)(params, X), evaluated, rtol=1e-5, atol=1e-6)
    jax.tree.map(lambda *leaves: np.testing.assert_allclose(*leaves, rtol=1e-5), after["norm_1"], norm)
    assert nn.cnn((8, 8, 1), (3,), 5, norm="layer").train_apply is None


def test_normed_cnns_are_equal_if_their_options_are_and_can_be_pickled() -> None:
    one, same, other = (nn.cnn((8, 8, 1), (3,), 5, norm=norm) for norm in ("batch", "batch", None))
    assert one == same
    assert hash(one) == hash(same)
    assert pickle.loads(pickle.dumps(one)) == one
    assert one.apply != other.apply
    slow, same = (nn.cnn((8, 8, 1), (3,), 5, norm="batch", norm_options={"momentum": 0.99}) for _ in range(2))
    assert (slow == same, hash(slow) == hash(same), slow == one) == (True, True, False)


@pytest.mark.parametrize("norm", ["batch", "layer", "rms"])
def test_a_masked_cnn_with_a_norm_computes_what_the_narrow_one_does(norm: str) -> None:
    def make(channels: Any) -> nn.Model:
        return nn.cnn((8, 8, 1), (channels,), 2, norm=norm, global_pool="max", activation=nn.softplus)

    wide, narrow = make(Size(jnp.array(2), 4)), make(2)
    params = wide.init(jax.random.key(0))
    shapes = jax.eval_shape(narrow.init, jax.random.key(0))
    cut = jax.tree.map(lambda leaf, like: leaf[tuple(map(slice, like.shape))], params, shapes)
    pairs = [(wide.apply, narrow.apply)]
    if wide.train_apply is not None and narrow.train_apply is not None:
        pairs.append((wide.train_apply, narrow.train_apply))
    for masked, alone in pairs:
        outputs = (jax.jit(f)(p, X, key=jax.random.key(1)) for f, p in ((masked, params), (alone, cut)))
        actual, expected = (jax.tree.leaves(each)[0] for each in outputs)
        np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-6)


def test_group_norm_has_8_groups_or_the_most_that_divide_the_channels() -> None:
    model = nn.cnn((8, 8, 1), (16, 12), 5, norm="group")
    params = model.init(jax.random.key(0))

    @jax.jit
    def by_hand(params: Any, maps: Any) -> Any:
        for number, groups in ((1, 8), (2, 4)):
            maps = nn.conv(params[f"conv_{number}"], maps, padding="same")
            maps = nn.max_pool(nn.relu(nn.group_norm(params[f"norm_{number}"], maps, groups)), 2)
        return nn.dense(params["output"], nn.flatten(maps))

    np.testing.assert_allclose(jax.jit(model.apply)(params, X), by_hand(params, X), rtol=1e-5, atol=1e-6)


OPTIONS: dict[str, tuple[dict[str, Any], Callable]] = {
    "batch": ({"epsilon": 0.1}, lambda params, x: nn.batch_norm(params, x, epsilon=0.1)),
    "group": ({"groups": 3, "epsilon": 0.1}, lambda params, x: nn.group_norm(params, x, 3, epsilon=0.1)),
    "layer": ({"epsilon": 0.1}, lambda params, x: nn.layer_norm(params, x, epsilon=0.1)),
    "rms": ({"epsilon": 0.1}, lambda params, x: nn.rms_norm(params, x, epsilon=0.1)),
}


@pytest.mark.parametrize("norm", OPTIONS)
def test_options_reach_the_norm(norm: str) -> None:
    options, layer = OPTIONS[norm]
    model = nn.cnn((8, 8, 1), (6,), 5, norm=norm, norm_options=options, global_pool="avg")
    params = model.init(jax.random.key(0))

    @jax.jit
    def by_hand(params: Any, maps: Any) -> Any:
        maps = layer(params["norm_1"], nn.conv(params["conv_1"], maps, padding="same"))
        return nn.dense(params["output"], nn.global_avg_pool(nn.max_pool(nn.relu(maps), 2)))

    np.testing.assert_allclose(jax.jit(model.apply)(params, X), by_hand(params, X), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("make", [nn.cnn, functools.partial(nn.resnet, blocks=1)], ids=["cnn", "resnet"])
def test_momentum_may_be_traced_and_the_variance_biased(make: Any) -> None:
    @jax.jit
    def train(momentum: Any) -> Any:
        model = make((8, 8, 1), (3,), 5, norm="batch", norm_options={"momentum": momentum, "unbiased": False})
        _, params = model.train_apply(model.init(jax.random.key(0)), X, key=None)
        conv, norm = params["stem"].values() if "stem" in params else (params["conv_1"], params["norm_1"])
        return norm, nn.conv(conv, X, padding="same")

    norm, maps = train(0.75)
    np.testing.assert_allclose(norm.mean.value, 0.25 * np.mean(maps, (0, 1, 2)), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(norm.variance.value, 0.75 + 0.25 * np.var(maps, (0, 1, 2)), rtol=1e-4)


@pytest.mark.parametrize(
    ("norm", "options", "kind", "rest"),
    [
        ("layer", {"momentum": 0.9}, ValueError, "norm='layer' takes 'epsilon', not 'momentum'"),
        ("batch", {"groups": 3}, ValueError, "norm='batch' takes 'epsilon', 'momentum', 'unbiased', not 'groups'"),
        (None, {"epsilon": 0.1}, ValueError, "norm=None takes no norm_options, not 'epsilon'"),
        ("batch", 0.9, TypeError, 'norm_options must be a dict such as {"epsilon": 1e-3}, not 0.9'),
        ("batch", {"momentum": 1.5}, ValueError, 'norm_options["momentum"] must lie in [0, 1], not 1.5'),
        ("batch", {"unbiased": 1}, TypeError, 'norm_options["unbiased"] must be True or False, not 1'),
        ("rms", {"epsilon": -1.0}, ValueError, 'norm_options["epsilon"] must be at least 0, not -1.0'),
        ("group", {"groups": 2}, ValueError, 'norm_options["groups"] must divide the 3 channels, not 2'),
    ],
)
def test_wrong_options_are_refused(norm: Any, options: Any, kind: Any, rest: str, as_installed: None) -> None:
    for make in (nn.cnn, nn.resnet):
        message = error_message(kind, lambda make=make: make((8, 8, 1), (3,), 5, norm=norm, norm_options=options))
        assert message == f"{make.__name__}: {rest}"


@pytest.mark.parametrize("make", [nn.cnn, nn.resnet])
def test_group_norm_refuses_traced_channels(make: Any, as_installed: None) -> None:
    message = error_message(ValueError, lambda: make((8, 8, 1), (3, Size(jnp.array(2), 4)), 5, norm="group"))
    rule = "takes whole numbers of channels; make the sizes a choice, or take another norm"
    assert message == f"{make.__name__}: norm='group' {rule}"


def test_unknown_names_are_refused(as_installed: None) -> None:
    message = error_message(ValueError, lambda: nn.cnn((8, 8, 1), (3,), 5, norm="instance"))
    assert message == "cnn: norm must be one of 'batch', 'group', 'layer', 'rms' or None, not 'instance'"
    message = error_message(ValueError, lambda: nn.cnn((8, 8, 1), (3,), 5, global_pool="sum"))
    assert message == "cnn: global_pool must be one of 'avg', 'max' or None, not 'sum'"
