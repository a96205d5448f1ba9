"""Small scripts as whole processes: one network, the imports alone, and the tour of the experiments.

`jaxnn` is a short script: it loads the flowers, trains 4-16-3 and prints the accuracy. It is compared with a process
that only imports jax and optax, and with the same script in other tools.
"""

import sys
from collections.abc import Callable

from experiments.benchmarks.processes import Job, ProcessCase, Side

LOAD_WITH_JAXNN = """
import numpy as np
import jaxnn as nn
flowers = nn.datasets.iris()
x = (flowers.x / flowers.x.max(axis=0)).astype(np.float32)
held_out = np.arange(len(x)) % 5 == 0
train, test = (x[~held_out], flowers.targets[~held_out]), (x[held_out], flowers.targets[held_out])
"""
# The first argument is the directory of the cache, if there is one.
USE_CACHE = """
import sys
import jaxnn as nn
if sys.argv[1]:
    nn.use_compilation_cache(sys.argv[1])
"""
JAXNN = (
    USE_CACHE
    + LOAD_WITH_JAXNN
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


def cases(quick: bool) -> list[ProcessCase]:
    """Returns the training of one network; in a full run also imports alone, and the tour."""
    peers = [Side(name, needs, _make_command(script)) for name, (needs, script) in SCRIPTS.items()]
    ours = Side("jaxnn", (), _make_command(JAXNN), cached=True)
    one_fit = ProcessCase("one_fit", "one network 4-16-3 on iris, 500 epochs", [ours, *(peers[:2] if quick else peers)])
    if quick:
        return [one_fit]
    imports = [Side(f"import {name}", needs, _make_command(f"import {name}")) for name, needs in IMPORTS.items()]
    tour = Side("python -m experiments", (), lambda job: [sys.executable, "-m", "experiments", "--no-progress"])
    return [
        one_fit,
        ProcessCase("imports", "imports alone", imports),
        ProcessCase("tour", "the short tour of the experiments", [tour, peers[0]], max_rounds=2),
    ]


def _make_command(script: str) -> Callable[[Job], list[str]]:
    """Returns the command of a script, whose first argument is the directory of a cache."""
    return lambda job: [sys.executable, "-c", script, job.cache]
