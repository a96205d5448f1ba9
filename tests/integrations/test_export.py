"""Exported models compute what `predict` does, for any number of examples, in a process without jaxnn."""

import re
import subprocess
import sys
from typing import Any

import jax
import jax.export
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen

import jaxnn as nn

COUNTS = (1, 7, 1000)

# `None` among the modules makes every import of jaxnn fail.
PROGRAM = """
import sys
sys.modules["jaxnn"] = None
import jax, numpy as np
import jax.export
call = jax.jit(jax.export.deserialize(open("cnn.jax", "rb").read()).call)
data = np.load("x.npz")
np.savez("outputs.npz", **{count: call(x) for count, x in data.items()})
assert not [name for name in sys.modules if name.startswith("jaxnn.")]
"""


def make_recurrent() -> nn.Model:
    def init(key: jax.Array) -> Any:
        keys = jax.random.split(key)
        return {"gru": nn.init_gru(keys[0], 3, 8), "lstm": nn.init_lstm(keys[1], 8, 2)}

    def apply(params: Any, x: Any, *, key: jax.Array | None = None) -> jax.Array:
        return nn.lstm(params["lstm"], nn.gru(params["gru"], x))

    return nn.Model(init, apply)


def make_attention() -> nn.Model:
    def init(key: jax.Array) -> Any:
        keys = jax.random.split(key)
        return {"table": nn.init_embedding(keys[0], 20, 8), "attention": nn.init_multi_head_attention(keys[1], 8)}

    def apply(params: Any, x: Any, *, key: jax.Array | None = None) -> jax.Array:
        words = nn.embedding(params["table"], x)
        return nn.layer_norm(nn.init_layer_norm(8), nn.multi_head_attention(params["attention"], words, 2, causal=True))

    return nn.Model(init, apply)


def make_layers() -> nn.Model:
    def init(key: jax.Array) -> Any:
        keys = jax.random.split(key, 3)
        up = nn.Affine(nn.init_conv(keys[1], 8, 4, 2).weight, None)
        return {
            "depthwise": nn.init_conv(keys[0], 4, 8, 3, groups=4),
            "up": up,
            "grouped": nn.init_conv(keys[2], 2, 4, 3),
        }

    def apply(params: Any, x: Any, *, key: jax.Array | None = None) -> jax.Array:
        x = nn.avg_pool(nn.conv(params["depthwise"], x, groups=4), 2)
        x = nn.conv(params["grouped"], nn.conv_transpose(params["up"], x, stride=2), groups=2)
        return nn.softmax(nn.global_avg_pool(x))

    return nn.Model(init, apply)


def make_flax() -> nn.Model:
    class Network(linen.Module):
        @linen.compact
        def __call__(self, x: Any, train: bool) -> Any:
            x = linen.relu(linen.BatchNorm(not train)(linen.Conv(4, (3, 3))(x)))
            return linen.Dense(3)(x.reshape(x.shape[0], -1))

    return nn.integrations.flax.model(Network(), np.zeros((1, 8, 8, 1), "f"))


MODELS = {
    "mlp": (nn.mlp([4, 16, 3]), (4,), "float32"),
    "cnn of bytes": (nn.chain(lambda x: x / 255, nn.cnn((8, 8, 1), (4,), 3, norm="batch")), (8, 8, 1), "uint8"),
    "cnn with pairs of positions": (nn.cnn((28, 28, 8), (32,), 3, global_pool="max"), (28, 28, 8), "float32"),
    "resnet": (nn.resnet((8, 8, 1), (4, 8), 3, blocks=1), (8, 8, 1), "float32"),
    "recurrent": (make_recurrent(), (5, 3), "float32"),
    "attention": (make_attention(), (6,), "int32"),
    "module of Flax": (make_flax(), (8, 8, 1), "float32"),
    "grouped and transposed": (make_layers(), (8, 8, 4), "float32"),
}  # fmt: skip


