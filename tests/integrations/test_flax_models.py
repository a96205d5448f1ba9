"""Modules of Flax train as in a loop of their own; statistics are buffers, and what cannot be carried is refused."""

import jax
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
    fresh = NNX(norm=norm, rngs=nnx.Rngs(5))
    flax.update(fresh, fitted.params)
    variables = [nnx.to_pure_dict(nnx.state(each, (nnx.Param, nnx.BatchStat))) for each in (fresh, module)]
    assert_close(*variables)
    assert not norm or fresh.norm.mean.std() > 0
    module.eval()
    outputs = nn.predict(model, fitted.params, X)
    assert_close(outputs, module(X))
    with pytest.raises(ValueError, match=r"flax\.update: params lack hidden\.bias of NNX"):
        flax.update(fresh, {"hidden": {}})


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


class WithField(linen.Module):
    """A module that is told by a field whether it trains."""

    train: bool = False

    @linen.compact
    def __call__(self, x):
        return linen.BatchNorm(use_running_average=not self.train)(x)


class OneKeyword(linen.Module):
    """A module with one keyword for dropout and batch norm."""

    @linen.compact
    def __call__(self, x, deterministic):
        return linen.Dropout(0.5, deterministic=deterministic)(linen.BatchNorm(deterministic)(x))


def test_a_field_of_the_module_is_set_too() -> None:
    model = flax.model(WithField(), X[:1])
    params = model.init(jax.random.key(0))
    outputs, after = model.train_apply(params, X, key=jax.random.key(1))
    assert_close(outputs.mean(axis=0), np.zeros(4))
    assert_close(after["batch_stats"]["BatchNorm_0"]["mean"].value, 0.01 * X.mean(axis=0))
    assert_close(model.apply(params, X), X / np.sqrt(1 + 1e-5))


@pytest.mark.parametrize("module", [WithField(), OneKeyword()], ids=["field", "keyword"])
def test_a_key_in_evaluation_is_refused_where_the_batch_norm_would_train(module: linen.Module) -> None:
    model = flax.model(module, X[:1])
    with pytest.raises(ValueError, match="need a module whose call takes deterministic and use_running_average"):
        model.apply(model.init(jax.random.key(0)), X, key=jax.random.key(1))
