"""Cold start: whole processes, from their start to their end; what a script costs before anything is warm.

`jaxnn` is a script of the README's kind: read the flowers, train 4-16-3, print the accuracy. It is compared with a
process that only imports jax and optax, and with the same script of other tools. With a compilation cache, which JAX
has for the asking, a second process finds the first one's programs.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from experiments.benchmarks.harness import Case, Ready, Side, timed

ROOT = Path(__file__).parent.parent.parent

FLOWERS = """
import numpy as np
import jaxnn as nn
flowers = nn.datasets.iris()
x = (flowers.x / flowers.x.max(axis=0)).astype(np.float32)
judged = np.arange(len(x)) % 5 == 0
train, test = (x[~judged], flowers.targets[~judged]), (x[judged], flowers.targets[judged])
"""
JAXNN = (
    FLOWERS
    + """
import jax, optax
recipe = nn.Recipe(nn.mlp([4, 16, 3]), nn.cross_entropy, optax.adam(0.01))
params = nn.fit(recipe, train, key=jax.random.key(0), epochs=500).params
print(float(nn.accuracy(nn.predict(recipe.model, params, test[0]), test[1])))
"""
)
LOADED = """
import numpy as np
from sklearn.datasets import load_iris
x, labels = load_iris(return_X_y=True)
x, judged = (x / x.max(axis=0)).astype(np.float32), np.arange(150) % 5 == 0
"""
SCRIPTS: dict[str, tuple[tuple[str, ...], str]] = {
    "import jax, optax": ((), "import jax, optax"),
    "scikit-learn": (("sklearn",), LOADED + """
from sklearn.neural_network import MLPClassifier
import warnings
warnings.simplefilter("ignore")
model = MLPClassifier((16,), learning_rate_init=0.01, batch_size=120, max_iter=500, tol=0, n_iter_no_change=501)
print(model.fit(x[~judged], labels[~judged]).score(x[judged], labels[judged]))
"""),
    "PyTorch": (("sklearn", "torch"), LOADED + """
import torch
x, labels = torch.from_numpy(x), torch.from_numpy(labels)
model = torch.nn.Sequential(torch.nn.Linear(4, 16), torch.nn.ReLU(), torch.nn.Linear(16, 3))
optimizer = torch.optim.Adam(model.parameters(), lr=0.01, fused=True)
for _ in range(500):
    optimizer.zero_grad()
    torch.nn.functional.cross_entropy(model(x[~judged]), labels[~judged]).backward()
    optimizer.step()
print(float((model(x[judged]).argmax(1) == labels[judged]).float().mean()))
"""),
    "Flax, jitted step": (("sklearn", "flax"), LOADED + """
import jax, optax
from flax import linen
model = linen.Sequential([linen.Dense(16), linen.relu, linen.Dense(3)])
optimizer = optax.adam(0.01)
params = model.init(jax.random.key(0), x[:1])
state = optimizer.init(params)
@jax.jit
def step(params, state):
    def loss(params):
        outputs = model.apply(params, x[~judged])
        return optax.softmax_cross_entropy_with_integer_labels(outputs, labels[~judged]).mean()
    updates, state = optimizer.update(jax.grad(loss)(params), state)
    return optax.apply_updates(params, updates), state
for _ in range(500):
    params, state = step(params, state)
print(float((model.apply(params, x[judged]).argmax(1) == labels[judged]).mean()))
"""),
}  # fmt: skip
IMPORTS = {"jaxnn": (), "jax, optax": (), "sklearn.neural_network": ("sklearn",)} | {
    name: (name.partition(".")[0],) for name in ("torch", "flax.linen", "equinox", "optuna")
}


def cases(quick: bool) -> list[Case]:
    """Cold, and with a warm compilation cache; in a full run also imports alone, and the quick tour."""
    peers = [_side(name, needs, _python(script)) for name, (needs, script) in SCRIPTS.items()]
    trained = [_side("jaxnn", (), _python(JAXNN)), *(peers[:2] if quick else peers)]
    found = [
        Case("cold_start", "cold start: a process that trains iris", trained),
        Case("cold_start_cached", "the same with a warm compilation cache", [_cached(), peers[0]]),
    ]
    if quick:
        return found
    imports = [_side(f"import {name}", needs, _python(f"import {name}")) for name, needs in IMPORTS.items()]
    tour = _side("python -m experiments", (), _tour)
    return [
        *found,
        Case("imports", "imports alone, as whole processes", imports),
        Case("tour", "the quick tour, as a whole process", [tour, peers[0]], most=2),
    ]


def _side(name: str, needs: tuple[str, ...], run: Callable[[], Any]) -> Side:
    return Side(name, needs, lambda: Ready(timed(run), warm=False))


def _cached() -> Side:
    """The warming round fills the cache."""

    def prepare() -> Ready:
        folder = tempfile.TemporaryDirectory()
        settings = {
            "JAX_COMPILATION_CACHE_DIR": folder.name,
            "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
            "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
        }
        # The folder lives as long as the function does.
        return Ready(timed(lambda folder=folder: _run([sys.executable, "-c", JAXNN], settings)))

    return Side("jaxnn, cached", (), prepare)


def _python(script: str) -> Callable[[], Any]:
    return lambda: _run([sys.executable, "-c", script], {})


def _tour() -> None:
    with tempfile.TemporaryDirectory() as folder:  # its pictures are not wanted
        _run([sys.executable, "-m", "experiments", "--no-progress"], {"PYTHONPATH": str(ROOT)}, folder)


def _run(command: list[str], settings: dict[str, str], folder: str | None = None) -> None:
    """A process to its end; what it prints is swallowed, unless it fails.

    Raises:
        RuntimeError: it failed, with the last line that it wrote.
    """
    done = subprocess.run(command, env=os.environ | settings, cwd=folder, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command[:2])} …: {done.stderr.strip().splitlines()[-1]}")
