"""Cold start: the time of whole processes, with imports and compilation.

`jaxnn` is a short script: it loads the flowers, trains 4-16-3 and prints the accuracy. It is compared with a process
that only imports jax and optax, and with the same script in other tools. With JAX's persistent compilation cache, a
second process reuses the programs of the first.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from experiments.benchmarks.harness import Case, Contender, Prepared, add_timer

ROOT = Path(__file__).parent.parent.parent

LOAD_WITH_JAXNN = """
import numpy as np
import jaxnn as nn
flowers = nn.datasets.iris()
x = (flowers.x / flowers.x.max(axis=0)).astype(np.float32)
held_out = np.arange(len(x)) % 5 == 0
train, test = (x[~held_out], flowers.targets[~held_out]), (x[held_out], flowers.targets[held_out])
"""
JAXNN = (
    LOAD_WITH_JAXNN
    + """
import jax, optax
recipe = nn.Recipe(nn.mlp([4, 16, 3]), nn.cross_entropy, optax.adam(0.01))
params = nn.fit(recipe, train, key=jax.random.key(0), epochs=500).params
print(float(nn.accuracy(nn.predict(recipe.model, params, test[0]), test[1])))
"""
)
LOAD_WITH_SKLEARN = """
import numpy as np
from sklearn.datasets import load_iris
x, labels = load_iris(return_X_y=True)
x, held_out = (x / x.max(axis=0)).astype(np.float32), np.arange(150) % 5 == 0
"""
# By name: the packages that a script needs, and the script.
SCRIPTS: dict[str, tuple[tuple[str, ...], str]] = {
    "import jax, optax": ((), "import jax, optax"),
    "scikit-learn": (("sklearn",), LOAD_WITH_SKLEARN + """
from sklearn.neural_network import MLPClassifier
import warnings
warnings.simplefilter("ignore")
model = MLPClassifier((16,), learning_rate_init=0.01, batch_size=120, max_iter=500, tol=0, n_iter_no_change=501)
print(model.fit(x[~held_out], labels[~held_out]).score(x[held_out], labels[held_out]))
"""),
    "PyTorch": (("sklearn", "torch"), LOAD_WITH_SKLEARN + """
import torch
x, labels = torch.from_numpy(x), torch.from_numpy(labels)
model = torch.nn.Sequential(torch.nn.Linear(4, 16), torch.nn.ReLU(), torch.nn.Linear(16, 3))
optimizer = torch.optim.Adam(model.parameters(), lr=0.01, fused=True)
for _ in range(500):
    optimizer.zero_grad()
    torch.nn.functional.cross_entropy(model(x[~held_out]), labels[~held_out]).backward()
    optimizer.step()
print(float((model(x[held_out]).argmax(1) == labels[held_out]).float().mean()))
"""),
    "Flax, jitted step": (("sklearn", "flax"), LOAD_WITH_SKLEARN + """
import jax, optax
from flax import linen
model = linen.Sequential([linen.Dense(16), linen.relu, linen.Dense(3)])
optimizer = optax.adam(0.01)
params = model.init(jax.random.key(0), x[:1])
state = optimizer.init(params)
@jax.jit
def step(params, state):
    def loss(params):
        outputs = model.apply(params, x[~held_out])
        return optax.softmax_cross_entropy_with_integer_labels(outputs, labels[~held_out]).mean()
    updates, state = optimizer.update(jax.grad(loss)(params), state)
    return optax.apply_updates(params, updates), state
for _ in range(500):
    params, state = step(params, state)
print(float((model.apply(params, x[held_out]).argmax(1) == labels[held_out]).mean()))
"""),
}  # fmt: skip
IMPORTS = {"jaxnn": (), "jax, optax": (), "sklearn.neural_network": ("sklearn",)} | {
    name: (name.partition(".")[0],) for name in ("torch", "flax.linen", "equinox", "optuna")
}


def cases(quick: bool) -> list[Case]:
    """Returns cold starts without and with a compilation cache; in a full run also imports alone, and the tour."""
    peers = [_make_contender(name, needs, _make_runner(script)) for name, (needs, script) in SCRIPTS.items()]
    trainings = [_make_contender("jaxnn", (), _make_runner(JAXNN)), *(peers[:2] if quick else peers)]
    starts = [
        Case("cold_start", "cold start: a process that trains iris", trainings),
        Case("cold_start_cached", "the same with a warm compilation cache", [_make_cached_contender(), peers[0]]),
    ]
    if quick:
        return starts
    imports = [
        _make_contender(f"import {name}", needs, _make_runner(f"import {name}")) for name, needs in IMPORTS.items()
    ]
    tour = _make_contender("python -m experiments", (), _run_tour)
    return [
        *starts,
        Case("imports", "imports alone, as whole processes", imports),
        Case("tour", "the short tour, as a whole process", [tour, peers[0]], max_rounds=2),
    ]


def _make_contender(name: str, needs: tuple[str, ...], run: Callable[[], Any]) -> Contender:
    return Contender(name, needs, lambda: Prepared(add_timer(run), warm=False))


def _make_cached_contender() -> Contender:
    """Returns jaxnn with a compilation cache, which the warm-up round fills."""

    def prepare() -> Prepared:
        folder = tempfile.TemporaryDirectory()
        environment = {
            "JAX_COMPILATION_CACHE_DIR": folder.name,
            "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
            "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
        }
        # The default argument keeps a reference to the folder, which is deleted with it.
        return Prepared(add_timer(lambda folder=folder: _run([sys.executable, "-c", JAXNN], environment)))

    return Contender("jaxnn, cached", (), prepare)


def _make_runner(script: str) -> Callable[[], Any]:
    return lambda: _run([sys.executable, "-c", script], {})


def _run_tour() -> None:
    with tempfile.TemporaryDirectory() as folder:  # its pictures are deleted
        _run([sys.executable, "-m", "experiments", "--no-progress"], {"PYTHONPATH": str(ROOT)}, folder)


def _run(command: list[str], environment: dict[str, str], folder: str | None = None) -> None:
    """Runs a process to its end and discards its output.

    Raises:
        RuntimeError: the process failed; the message has the last line that it wrote.
    """
    process = subprocess.run(command, env=os.environ | environment, cwd=folder, capture_output=True, text=True)
    if process.returncode:
        raise RuntimeError(f"{' '.join(command[:2])} …: {process.stderr.strip().splitlines()[-1]}")
