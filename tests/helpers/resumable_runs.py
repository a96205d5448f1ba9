"""A small training and a small sweep with a directory, which can be interrupted, and comparisons of their results."""

import jax
import numpy as np
import optax

import jaxnn as nn

FLOWERS = nn.datasets.iris()
TRAIN, VALIDATION = nn.train_test_split(jax.random.key(1), FLOWERS.data, test=0.3, stratify=FLOWERS.targets)
RECIPE = nn.Recipe(nn.mlp([4, 5, 3]), nn.cross_entropy, optax.adam(0.01), batch_size=32)
SPACE = {"learning_rate": nn.log_uniform(1e-4, 1e-1)}
WIDTHS = SPACE | {"width": nn.choice(5, 6)}  # two programs


class InjectedError(Exception):
    """Ends a run from inside its `log`, as an error in the user's code would."""


def train(directory=None, *, end_at=None, save_every=1e-6, recipe=RECIPE, seed=0, **options):
    """Trains on iris; raises InjectedError at the epoch `end_at`."""

    def log(epoch, _values):
        if epoch == end_at:
            raise InjectedError

    return nn.train(
        recipe, TRAIN, key=jax.random.key(seed), directory=directory, save_every=save_every, log=log, progress=False,
        **({"validation": VALIDATION, "epochs": 40} | options),
    )  # fmt: skip


def make_recipe(hypers):
    return nn.Recipe(nn.mlp([4, hypers.get("width", 5), 3]), nn.cross_entropy, optax.adam(hypers["learning_rate"]))


def sweep(directory=None, *, end_at=None, save_every=1e-6, make=make_recipe, space=SPACE, data=TRAIN, **options):
    """Sweeps on iris; raises InjectedError when `end_at` trials have ended."""
    finished = []

    def log(trial, _values):
        finished.append(trial)
        if len(finished) == end_at:
            raise InjectedError

    return nn.sweep(
        make, space, data, key=jax.random.key(0), directory=directory, save_every=save_every, log=log, progress=False,
        **({"validation": VALIDATION, "trials": 18, "epochs": 9, "lanes": 4, "keep": 3,
            "scheduler": nn.asha(grace_period=1)} | options),
    )  # fmt: skip


def assert_same_bits(left, right):
    """Asserts that two pytrees have the same structure and the same bits in every leaf."""
    left, right = (jax.tree.map(leaf_bytes, tree) for tree in (left, right))
    assert jax.tree.structure(left) == jax.tree.structure(right)
    assert jax.tree.leaves(left) == jax.tree.leaves(right)


def leaf_bytes(leaf):
    is_key = isinstance(leaf, jax.Array) and jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key)
    return np.asarray(jax.random.key_data(leaf) if is_key else leaf).tobytes()


def assert_same_sweep(left, right):
    """Asserts that two sweeps have the same trials and kept parameters; only their times may differ."""
    assert_same_bits(*([trial._replace(seconds=0.0) for trial in result.trials] for result in (left, right)))
    assert_same_bits(left.kept, right.kept)