def draw(rng: np.random.Generator, count: int, shape: tuple[int, ...], dtype: str) -> np.ndarray:
    numbers = rng.normal(size=(count, *shape)) if dtype == "float32" else rng.integers(0, 20, (count, *shape))
    return numbers.astype(dtype)


@pytest.mark.parametrize("name", MODELS)
def test_an_exported_model_computes_what_predict_does(name: str, rng: np.random.Generator) -> None:
    model, shape, dtype = MODELS[name]
    params = model.init(jax.random.key(0))
    exported = jax.export.deserialize(nn.export(model, params, shape, dtype=dtype))
    assert exported.platforms == ("cpu", "cuda", "tpu")
    x = draw(rng, 1100, shape, dtype)  # more than a tile, and no multiple of one
    expected = nn.predict(model, params, x)
    scale = float(jnp.abs(expected).max())
    np.testing.assert_allclose(exported.call(x), expected, rtol=1e-5, atol=1e-5 * scale)


def test_a_process_without_jaxnn_computes_the_same(tmp_path, rng: np.random.Generator) -> None:
    model, shape = nn.cnn((28, 28, 1), (8, 16), 10), (28, 28, 1)
    params = model.init(jax.random.key(0))
    (tmp_path / "cnn.jax").write_bytes(nn.export(model, params, shape))
    data = {str(count): draw(rng, count, shape, "float32") for count in COUNTS}
    np.savez(tmp_path / "x.npz", **data)
    done = subprocess.run(
        [sys.executable, "-P", "-c", PROGRAM], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    with np.load(tmp_path / "outputs.npz") as outputs:
        for count, x in data.items():
            np.testing.assert_allclose(outputs[count], nn.predict(model, params, x), rtol=1e-5, atol=1e-5)


def test_a_cpu_takes_few_examples_at_a_time_and_other_platforms_run_none_of_its_versions() -> None:
    model = nn.cnn((16, 16, 3), (8,), 3)
    params = model.init(jax.random.key(0))
    cpu, cuda = (
        jax.export.deserialize(nn.export(model, params, (16, 16, 3), platforms=[name])) for name in ("cpu", "cuda")
    )
    assert cpu.mlir_module().count("stablehlo.while") == 2  # the tiles, and images that are stored once
    assert cuda.mlir_module().count("stablehlo.while") == 0
    assert "optimization_barrier" not in cuda.mlir_module()
    if jax.default_backend() == "cpu":
        x = jax.ShapeDtypeStruct((20_000, 16, 16, 3), "float32")
        needed = jax.jit(cpu.call).lower(x).compile().memory_analysis().temp_size_in_bytes
        assert needed < 27 * 20_000 * 16 * 16 * 4 / 4, "a quarter of the windows of all examples"


def test_an_export_leaves_other_programs_as_they_are() -> None:
    model, x = nn.cnn((9, 9, 1), (4,), 3), np.zeros((16, 9, 9, 1), "f")
    params = model.init(jax.random.key(0))

    def lower() -> str:
        return jax.jit(lambda params, x: model.apply(params, x)).lower(params, x).as_text()

    before = lower()
    exports = [nn.export(model, params, (9, 9, 1), platforms=["cuda"]) for _ in range(2)]
    texts = [jax.export.deserialize(export).mlir_module() for export in exports]
    # They name lines of the source; the functions that check annotations in the tests have an address there.
    first, second = (re.sub(r"0x[0-9a-f]+", "", text) for text in texts)
    assert first == second
    assert lower() == before


def test_a_single_platform_that_is_not_a_cpu_is_refused_on_one() -> None:
    model = nn.mlp([4, 3])
    program = jax.export.deserialize(nn.export(model, model.init(jax.random.key(0)), (4,), platforms=["tpu"]))
    with pytest.raises(ValueError, match=r"tpu"):
        program.call(np.zeros((2, 4), "f"))


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    model = nn.mlp([4, 3])
    params = model.init(jax.random.key(0))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"pip install 'jaxnn\[export\]'"):
        nn.export(model, params, (4,))
