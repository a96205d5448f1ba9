"""safetensors files: ours come back with every bit, PyTorch's networks compute the same, other files are refused."""

import contextlib
import struct

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.lib.stride_tricks import sliding_window_view

import jaxnn as nn
from helpers.errors import error_message

MODEL = nn.cnn((5, 4, 2), (3,), 4, hidden=(6,), pool=1, padding="valid")
NAMES = {
    "conv_1.weight": "0.weight", "conv_1.bias": "0.bias", "hidden_1.weight": "fc1.weight",
    "hidden_1.bias": "fc1.bias", "output.weight": "fc2.weight", "output.bias": "fc2.bias",
}  # fmt: skip
SHAPES = {
    "0.weight": (3, 2, 3, 3), "0.bias": (3,), "fc1.weight": (6, 18), "fc1.bias": (6,),
    "fc2.weight": (4, 6), "fc2.bias": (4,),
}  # fmt: skip
LIKE = jax.eval_shape(MODEL.init, jax.random.key(0))


@pytest.fixture
def theirs(rng: np.random.Generator) -> dict[str, np.ndarray]:
    return {name: rng.normal(size=shape).astype(np.float32) for name, shape in SHAPES.items()}


@pytest.fixture
def path(theirs, tmp_path):
    safetensors.numpy.save_file(theirs, tmp_path / "torch.safetensors")
    return tmp_path / "torch.safetensors"


def compute_as_torch(theirs, x):
    """Computes conv, relu, flatten, dense, relu, dense on (batch, channels, height, width), as PyTorch defines them."""
    windows = sliding_window_view(x, (3, 3), axis=(2, 3))
    maps = np.einsum("bihwkl,oikl->bohw", windows, theirs["0.weight"]) + theirs["0.bias"][:, None, None]
    flat = np.maximum(maps, 0).reshape(len(x), -1)
    hidden = np.maximum(flat @ theirs["fc1.weight"].T + theirs["fc1.bias"], 0)
    return hidden @ theirs["fc2.weight"].T + theirs["fc2.bias"]


def test_a_network_of_torch_computes_the_same(theirs, path, rng: np.random.Generator) -> None:
    params = nn.load_safetensors(path, like=LIKE, names=NAMES, layout="torch")
    channels, height, width = 3, 3, 2
    # The two lines of the docstring.
    rows = params["hidden_1"].weight.reshape(channels, height, width, -1).transpose(1, 2, 0, 3)
    params["hidden_1"] = params["hidden_1"]._replace(weight=rows.reshape(height * width * channels, -1))
    x = rng.normal(size=(7, 2, 5, 4)).astype(np.float32)
    outputs = nn.predict(MODEL, params, x.transpose(0, 2, 3, 1))
    np.testing.assert_allclose(outputs, compute_as_torch(theirs, x), rtol=1e-4, atol=1e-5)
    assert all(isinstance(leaf, jax.Array) for leaf in jax.tree.leaves(params))


def test_only_the_weights_of_affines_are_transposed_and_only_from_torch(tmp_path) -> None:
    square = np.arange(9, dtype="f").reshape(3, 3)
    params = {"a": nn.Affine(square, np.zeros(3, "f")), "table": square}
    path = nn.save_safetensors(params, tmp_path / "square.safetensors")
    transposed = nn.load_safetensors(path, like=params, layout="torch")
    np.testing.assert_array_equal(transposed["a"].weight, square.T)
    np.testing.assert_array_equal(transposed["table"], square)
    np.testing.assert_array_equal(nn.load_safetensors(path, like=params)["a"].weight, square)


def test_a_layer_without_bias_has_its_weight_alone_in_the_file(tmp_path) -> None:
    params = {"a": nn.Affine(np.arange(6, dtype="f").reshape(2, 3), None)}
    path = nn.save_safetensors(params, tmp_path / "a.safetensors")
    assert set(safetensors.numpy.load_file(path)) == {"a.weight"}
    loaded = nn.load_safetensors(path, like=params)["a"]
    assert loaded.bias is None
    np.testing.assert_array_equal(loaded.weight, params["a"].weight)
    theirs = {"a": nn.Affine(np.zeros((3, 2), "f"), None)}
    np.testing.assert_array_equal(
        nn.load_safetensors(path, like=theirs, layout="torch")["a"].weight, params["a"].weight.T
    )


