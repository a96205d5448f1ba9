"""save and load: every bit comes back, or a CheckpointError names what is wrong; no file is executed or lost."""

import hashlib
import io
import json
import resource
import stat
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as stnp

import jaxnn as nn


class Pair(NamedTuple):
    first: object
    second: object


def tree_of_every_type():
    model = nn.mlp([3, 2])
    recipe = nn.Recipe(model, nn.cross_entropy, optax.adamw(optax.cosine_decay_schedule(0.1, 9)))
    return {
        "training": nn.init_training(recipe, jax.random.key(3)),
        "keys": jax.random.split(jax.random.key(0, impl="rbg"), 2),
        "halves": jnp.array([1.5, jnp.nan, jnp.inf], jnp.bfloat16),
        "eights": jnp.array([0.5, -2.0], jnp.float8_e4m3fn),
        "pair": Pair(np.arange(6.0).reshape(2, 3).T, [np.zeros((0, 2), np.int16), jnp.array([True, False])]),
        "numbers": (3, 2.5, True, 1 - 2j, np.float32(7)),
        "nothing": None,
    }


def assert_same(one, other):
    assert jax.tree.structure(one) == jax.tree.structure(other)
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        assert isinstance(b, np.ndarray) == isinstance(a, np.ndarray)
        assert isinstance(b, jax.Array) == isinstance(a, jax.Array)
        assert getattr(a, "dtype", type(a)) == getattr(b, "dtype", type(b))
        if hasattr(a, "dtype") and jnp.issubdtype(a.dtype, jax.dtypes.prng_key):
            a, b = map(jax.random.key_data, (a, b))
        assert np.asarray(a).tobytes() == np.asarray(b).tobytes()


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return nn.save(tree_of_every_type(), tmp_path_factory.mktemp("whole") / "all.npz")


def test_every_bit_of_every_type_comes_back(whole):
    tree = tree_of_every_type()
    assert_same(tree, nn.load(whole, like=tree))


def test_like_may_be_shapes(whole):
    training = tree_of_every_type()["training"]
    path = nn.save(training, whole.with_name("training.npz"))
    loaded = nn.load(path, like=jax.eval_shape(lambda: training))
    assert_same(training, loaded)


NUMBERS = stnp.boolean_dtypes() | stnp.integer_dtypes() | stnp.floating_dtypes() | stnp.complex_number_dtypes()


@settings(max_examples=40)
@given(
    st.dictionaries(
        st.text(min_size=1, max_size=6),
        stnp.arrays(
            stnp.scalar_dtypes().filter(lambda d: d.kind in "biufc"), stnp.array_shapes(min_dims=0, max_side=4)
        ),
        max_size=4,
    )
)
def test_arrays_of_any_dtype_and_name_come_back(tmp_path_factory, tree):
    path = nn.save(tree, tmp_path_factory.getbasetemp() / "any.npz")
    loaded = nn.load(path, like=tree)
    assert loaded.keys() == tree.keys()
    for name, array in tree.items():
        assert loaded[name].dtype == array.dtype
        assert loaded[name].shape == array.shape
        assert loaded[name].tobytes() == array.tobytes()


def test_equal_trees_give_equal_bytes_that_numpy_reads(whole):
    again = nn.save(tree_of_every_type(), whole.with_name("again.npz"))
    assert again.read_bytes() == whole.read_bytes()
    manifest = json.loads(zipfile.ZipFile(whole).read("manifest.json"))
    names = [leaf["name"] for leaf in manifest["leaves"]]
    assert "training/params/output/weight" in names
    assert manifest["versions"]["jax"] == jax.__version__
    with np.load(whole, allow_pickle=False) as arrays:
        weight = arrays[str(names.index("training/params/output/weight"))]
    np.testing.assert_array_equal(weight, tree_of_every_type()["training"].params["output"].weight)


PARAMS = {"a": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.ones(2, np.int32)}
OTHER_TREES = {
    "a missing leaf": ({"a": PARAMS["a"]}, "has b where `like` has no more leaves"),
    "an additional leaf": (PARAMS | {"c": PARAMS["b"]}, "has no more leaves where `like` has c"),
    "another name": ({"a": PARAMS["a"], "d": PARAMS["b"]}, "has b where `like` has d"),
    "shape": (PARAMS | {"a": np.zeros((3, 2), np.float32)}, r"a has shape \(2, 3\) in the file, \(3, 2\) in `like`"),
    "dtype": (PARAMS | {"b": np.ones(2, np.float32)}, "b is int32 in the file, float32 in `like`"),
    "a number": (PARAMS | {"b": 2}, "b is int32 in the file, int in `like`"),
    "a key": (PARAMS | {"b": jax.random.key(0)}, "b is int32 in the file, key<threefry2x32> in `like`"),
}


@pytest.mark.parametrize("name", OTHER_TREES)
def test_the_error_names_the_first_leaf_that_differs(name, tmp_path):
    like, words = OTHER_TREES[name]
    path = nn.save(PARAMS, tmp_path / "params.npz")
    with pytest.raises(nn.CheckpointError, match=words):
        nn.load(path, like=like)


