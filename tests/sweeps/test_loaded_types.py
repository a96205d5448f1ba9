"""`nn.sweeps.load` gives the parameters of each layer as their own type, and a user's dicts as dicts."""

import hashlib
import json
import zipfile
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxnn as nn
from helpers.resumable_runs import assert_same_bits


class Mine(NamedTuple):
    scale: jax.Array


def init(key: jax.Array) -> dict:
    keys = jax.random.split(key, 6)
    return {
        "first": nn.init_dense(keys[0], 2, 3),
        "bare": nn.init_dense(keys[1], 3, 3, bias=False),
        "up": nn.init_conv_transpose(keys[2], 1, 1, 2),
        "norms": [nn.init_rms_norm(3), nn.init_batch_norm(3)],
        "gru": nn.init_gru(keys[3], 2, 3),
        "attention": nn.init_multi_head_attention(keys[4], 4),
        "count": nn.Buffer(jnp.zeros((), int)),
        "table": {"weight": jnp.ones(3)},
        "own": {"scale": jnp.ones(3), "nested": {"value": jnp.ones(2)}},
        "mine": Mine(jnp.ones(2)),
    }


def apply(params: dict, x: jax.Array, *, key=None) -> jax.Array:
    x = nn.dense(params["bare"], nn.dense(params["first"], x))
    return x.sum(1, keepdims=True) * params["table"]["weight"].sum()


def train_apply(params: dict, x: jax.Array, *, key, where=None):
    return apply(params, x), params


@pytest.fixture(scope="module")
def ended(tmp_path_factory) -> tuple[Path, dict]:
    folder = tmp_path_factory.mktemp("sweep")
    data = np.ones((4, 2), "f"), np.zeros((4, 1), "f")
    result = nn.sweep(
        lambda h: nn.Recipe(nn.Model(init, apply, train_apply), nn.squared_error, optax.sgd(h["rate"])),
        {"rate": nn.uniform(0.0, 1e-3)}, data, key=jax.random.key(0), trials=1, epochs=1, validation=data,
        progress=False, directory=folder,
    )  # fmt: skip
    return folder, result.best.params


def test_layers_have_their_own_types_and_dicts_of_ones_own_stay_dicts(ended) -> None:
    folder, params = ended
    loaded = nn.sweeps.load(folder).best.params
    # The files hold names: a list and a NamedTuple of one's own are dicts.
    norms, mine = dict(zip("01", params["norms"], strict=True)), params["mine"]._asdict()
    expected = params | {"norms": norms, "mine": mine}
    assert jax.tree.structure(loaded) == jax.tree.structure(expected)
    assert_same_bits(loaded, expected)


def test_layers_of_earlier_files_are_told_by_the_names_of_their_parts(ended) -> None:
    folder, params = ended
    for file in folder.rglob("*.npz"):
        remove_nodes(file)
    loaded = nn.sweeps.load(folder).best.params
    types = {name: type(part) for name, part in loaded.items()}
    assert types == {
        "first": nn.Affine, "bare": nn.Affine, "up": nn.Affine, "norms": dict, "gru": nn.RecurrentParams,
        "attention": nn.MultiHeadAttentionParams, "count": nn.Buffer, "table": nn.Affine, "own": dict,
        "mine": nn.NormParams,
    }  # fmt: skip
    assert_same_bits(loaded["first"], params["first"])


def remove_nodes(file: Path) -> None:
    """Writes a checkpoint as an earlier version did."""
    with zipfile.ZipFile(file) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    manifest = json.loads(entries.pop("manifest.json"))
    assert manifest.pop("nodes")
    text = json.dumps(manifest).encode()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, content in {**entries, "manifest.json": text}.items():
            archive.writestr(zipfile.ZipInfo(name), content)
        archive.comment = hashlib.sha256(text).hexdigest().encode()