def test_every_bit_comes_back_under_names_joined_by_dots(tmp_path) -> None:
    params = {
        "layers": [nn.init_dense(jax.random.key(0), 2, 3), np.array([1, -2], np.int16).repeat(2)[::-1]],
        "halves": jnp.array([1.5, jnp.nan], jnp.bfloat16),
        "deep": {"transposed": np.arange(6.0).reshape(2, 3).T, "truth": np.array(True)},
    }
    path = nn.save_safetensors(params, tmp_path / "ours.safetensors")
    assert set(safetensors.numpy.load_file(path)) == {
        "layers.0.weight", "layers.0.bias", "layers.1", "halves", "deep.transposed", "deep.truth"
    }  # fmt: skip
    loaded = nn.load_safetensors(path, like=params)
    assert jax.tree.structure(loaded) == jax.tree.structure(params)
    for one, other in zip(jax.tree.leaves(params), jax.tree.leaves(loaded), strict=True):
        assert (one.dtype, one.shape, isinstance(one, jax.Array)) == (
            other.dtype, other.shape, isinstance(other, jax.Array)
        )  # fmt: skip
        assert np.asarray(one).tobytes() == np.asarray(other).tobytes()


def test_errors_name_a_wrong_shape_dtype_or_name(path, theirs) -> None:
    def load(like=LIKE, names=NAMES, **options):
        return lambda: nn.load_safetensors(path, like=like, names=names, layout="torch", **options)

    wide = {**LIKE, "output": nn.Affine(jax.ShapeDtypeStruct((6, 5), "float32"), jax.ShapeDtypeStruct((5,), "float32"))}
    words = error_message(nn.CheckpointError, load(wide))
    assert words == f"load_safetensors: {path}: output.weight (fc2.weight) has shape (6, 4), `like` has (6, 5)"
    halves = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, jnp.bfloat16), LIKE)
    assert error_message(nn.CheckpointError, load(halves)).endswith("has dtype float32, `like` has bfloat16")
    words = error_message(nn.CheckpointError, load(names={**NAMES, "output.bias": "fc9.bias"}))
    assert words == f"load_safetensors: {path} has missing names: fc9.bias; unexpected names: fc2.bias"
    words = error_message(ValueError, load(names={"fc1.weight": "hidden_1.weight"}))
    assert words.startswith("load_safetensors: names has fc1.weight, but `like` has conv_1.weight, conv_1.bias, ")
    words = error_message(nn.CheckpointError, load(names=None))
    assert words.startswith(f"load_safetensors: {path} has missing names: conv_1.bias, ")
    words = error_message(ValueError, lambda: nn.load_safetensors(path, like=LIKE, layout="keras"))
    assert words == 'load_safetensors: layout must be "jaxnn" or "torch", not \'keras\''


def test_names_can_be_ignored(theirs, path) -> None:
    safetensors.numpy.save_file({**theirs, "steps": np.zeros((), np.int64)}, path)
    words = error_message(nn.CheckpointError, lambda: nn.load_safetensors(path, like=LIKE, names=NAMES, layout="torch"))
    assert words == f"load_safetensors: {path} has unexpected names: steps"
    loaded = nn.load_safetensors(path, like=LIKE, names=NAMES, layout="torch", ignore=["steps"])
    np.testing.assert_array_equal(loaded["output"].bias, theirs["fc2.bias"])


@pytest.mark.parametrize("leaf", ["text", None, 1j, np.array(["a"]), jax.random.key(0)], ids=str)
def test_a_leaf_that_is_not_numeric_is_refused(leaf, tmp_path) -> None:
    tree = {"deep": [leaf if leaf is not None else object()]}
    for caller, call in {
        "save": lambda: nn.save_safetensors(tree, tmp_path / "x"),
        "load": lambda: nn.load_safetensors(tmp_path / "x", like=tree),
    }.items():
        assert error_message(TypeError, call).startswith(
            f"{caller}_safetensors: deep.0 must be an array of real numbers, not"
        )
    words = error_message(
        ValueError, lambda: nn.save_safetensors({"a.b": np.ones(1), "a": {"b": np.ones(1)}}, tmp_path)
    )
    assert words == "save_safetensors: two leaves have the name a.b"
    assert list(tmp_path.iterdir()) == []


@settings(max_examples=150)
@given(st.binary(max_size=200), st.integers(0, 150), st.integers(0, 2**40))
def test_damaged_files_are_a_checkpoint_error_or_other_numbers(tmp_path_factory, junk, index, length) -> None:
    like = {"w": np.arange(6, dtype="f").reshape(2, 3)}
    good, path = safetensors.numpy.save(like), tmp_path_factory.getbasetemp() / "damaged.safetensors"
    for content in (junk, good[:index], good[:index] + junk + good[index:], struct.pack("<Q", length) + good[8:]):
        path.write_bytes(content)
        with contextlib.suppress(nn.CheckpointError):
            assert nn.load_safetensors(path, like=like)["w"].shape == (2, 3)


def test_files_that_do_not_exist_are_errors_of_the_system(tmp_path) -> None:
    with pytest.raises(FileNotFoundError):
        nn.load_safetensors(tmp_path / "nothing", like={})
    with pytest.raises(IsADirectoryError):
        nn.load_safetensors(tmp_path, like={})
    with pytest.raises(FileNotFoundError, match=r"save_safetensors: .*missing/x could not be written: No such file"):
        nn.save_safetensors({"w": np.ones(1)}, tmp_path / "missing" / "x")
