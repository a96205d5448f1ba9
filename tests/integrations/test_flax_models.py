"""Modules of Flax train as in a loop of their own; statistics are buffers, and what cannot be carried is refused."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen, nnx

import jaxnn as nn
from helpers.foreign_modules import LABELS, NNX, Linen, X, assert_close, draw_rows, init_key, model_of
from jaxnn.integrations import flax

# Not Adam, which makes steps of a gradient that is rounding alone: that of a bias before a batch norm.
OPTIMIZER = optax.sgd(0.1, momentum=0.9)


def fit(model: nn.Model, batch_size: int = 7, **options):
    recipe = nn.Recipe(model, nn.cross_entropy, OPTIMIZER, batch_size, drop_last=True)
    return jax.jit(lambda: nn.fit(recipe, (X, LABELS), key=jax.random.key(0), epochs=4, **options))()


def mean_loss(logits, labels):
    return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()


@pytest.mark.parametrize("norm", [False, True])
def test_twenty_steps_of_a_linen_module_are_those_of_its_own_loop(norm: bool) -> None:
    module = Linen(norm=norm)
    variables = module.init(init_key(jax.random.key(0)), X[:2], train=False)
    state, losses = OPTIMIZER.init(variables["params"]), []

    @jax.jit
    def step(variables, state, x, labels):
        def objective(params):
            logits, after = module.apply(variables | {"params": params}, x, train=True, mutable=["batch_stats"])
            return mean_loss(logits, labels), after

        (loss, after), gradient = jax.value_and_grad(objective, has_aux=True)(variables["params"])
        updates, state = OPTIMIZER.update(gradient, state)
        return after | {"params": optax.apply_updates(variables["params"], updates)}, state, loss

    for rows in draw_rows(jax.random.key(0), 7, 4):
        variables, state, loss = step(variables, state, X[rows], LABELS[rows])
        losses.append(loss)
    assert len(losses) == 20
    model = flax.model(module, X[:1])
    fitted = fit(model)
    assert_close(flax.variables(fitted.params), variables)
    assert_close(fitted.losses, np.reshape(losses, (4, 5)).mean(axis=1))
    assert_close(nn.predict(model, fitted.params, X), module.apply(variables, X, train=False))
    assert (model.train_apply is None) == (not norm)


@pytest.mark.parametrize("norm", [False, True])
def test_twenty_steps_of_an_nnx_module_are_those_of_its_own_loop(norm: bool) -> None:
    module = NNX(norm=norm, rngs=nnx.Rngs(init_key(jax.random.key(0))))
    module.train()
    optimizer = nnx.Optimizer(module, OPTIMIZER, wrt=nnx.Param)

    @nnx.jit
    def step(module, optimizer, x, labels):
        optimizer.update(module, nnx.grad(lambda module: mean_loss(module(x), labels))(module))

    for rows in draw_rows(jax.random.key(0), 7, 4):
        step(module, optimizer, X[rows], LABELS[rows])
    model = flax.model(lambda rngs: NNX(norm=norm, rngs=rngs))
    fitted = fit(model)
    params = flax.variables(fitted.params)
    assert_close(params, nnx.to_pure_dict(nnx.state(module, (nnx.Param, nnx.BatchStat))))
    module.eval()
    outputs = nn.predict(model, fitted.params, X)
    assert_close(outputs, module(X))
    fresh = NNX(norm=norm, rngs=nnx.Rngs(5))
    nnx.update(fresh, params)
    fresh.eval()
    assert_close(outputs, fresh(X))


@pytest.mark.parametrize("tool", ["linen", "nnx"])
def test_dropout_is_drawn_from_the_key_and_left_out_without_one(tool: str) -> None:
    model = model_of(tool, norm=False, rate=0.5)
    params, key = model.init(jax.random.key(0)), jax.random.key(1)
    again = model.apply(params, X, key=jax.random.clone(key))
    np.testing.assert_array_equal(model.apply(params, X, key=key), again)
    assert not np.allclose(again, model.apply(params, X, key=jax.random.key(2)))
    plain = model_of(tool, norm=False).apply(params, X, key=jax.random.key(1))
    np.testing.assert_array_equal(model.apply(params, X), plain)


def test_a_linen_module_drops_the_units_that_its_own_apply_drops() -> None:
    model, key = model_of("linen", norm=False, rate=0.5), jax.random.key(1)
    params = model.init(jax.random.key(0))
    theirs = Linen(norm=False, rate=0.5).apply(params, X, train=True, rngs={"dropout": jax.random.clone(key)})
    np.testing.assert_array_equal(model.apply(params, X, key=key), theirs)


def test_outputs_with_dropout_of_an_nnx_module_keep_the_running_statistics() -> None:
    model = model_of("nnx", rate=0.0)
    params = model.init(jax.random.key(0))
    assert_close(model.apply(params, X, key=jax.random.key(1)), model.apply(params, X))


class Noisy(linen.Module):
    """A module with two keywords of Flax, a stream of keys of its own, and one that only the user knows."""

    @linen.compact
    def __call__(self, x, deterministic, use_running_average, scale=1.0):
        x = linen.BatchNorm(use_running_average)(x)
        return x if deterministic else x + scale * jax.random.normal(self.make_rng("noise"), x.shape)


def test_keywords_of_the_call_are_found_or_given() -> None:
    model = flax.model(Noisy(), X[:1], training={"scale": 100.0})
    params = model.init(jax.random.key(0))
    evaluated = model.apply(params, X)
    np.testing.assert_allclose(evaluated, X / np.sqrt(1 + 1e-5), rtol=1e-5)
    noisy, _ = model.train_apply(params, X, key=jax.random.key(1))
    assert np.abs(noisy - evaluated).max() > 50
    drawn = flax.model(Noisy(), X[:1]).apply(params, X, key=jax.random.key(1))
    assert 0.5 < np.std(drawn - evaluated) < 1.5


class Counting(linen.Module):
    @linen.compact
    def __call__(self, x):
        self.variable("counts", "calls", jnp.zeros, ())
        return linen.Dense(3)(x)


class Cached(nnx.Module):
    def __init__(self, rngs):
        self.inner = nnx.Linear(4, 3, rngs=rngs)
        self.cache = nnx.Cache(jnp.zeros(3))


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda: flax.model(3), TypeError, "flax.model: module must be a flax.linen.Module, or a function of rngs"),
        (lambda: flax.model(Linen, X), TypeError, "flax.model: Linen is a class; give a module, such as Linen()"),
        (lambda: flax.model(Linen()), TypeError, "flax.model: a linen module needs sample_x, such as x[:1]"),
        (
            lambda: flax.model(Linen(), (8, 8, 1)),
            TypeError,
            "flax.model: sample_x must be an array with examples on its first axis, such as x[:1], or a pytree of "
            "them, not (8, 8, 1)",
        ),
        (lambda: flax.model(Linen(), np.float32(1)), ValueError, "flax.model: sample_x must have a first axis"),
        (lambda: flax.model(Counting(), X), ValueError, "flax.model: Counting has variables in 'counts'; a model"),
        (lambda: flax.model(Cached), ValueError, "flax.model: cache is an nnx.Cache; a model carries nnx.Param"),
        (
            lambda: flax.model(NNX(rngs=nnx.Rngs(0))),
            TypeError,
            "flax.model: NNX is built already, and every training would start from the same weights; give a "
            "function of rngs, such as lambda rngs: NNX(rngs=rngs)",
        ),
        (lambda: flax.model(lambda rngs: 3), TypeError, "flax.model: the function of rngs must build an nnx.Module"),
        (
            lambda: model_of("linen").apply(model_of("linen").init(jax.random.key(0)), X, key=jax.random.key(1)),
            ValueError,
            "flax.model: outputs with dropout, by a key, need a module whose call takes deterministic and",
        ),
        (
            lambda: jax.jit(lambda rate: model_of("linen", rate=rate) and 0)(0.5),
            ValueError,
            "flax.model: Dropout_0 compares its rate in Python: make it an nn.choice(…)",
        ),
        (
            lambda: jax.jit(lambda rate: model_of("nnx", rate=rate) and 0)(0.5),
            ValueError,
            "flax.model: dropout compares its rate in Python: make it an nn.choice(…)",
        ),
    ],
    ids=range(12),
)
def test_what_is_no_module_or_cannot_be_carried_is_refused(call, kind, message) -> None:
    with pytest.raises(kind) as caught:
        call()
    assert str(caught.value).startswith(message)
