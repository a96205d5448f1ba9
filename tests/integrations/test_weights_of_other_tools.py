"""Networks of other tools compute the same here, and their weights come back with every bit.

The file beside this one holds weights, x and outputs of networks of PyTorch 2.13, Flax 0.12 (linen), Keras 3.15 and
scikit-learn 1.9: drawn weights and statistics, x from `default_rng(0).normal`, batch first with the channels last. The
weights are those of `state_dict()`, of the variables that `jax.tree` has sorted, of `get_weights()`, and coefs_ and
intercepts_. The ResNet of PyTorch has torchvision's names.
"""

import functools
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import jaxnn as nn
from jaxnn.integrations import flax, keras, pytorch, sklearn
from jaxnn.models.parts import find_norms_after

with np.load(Path(__file__).parent / "weights_of_other_tools.npz") as _file:
    ARRAYS = dict(_file)

CNN = nn.cnn((8, 12, 2), (3, 4), 3, norm="batch")
RESNET = nn.resnet((8, 7, 3), (3, 4), 3, blocks=1)
MODELS = {
    "pytorch/mlp": nn.mlp([4, 6, 3], activation=nn.tanh),
    "pytorch/cnn": nn.cnn((8, 12, 2), (3, 4), 3, hidden=(5,), norm="batch"),
    "pytorch/strided cnn": nn.cnn((8, 6, 2), (3,), 3, stride=2, pool=1, padding=1),
    "pytorch/resnet": nn.resnet((8, 7, 3), (3, 4), 3, blocks=2),
    "flax/mlp": nn.mlp([4] + [3] * 12, activation=nn.tanh),
    "flax/cnn": CNN,
    "flax/strided group norm": nn.cnn((8, 8, 2), (2,), 3, stride=2, norm="group"),
    "flax/resnet": RESNET,
    "keras/mlp": nn.mlp([4, 6, 3], activation=nn.tanh),
    "keras/cnn": CNN,
    "keras/strided cnn": nn.cnn((8, 6, 2), (3,), 3, stride=2, pool=1),
    "sklearn/classifier": nn.mlp([4, 6, 5, 3], activation=nn.tanh),
    "sklearn/two classes": nn.mlp([4, 6, 1], activation=nn.sigmoid),
    "sklearn/regressor": nn.mlp([4, 6, 1]),
}
LINKS = {"sklearn/classifier": nn.softmax, "sklearn/two classes": nn.sigmoid}
LOAD = {"pytorch": pytorch.load, "flax": flax.load, "keras": keras.load, "sklearn": sklearn.load}


def read_weights(name: str) -> Any:
    """Returns the weights of a network in the form of its tool."""
    start = f"{name}/weights/"
    flat = {path.removeprefix(start): array for path, array in ARRAYS.items() if path.startswith(start)}
    if name.startswith("pytorch"):
        return flat
    if name.startswith("keras"):
        return list(flat.values())
    nested: dict[str, Any] = {}
    for path, array in flat.items():
        *parents, last = path.split("/")
        node = nested
        for parent in parents:
            node = node.setdefault(parent, {})
        node[last] = array
    if name.startswith("flax"):
        return nested
    return SimpleNamespace(**{field: list(arrays.values()) for field, arrays in nested.items()})


def draw_params(model: nn.Model, seed: int) -> Any:
    rng = np.random.default_rng(seed)
    shapes = jax.eval_shape(model.init, jax.random.key(0))
    return jax.tree.map(lambda leaf: rng.normal(size=leaf.shape).astype(leaf.dtype), shapes)


def assert_same(actual: Any, expected: Any) -> None:
    assert jax.tree.structure(actual) == jax.tree.structure(expected)
    jax.tree.map(np.testing.assert_array_equal, actual, expected)


@pytest.mark.parametrize("name", MODELS)
def test_a_network_of_another_tool_computes_the_same(name: str) -> None:
    model = MODELS[name]
    params = LOAD[name.split("/")[0]](model, read_weights(name))
    outputs = LINKS.get(name, np.asarray)(nn.predict(model, params, ARRAYS[f"{name}/x"]))
    expected = ARRAYS[f"{name}/outputs"]
    np.testing.assert_allclose(outputs, expected, rtol=1e-5, atol=1e-5 * abs(expected).max())


@pytest.mark.parametrize("name", MODELS)
def test_its_weights_come_back(name: str) -> None:
    model, theirs = MODELS[name], read_weights(name)
    tool = name.split("/")[0]
    params = LOAD[tool](model, theirs)
    if tool == "pytorch":
        back = pytorch.state_dict(model, params, like=theirs)
        assert list(back) == list(theirs)
        assert all(array.flags.c_contiguous and array.dtype == theirs[path].dtype for path, array in back.items())
        assert_same(back, theirs)
    elif tool == "flax":
        shapes = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype), theirs)
        assert_same(flax.as_variables(model, params, like=shapes), theirs)
    elif tool == "keras":  # the variances are rounded twice
        for array, expected in zip(keras.weights(model, params, like=theirs), theirs, strict=True):
            np.testing.assert_allclose(array, expected, rtol=1e-6)
    else:
        weights, biases = sklearn.coefficients(model, params)
        assert_same(weights, [weight.astype("f") for weight in theirs.coefs_])
        assert_same(biases, [bias.astype("f") for bias in theirs.intercepts_])


