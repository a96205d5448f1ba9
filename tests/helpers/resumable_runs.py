"""A small training and a small sweep with a directory, which can be ended from inside; whether two ends are equal."""

import jax
import numpy as np
import optax

import jaxnn as nn

FLOWERS = nn.datasets.iris()
TRAIN, VALIDATION = nn.train_test_split(jax.random.key(1), FLOWERS.data, test=0.3, stratify=FLOWERS.targets)
RECIPE = nn.Recipe(nn.mlp([4, 5, 3]), nn.cross_entropy, optax.adam(0.01), batch_size=32)
SPACE = {"learning_rate": nn.log_uniform(1e-4, 1e-1)}
WIDTHS = SPACE | {"width": nn.choice(5, 6)}  # two programs


class EnoughError(Exception):
    """Ends a run from inside, as a fault of the user's own code would."""


def train(directory=None, *, end_at=None, save_every=1e-6, recipe=RECIPE, seed=0, **options):
    def log(epoch, _values):
        if epoch == end_at:
            raise EnoughError

    return nn.train(
        recipe, TRAIN, key=jax.random.key(seed), directory=directory, save_every=save_every, log=log, progress=False,
        **({"validation": VALIDATION, "epochs": 40} | options),
    )  # fmt: skip


def make_recipe(hypers):
    return nn.Recipe(nn.mlp([4, hypers.get("width", 5), 3]), nn.cross_entropy, optax.adam(hypers["learning_rate"]))


def sweep(directory=None, *, end_at=None, save_every=1e-6, make=make_recipe, space=SPACE, **options):
    ended = []

    def log(trial, _values):
        ended.append(trial)
        if len(ended) == end_at:
            raise EnoughError

    return nn.sweep(
        make, space, TRAIN, key=jax.random.key(0), directory=directory, save_every=save_every, log=log, progress=False,
        **({"validation": VALIDATION, "trials": 18, "epochs": 9, "lanes": 4, "keep": 3,
            "scheduler": nn.asha(first=1)} | options),
    )  # fmt: skip


def same(left, right):
    left, right = (jax.tree.map(as_bytes, tree) for tree in (left, right))
    assert jax.tree.structure(left) == jax.tree.structure(right)
    assert jax.tree.leaves(left) == jax.tree.leaves(right)


def as_bytes(leaf):
    is_key = isinstance(leaf, jax.Array) and jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key)
    return np.asarray(jax.random.key_data(leaf) if is_key else leaf).tobytes()


def same_sweep(left, right):
    same(*([outcome._replace(seconds=0.0) for outcome in found.outcomes] for found in (left, right)))
    same(left.kept, right.kept)
