"""Tests of the choice between CPUs and other platforms."""

import jax
import jax.extend.backend
import jax.numpy as jnp
import numpy as np
import pytest

from jaxnn._kernels.platform import choose_platform, select_platform


def double(x: jax.Array) -> jax.Array:
    return jnp.sin(x) * 2


def negate(x: jax.Array) -> jax.Array:
    return -x


def pretend_platforms(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    monkeypatch.setattr(jax.extend.backend, "backends", lambda: dict.fromkeys(names))


def choose(x: jax.Array) -> jax.Array:
    return choose_platform(x, cpu=double, default=negate)


def test_a_process_with_cpus_alone_traces_their_function_only(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend_platforms(monkeypatch, "cpu")
    text = str(jax.make_jaxpr(choose)(1.0))
    assert "sin" in text
    assert "neg" not in text


def test_a_process_with_other_devices_exports_each_platform_its_own_function(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend_platforms(monkeypatch, "cpu", "cuda")
    program = jax.export.export(jax.jit(lambda x: choose(x)), platforms=("cpu", "cuda"))(jnp.float32(1))
    assert "sine" in program.mlir_module()
    assert "negate" in program.mlir_module()
    lowered = jax.jit(lambda x: choose(x)).trace(jnp.float32(1)).lower(lowering_platforms=("cuda",)).as_text()
    assert "sine" not in lowered
    assert "negate" in lowered


@pytest.mark.parametrize("platforms", [("cpu",), ("cpu", "cuda")], ids=["CPUs alone", "other devices too"])
def test_a_selected_function_is_differentiated_as_the_function_itself(
    platforms: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend_platforms(monkeypatch, *platforms)
    if jax.default_backend() == "cpu":
        value, slope = jax.value_and_grad(select_platform(cpu=double, default=negate))(0.5)
        np.testing.assert_allclose([value, slope], [2 * np.sin(0.5), 2 * np.cos(0.5)], rtol=1e-6)
