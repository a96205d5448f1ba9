"""Modules of Flax and Equinox in `fit` under vmap, in run directories, and in sweeps that are replayed."""

import jax
import numpy as np
import optax
import pytest

import jaxnn as nn
from helpers.errors import error_message
from helpers.foreign_modules import LABELS, X, assert_close, model_of

TOOLS = ["linen", "nnx", "equinox"]
SPACE = {"learning_rate": nn.log_uniform(1e-3, 1e-1), "dropout": nn.uniform(0.0, 0.6)}


def recipe_maker(tool: str, **options):
    def make_recipe(hypers: dict) -> nn.Recipe:
        model = model_of(tool, rate=hypers["dropout"], **options)
        return nn.Recipe(model, nn.cross_entropy, optax.sgd(hypers["learning_rate"]), 8, drop_last=True)

    return make_recipe


def sweep(tool: str, space=SPACE, ours: bool = True, **options):
    defaults = {"key": jax.random.key(0), "trials": 2, "epochs": 2, "keep": 2, "lanes": 2, "progress": False}
    data = (X, LABELS)
    return nn.sweep(recipe_maker(tool, ours=ours), space, data, validation=data, **(defaults | options))


@pytest.mark.parametrize("tool", TOOLS)
def test_a_sweep_with_traced_hypers_goes_on_and_is_loaded_replayed_and_refitted(tool: str, tmp_path) -> None:
    result = sweep(tool, directory=tmp_path / "run", refit=True)
    best = result.best
    jax.tree.map(np.testing.assert_array_equal, result.replay(best.trial).params, result.params(best.trial))
    params = jax.tree.map(lambda leaf: leaf[0], best.params)
    loss = nn.evaluate(best.recipe, params, (X, LABELS)).loss
    np.testing.assert_allclose(-best.score, loss, rtol=1e-5)
    # A dropout rate that is learned or ignored would not be that of a lone training.
    recipe = recipe_maker(tool, ours=True)(best.hypers)
    key = jax.random.fold_in(jax.random.fold_in(jax.random.key(0), best.trial), 0)
    fitted = jax.jit(lambda: nn.fit(recipe, (X, LABELS), key=key, epochs=2))()
    assert_close(fitted.params, params)

    again = sweep(tool, directory=tmp_path / "run", refit=True)  # described alike by new modules
    jax.tree.map(np.testing.assert_array_equal, again.kept, result.kept)
    loaded = nn.sweeps.load(tmp_path / "run")
    np.testing.assert_array_equal(loaded.curves(), result.curves())
    jax.tree.map(np.testing.assert_array_equal, loaded.kept, result.kept)
    assert result.refit.predict(X).shape == (len(X), 3)
    restored = nn.load(nn.save(params, tmp_path / "params.npz"), like=params)
    jax.tree.map(np.testing.assert_array_equal, restored, params)


def test_lanes_of_a_vmap_are_lone_trainings() -> None:
    model = model_of("nnx")

    def train(rate: jax.Array) -> nn.FitResult:
        recipe = nn.Recipe(model, nn.cross_entropy, optax.sgd(rate, momentum=0.9), 8, drop_last=True)
        return nn.fit(recipe, (X, LABELS), key=jax.random.key(0), epochs=2)

    rates = np.array([0.01, 0.1], "f")
    lanes = jax.jit(jax.vmap(train))(rates)
    for i, rate in enumerate(rates):
        assert_close(jax.tree.map(lambda leaf, i=i: leaf[i], lanes.params), jax.jit(train)(rate).params)


def test_a_training_in_a_directory_goes_on_and_a_new_model_compiles_nothing(tmp_path, compilations) -> None:
    def train(epochs: int, **options):
        recipe = nn.Recipe(model_of("linen"), nn.cross_entropy, optax.sgd(0.1), 8, drop_last=True)
        data = (X, LABELS)
        return nn.train(recipe, data, key=jax.random.key(0), epochs=epochs, progress=False, **options)

    train(1, directory=tmp_path / "run")
    went_on, whole = train(3, directory=tmp_path / "run"), train(3)
    jax.tree.map(np.testing.assert_array_equal, went_on.params, whole.params)
    np.testing.assert_array_equal(went_on.losses, whole.losses)
    with compilations() as names:
        again = train(3)
    np.testing.assert_array_equal(again.losses, whole.losses)
    assert not names


def test_a_rate_that_flax_cannot_trace_is_named_with_the_cure() -> None:
    message = error_message(ValueError, lambda: sweep("linen", ours=False))
    assert message == (
        "sweep: 'dropout' cannot be traced: flax.model: Dropout_0 compares its rate in Python: make it an "
        "nn.choice(…), or call nn.dropout(self.make_rng('dropout'), x, rate) in place of linen.Dropout"
    )
    space = SPACE | {"dropout": nn.choice(0.5)}
    assert np.isfinite(sweep("linen", space, ours=False).best.score)