def make_cnn(*arguments: Any) -> nn.Model:
    image, channels, hidden, norm, pool = arguments
    return nn.cnn(image, channels, 3, hidden=hidden, norm=norm, pool=1, global_pool=pool)


def make_resnet(*arguments: Any) -> nn.Model:
    channels, blocks, norm, preactivation = arguments
    return nn.resnet((4, 5, 2), channels, 3, blocks=blocks, norm=norm, preactivation=preactivation)


def sizes(least: int, most: int) -> st.SearchStrategy:
    return st.lists(st.integers(1, 4), min_size=least, max_size=most).map(tuple)


NORMS = st.sampled_from([None, "batch", "layer"])
# A network is built in the test, since hypothesis refuses random numbers in a strategy.
NETWORKS = st.one_of(
    st.tuples(st.just(nn.mlp), sizes(2, 4)),
    st.tuples(st.just(make_cnn), sizes(2, 4), sizes(1, 3), sizes(0, 2), NORMS, st.sampled_from([None, "avg"])),
    st.tuples(st.just(make_resnet), sizes(1, 2), st.integers(1, 2), NORMS, st.booleans()),
)


@settings(max_examples=30)
@given(network=NETWORKS, seed=st.integers(0, 100))
def test_params_go_to_pytorch_and_back(network: tuple[Any, ...], seed: int) -> None:
    make, *arguments = network
    model = make(*arguments)
    params = draw_params(model, seed)
    own = pytorch.state_dict(model, params)
    assert_same(pytorch.load(model, own), params)
    renamed = {f"net.{name}": np.zeros_like(array) for name, array in own.items()}
    back = pytorch.state_dict(model, params, like=renamed)
    assert_same(back, {f"net.{name}": array for name, array in own.items()})


def test_pytorch_flattens_channels_first() -> None:
    model = nn.cnn((2, 3, 1), (2,), 1, pool=1, window=1)
    params = {
        "conv_1": nn.Affine(np.array([[[[1.0, 10.0]]]], "f"), np.zeros(2, "f")),
        "output": nn.Affine(np.arange(12, dtype="f")[:, None], np.zeros(1, "f")),
    }
    arrays = pytorch.state_dict(model, params)
    assert arrays["output.weight"].tolist() == [[0, 2, 4, 6, 8, 10, 1, 3, 5, 7, 9, 11]]
    assert arrays["conv_1.weight"].shape == (2, 1, 1, 1)


def test_names_pair_layers_in_another_order() -> None:
    model = nn.mlp([3, 3, 3])
    theirs = {
        f"{layer}.{field}": np.zeros((3, 3)[: 2 - (field == "bias")]) for layer in "ab" for field in ("weight", "bias")
    }
    theirs["b.weight"] = np.full((3, 3), 7.0)
    assert pytorch.load(model, theirs)["output"].weight[0, 0] == 7
    params = pytorch.load(model, theirs, names={"hidden_1": "b"})
    assert params["hidden_1"].weight[0, 0] == 7
    assert_same(pytorch.state_dict(model, params, like=theirs, names={"hidden_1": "b"}), theirs)


def test_the_count_of_batches_is_that_of_the_network() -> None:
    theirs = read_weights("pytorch/cnn")
    counted = {name: np.array(7) if "tracked" in name else array for name, array in theirs.items()}
    model = MODELS["pytorch/cnn"]
    back = pytorch.state_dict(model, pytorch.load(model, counted), like=counted)
    assert [int(array) for name, array in back.items() if "tracked" in name] == [7, 7]


BIASED = {
    "cnn": (nn.cnn((4, 4, 2), (3, 4), 3, norm="batch"), (4, 4, 2), 2),
    "resnet": (nn.resnet((4, 5, 2), (3, 4), 3, blocks=1), (4, 5, 2), 6),
    "preactivated": (nn.resnet((4, 5, 2), (3, 4), 3, blocks=1, preactivation=True), (4, 5, 2), 2),
    "chain": (nn.chain(lambda x: x, nn.cnn((4, 4, 2), (3,), 3, norm="batch")), (4, 4, 2), 1),
}


