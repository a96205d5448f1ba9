"""Trainings that call LAPACK must not hang where every core is a device."""

import os
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxnn as nn
from jaxnn._kernels.lapack import can_hang

X = np.random.default_rng(0).normal(size=(24, 16)).astype("f")
DATA = X, X[:, :3]

SCRIPT = """
import jax, numpy as np, optax, jaxnn as nn
nn.use_all_cores()
x = np.random.default_rng(0).normal(size=(60, 16)).astype("f")

def make_recipe(hypers):
    model = nn.Model(
        lambda key: nn.init_dense(key, 16, 48, initializer=jax.nn.initializers.orthogonal()),
        lambda params, x, *, key=None: nn.dense(params, x),
    )
    return nn.Recipe(model, lambda o, t: (o**2).sum(axis=-1), optax.sgd(hypers["rate"]))

for seed in range(SWEEPS):
    nn.sweep(make_recipe, {"rate": nn.log_uniform(1e-4, 1e-2)}, (x, x), key=jax.random.key(seed), trials=256, epochs=2,
             validation=(x, x), progress=False)
    print(seed, flush=True)
"""


def sweep(initializer, loss):
    def make_recipe(hypers):
        model = nn.Model(
            lambda key: nn.init_dense(key, 16, 3, initializer=initializer),
            lambda params, x, *, key=None: nn.dense(params, x),
        )
        return nn.Recipe(model, loss, optax.sgd(hypers["rate"]))

    return nn.sweep(
        make_recipe, {"rate": nn.log_uniform(1e-4, 1e-2)}, DATA, key=jax.random.key(0), trials=5, epochs=2,
        validation=DATA, progress=False,
    )  # fmt: skip


def squares(outputs, targets):
    return jnp.square(outputs - targets).sum(axis=-1)


def singular_values(outputs, targets):
    gram = jax.vmap(lambda row: jnp.outer(row, row) + jnp.eye(3))(outputs - targets)
    return jnp.linalg.eigvalsh(gram).sum(axis=-1)


def test_sweeps_with_orthogonal_weights_end() -> None:
    script = SCRIPT.replace("SWEEPS", "3")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("JAX_")}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script], capture_output=True, text=True, timeout=120, env=environment
    )
    assert done.stdout.split() == ["0", "1", "2"], done.stderr


@pytest.mark.skipif(jax.device_count() == 1, reason="one device waits for no other")
def test_a_factorization_in_the_start_leaves_the_epochs_on_all_devices() -> None:
    result = sweep(jax.nn.initializers.orthogonal(), squares)
    [program] = result.programs.values()
    assert len(program.empty().fold.sharding.device_set) == jax.device_count()
    weights = np.asarray(result.params(result.best.trial).weight[0])
    assert np.isfinite(result.scores).all()
    # Two small steps from orthogonal columns.
    np.testing.assert_allclose(weights.T @ weights, np.eye(3), atol=0.2)
    np.testing.assert_array_equal(result.replay(3).curves.losses, result.trials[3].curves.losses)


@pytest.mark.skipif(jax.device_count() == 1, reason="one device waits for no other")
def test_a_factorization_in_the_loss_runs_on_one_device_with_a_warning() -> None:
    with pytest.warns(UserWarning, match="call LAPACK .* run on one"):
        result = sweep(nn.initializers.he_normal, singular_values)
    [program] = result.programs.values()
    assert len(program.empty().fold.sharding.device_set) == 1
    assert np.isfinite(result.scores).all()


CALLS = {
    "qr": jnp.linalg.qr, "svd": jnp.linalg.svd, "eigh": jnp.linalg.eigh, "cholesky": jnp.linalg.cholesky,
    "solve": lambda a: jnp.linalg.solve(a, a), "inv": jnp.linalg.inv, "det": jnp.linalg.det,
    "eig": jnp.linalg.eigvals, "triangular": lambda a: jax.scipy.linalg.solve_triangular(a, a),
    "expm": jax.scipy.linalg.expm,
}  # fmt: skip


@pytest.mark.parametrize("name", CALLS)
def test_calls_are_found_inside_of_loops_and_maps(name) -> None:
    devices = jax.devices("cpu")[:1] * 2

    def add_up(a):
        return sum(leaf.sum().real for leaf in jax.tree.leaves(CALLS[name](a)))

    repeated = jax.vmap(lambda a: jax.lax.fori_loop(0, 2, lambda _, b: add_up(a) * b, 1.0))
    traced = jax.make_jaxpr(repeated)(jnp.stack([jnp.eye(3)] * 2))
    assert can_hang(traced, devices)
    assert not can_hang(traced, devices[:1])
    assert not can_hang(jax.make_jaxpr(lambda a: a @ a + jnp.sin(a))(jnp.eye(3)), devices)
