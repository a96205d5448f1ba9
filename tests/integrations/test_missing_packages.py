"""Without the packages of the integrations, jaxnn works; what needs one raises an error that names the extra."""

import json
import re
import runpy
import subprocess
import sys

import pytest
import sklearn

from jaxnn.integrations.sklearn import private

# What is called, by the package that it needs, and the words of the error.
CALLS = {
    "flax": ("nn.integrations.flax.model(print)", "models of Flax need an extra: pip install 'jaxnn[flax]'"),
    "equinox": (
        "nn.integrations.equinox.model(print)", "models of Equinox need an extra: pip install 'jaxnn[equinox]'"
    ),
    "optuna": ("nn.integrations.optuna", "studies of Optuna need an extra: pip install 'jaxnn[optuna]'"),
    "safetensors": (
        "nn.load_safetensors('x', like={})", "safetensors files need an extra: pip install 'jaxnn[safetensors]'"
    ),
    "sklearn": ("nn.integrations.sklearn", "estimators of scikit-learn need an extra: pip install 'jaxnn[sklearn]'"),
    "tensorboardX": (
        "nn.tensorboard('x')", "event files are written with tensorboardX: pip install 'jaxnn[tensorboard]'"
    ),
}  # fmt: skip

# One process without any of the packages, since it takes seconds to start.
PROGRAM = """
import json, sys
calls, errors = json.loads(sys.argv[1]), {}
sys.modules.update(dict.fromkeys(calls))
import jaxnn as nn, jaxnn.integrations
for package, call in calls.items():
    try:
        exec(call)
    except ImportError as error:
        errors[package] = str(error)
print(json.dumps(errors))
"""


@pytest.fixture(scope="module")
def errors() -> dict[str, str]:
    calls = json.dumps({package: call for package, (call, _) in CALLS.items()})
    run = subprocess.run([sys.executable, "-c", PROGRAM, calls], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


@pytest.mark.parametrize("package", CALLS)
def test_without_the_package_the_error_names_the_extra(package: str, errors: dict[str, str]) -> None:
    assert errors[package] == CALLS[package][1]


def test_a_scikit_learn_that_lacks_what_a_search_needs_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("sklearn.utils.metaestimators._safe_split")
    version = re.escape(f"scikit-learn {sklearn.__version__} lacks something that it needs (cannot import name '_safe")
    with pytest.raises(ImportError, match=version):
        runpy.run_path(private.__file__)