@pytest.mark.parametrize("leaf", ["text", object(), np.array(["a"]), np.array([None]), nn.relu, np.zeros(1, "i4,f4")])
def test_a_leaf_that_is_not_numeric_is_refused_and_nothing_is_written(leaf, tmp_path):
    with pytest.raises(TypeError, match="save: deep/leaf must be an array of numbers"):
        nn.save({"deep": {"leaf": leaf}}, tmp_path / "x.npz")
    assert list(tmp_path.iterdir()) == []


def load_damaged(path, like):
    """Loads a damaged file: returns "exact" for the exact data, "error" for a CheckpointError that names the file."""
    try:
        loaded = nn.load(path, like=like)
    except nn.CheckpointError as error:
        return "error" if str(path) in str(error) else f"an error that does not name the file: {error}"
    assert_same(like, loaded)
    return "exact"


def test_flipped_bits_and_truncations_are_detected_or_harmless(tmp_path):
    tree = {"w": np.array([1.5, -2.0], np.float32), "n": 3}
    content, path = nn.save(tree, tmp_path / "small.npz").read_bytes(), tmp_path / "damaged.npz"
    counts = {"error": 0, "exact": 0}
    for bit in range(8 * len(content)):
        damaged = bytearray(content)
        damaged[bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        counts[load_damaged(path, tree)] += 1
    assert counts["error"] > 5 * counts["exact"]  # only dates and the like may change undetected
    for length in range(len(content)):
        path.write_bytes(content[:length])
        assert load_damaged(path, tree) == "error"
    assert sum(counts.values()) + len(content) > 5000


@settings(max_examples=200)
@given(st.binary(max_size=400))
def test_random_bytes_are_a_checkpoint_error(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "random.npz"
    path.write_bytes(content)
    with pytest.raises(nn.CheckpointError, match=r"random\.npz is damaged or not a checkpoint"):
        nn.load(path, like=PARAMS)


def write_forged(path, header, manifest=None):
    """Writes an archive of one array with any header, and with digests that match."""
    entry = io.BytesIO()
    np.lib.format.write_array_header_1_0(entry, header)
    leaf = {"name": "a", "shape": [1], "dtype": "float32", "sha256": hashlib.sha256(entry.getvalue()).hexdigest()}
    text = json.dumps(manifest or {"format": 1, "versions": {}, "leaves": [leaf]}).encode()
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("0.npy", entry.getvalue())
        archive.writestr("manifest.json", text)
        archive.comment = hashlib.sha256(text).hexdigest().encode()


@pytest.mark.parametrize(
    "header",
    [
        {"descr": "<f4", "fortran_order": False, "shape": (2**40,)},
        {"descr": "<f4", "fortran_order": False, "shape": (-1,)},
        {"descr": "|O", "fortran_order": False, "shape": (1,)},
    ],
    ids=["terabytes", "negative", "objects"],
)
def test_a_forged_header_neither_allocates_nor_executes(header, tmp_path):
    write_forged(tmp_path / "forged.npz", header)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(nn.CheckpointError, match=r"forged.npz is damaged"):
        nn.load(tmp_path / "forged.npz", like={"a": np.zeros(1, np.float32)})
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200 * 1024  # KiB


def test_a_zip_bomb_is_not_unpacked_and_a_later_format_is_refused(tmp_path):
    bomb = tmp_path / "bomb.npz"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("manifest.json", b" " * 10**8)
    with pytest.raises(nn.CheckpointError, match=r"manifest.json is compressed or too large"):
        nn.load(bomb, like=PARAMS)
    write_forged(bomb, {"descr": "<f4", "fortran_order": False, "shape": (1,)}, {"format": 2, "leaves": []})
    with pytest.raises(nn.CheckpointError, match="has format 2; this jaxnn reads 1"):
        nn.load(bomb, like=PARAMS)


FULL_DISK = """
import resource, signal, sys
import numpy as np
import jaxnn as nn
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # a full disk is an error, not a signal
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
try:
    nn.save({"w": np.ones(10_000)}, sys.argv[1])
except OSError as error:
    print(error)
"""


def test_a_full_disk_is_an_error_and_the_previous_file_stays(tmp_path):
    path = nn.save(PARAMS, tmp_path / "params.npz")
    run = subprocess.run([sys.executable, "-c", FULL_DISK, str(path)], capture_output=True, text=True, check=True)
    assert f"save: {path} could not be written: File too large" in run.stdout
    assert_same(PARAMS, nn.load(path, like=PARAMS))
    assert [file.name for file in tmp_path.iterdir()] == ["params.npz"]


def test_a_missing_folder_is_an_error(tmp_path):
    (tmp_path / "file").write_text("")
    for folder in ("missing", "file"):
        with pytest.raises(OSError, match=r"save: .*params.npz could not be written"):
            nn.save(PARAMS, tmp_path / folder / "params.npz")
    with pytest.raises(OSError, match="could not be written: Is a directory"):
        nn.save(PARAMS, tmp_path)
    with pytest.raises(FileNotFoundError):
        nn.load(tmp_path / "nothing.npz", like=PARAMS)
    assert stat.S_ISREG(Path(tmp_path / "file").stat().st_mode)


def test_a_leaf_of_like_that_is_not_numeric_is_refused(tmp_path):
    path = nn.save({"a": np.ones(1)}, tmp_path / "x.npz")
    with pytest.raises(TypeError, match="load: a must be an array of numbers, not 'text'"):
        nn.load(path, like={"a": "text"})