@pytest.mark.parametrize("name", BIASED)
def test_a_bias_before_a_batch_norm_is_taken_off_the_mean(name: str) -> None:
    model, image, count = BIASED[name]
    params = jax.tree.map(lambda leaf: abs(leaf) + 0.1, draw_params(model, 0))
    convolutions = find_norms_after(model.apply)
    arrays, biased = pytorch.state_dict(model, params), jax.tree.map(lambda leaf: leaf, params)
    for i, path in enumerate(convolutions):
        *parents, last = path.split(".")
        node = functools.reduce(dict.__getitem__, parents, biased)
        if last in node:  # blocks that do not project have no shortcut
            bias = arrays[f"{path}.bias"] = np.arange(1, node[last].weight.shape[-1] + 1, dtype="f") + i
            node[last] = node[last]._replace(bias=bias)
    assert len(jax.tree.leaves(biased)) - len(jax.tree.leaves(params)) == count
    loaded, x = pytorch.load(model, arrays), np.random.default_rng(0).normal(size=(5, *image)).astype("f")
    assert jax.tree.structure(loaded) == jax.tree.structure(params)
    np.testing.assert_allclose(model.apply(loaded, x), model.apply(biased, x), rtol=1e-4, atol=1e-4)
    trained, expected = (model.train_apply(each, x, key=None)[0] for each in (loaded, biased))
    np.testing.assert_allclose(trained, expected, rtol=1e-4, atol=1e-4)
    assert_same(pytorch.load(model, pytorch.state_dict(model, loaded, like=arrays)), loaded)


def test_a_bias_of_keras_and_of_flax_before_a_batch_norm() -> None:
    model = nn.cnn((2, 2, 1), (3,), 2, norm="batch")
    params = draw_params(model, 0)
    (kernel, _), norm, output = params["conv_1"], params["norm_1"], params["output"]
    bias = np.array([1.0, -2.0, 3.0], "f")
    arrays = [kernel, bias, norm.scale, norm.bias, norm.mean.value, norm.variance.value, *output]
    loaded = keras.load(model, arrays, epsilon=1e-5)
    np.testing.assert_array_equal(loaded["norm_1"].mean.value, norm.mean.value - bias)
    back = keras.weights(model, loaded, like=arrays, epsilon=1e-5)
    assert_same(back, [kernel, 0 * bias, *arrays[2:4], norm.mean.value - bias, *arrays[5:]])
    statistics = {"BatchNorm_0": {"mean": norm.mean.value, "var": norm.variance.value}}
    layers = {"BatchNorm_0": {"scale": norm.scale, "bias": norm.bias}, "Conv_0": {"kernel": kernel, "bias": bias}}
    layers["Dense_0"] = {"kernel": output.weight, "bias": output.bias}
    variables = {"params": layers, "batch_stats": statistics}
    assert_same(flax.load(model, variables), loaded)
    shapes = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype), variables)
    written = flax.as_variables(model, loaded, like=shapes)
    assert written["params"]["Conv_0"]["bias"].tolist() == [0, 0, 0]
    assert_same(flax.load(model, written), loaded)


def test_keras_weights_by_name() -> None:
    theirs = read_weights("keras/mlp")
    by_name = {"input": [], "dense": theirs[:2], "tanh": [], "dense_1": theirs[2:]}
    model = MODELS["keras/mlp"]
    params = keras.load(model, by_name)
    assert_same(params, keras.load(model, theirs))
    assert_same(keras.weights(model, params, like=by_name), by_name)


def test_batch_norms_of_keras_may_follow_each_other_where_branches_meet() -> None:
    params = draw_params(CNN, 0)
    affines = [params[name] for name in ("conv_1", "conv_2", "output")]
    norms = [array for name in ("norm_1", "norm_2") for array in jax.tree.leaves(params[name])]
    theirs = [affines[0].weight, affines[1].weight, *norms, *affines[2]]
    assert_same(keras.load(CNN, theirs, epsilon=1e-5), params)


@pytest.mark.parametrize(
    "make", [lambda model: model, lambda model: nn.chain(lambda x: x, model)], ids=["cnn", "chain"]
)
def test_a_model_with_the_epsilon_of_keras_takes_the_variances_as_they_are(make: Any) -> None:
    model = make(nn.cnn((8, 12, 2), (3, 4), 3, norm="batch", norm_options={"epsilon": 1e-3, "momentum": 0.99}))
    theirs = read_weights("keras/cnn")
    params = keras.load(model, theirs)
    np.testing.assert_array_equal(params.get("model_1", params)["norm_1"].variance.value, theirs[4])
    outputs = nn.predict(model, params, ARRAYS["keras/cnn/x"])
    np.testing.assert_allclose(outputs, ARRAYS["keras/cnn/outputs"], rtol=1e-5, atol=1e-5)


def test_nothing_is_imported_before_it_is_used_and_no_tool_ever() -> None:
    program = """if True:
        import sys
        import numpy as np
        import jaxnn as nn
        assert not [name for name in sys.modules if name.startswith("jaxnn.integrations.pytorch")]
        assert "pytorch" in dir(nn.integrations) and not hasattr(nn.integrations, "pytorhc")
        model = nn.mlp([2, 1])
        params = nn.integrations.pytorch.load(model, {"0.weight": np.ones((1, 2)), "0.bias": np.zeros(1)})
        nn.integrations.flax, nn.integrations.keras
        assert not {"torch", "flax", "keras", "tensorflow", "sklearn"} & set(sys.modules)
    """
    done = subprocess.run([sys.executable, "-P", "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
