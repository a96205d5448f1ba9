"""Importing jaxnn changes no setting of jax, starts no backend and imports no large package."""

import json
import subprocess
import sys

import pytest

# `backends_are_initialized` is private to jax, but every public function that would answer starts a backend.
PROGRAM = """
import json, sys
import jax
before = {name: repr(value) for name, value in jax.config.values.items()}
import jaxnn
from jax._src import xla_bridge
print(json.dumps({
    "changed": [name for name, value in jax.config.values.items() if before.get(name) != repr(value)],
    "backend": xla_bridge.backends_are_initialized(),
    "modules": sorted({*sys.modules, *(name.split(".")[0] for name in sys.modules)}),
    "settings": len(before),
    "missing": [name for name in jaxnn.__all__ if not hasattr(jaxnn, name)],
}))
"""


@pytest.fixture(scope="module")
def imported() -> dict:
    done = subprocess.run(
        [sys.executable, "-P", "-W", "error", "-c", PROGRAM], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_no_setting_of_jax_is_changed(imported: dict) -> None:
    assert imported["settings"] > 50
    assert imported["changed"] == []


def test_no_backend_is_started(imported: dict) -> None:
    assert imported["backend"] is False


@pytest.mark.parametrize(
    "package",
    [
        "matplotlib",
        "sklearn",
        "tqdm",
        "tyro",
        "pandas",
        "torch",
        "chex",
        "beartype",
        "safetensors",
        "tensorboardX",
        "flax",
        "equinox",
        "optuna",
        "jax.extend.pallas",
    ],
)
def test_no_large_package_is_imported(package: str, imported: dict) -> None:
    assert "jaxnn" in imported["modules"]
    assert package not in imported["modules"]


def test_every_public_name_exists(imported: dict) -> None:
    assert imported["missing"] == []
