"""A loss that mixes the examples of a batch is refused; losses of every other kind pass."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxnn as nn

X = np.linspace(-1, 1, 9, dtype="f")[:, None]


@pytest.fixture(autouse=True)
def _allow_rank_promotion():
    """Allows what the tests of this library refuse, and its users do not."""
    with jax.numpy_rank_promotion("allow"):
        yield


def fit(loss, targets, outputs=1, epochs=1, **options):
    recipe = nn.Recipe(nn.mlp([1, outputs]), loss, optax.sgd(0.5), **options)
    return nn.fit(recipe, (X, targets), key=jax.random.key(0), epochs=epochs)


MIXING = {
    "outputs (n, 1) and targets (n,) broadcast": (lambda o, t: jnp.square(o - t).mean(-1), X[:, 0]),
    "the same with absolute errors": (lambda o, t: jnp.abs(o - t).sum(-1), X[:, 0]),
    "centred over the batch": (lambda o, t: jnp.square(o - o.mean(0) - t).sum(-1), X),
    "softmax over the batch": (lambda o, t: -(t * jax.nn.log_softmax(o, axis=0)).sum(-1), X),
    "shifted by one row": (lambda o, t: jnp.square(o - jnp.roll(t, 1, axis=0)).sum(-1), X),
    "divided by the number of rows": (lambda o, t: jnp.square(o - t).sum(-1) / len(o), X),
}


@pytest.mark.parametrize("name", MIXING)
def test_a_loss_that_depends_on_other_examples_is_refused(name: str) -> None:
    loss, targets = MIXING[name]
    with pytest.raises(ValueError, match="fit: the loss of an example must not depend on the other examples"):
        fit(loss, targets)


def test_the_right_loss_finds_the_slope_that_the_mixing_one_hides() -> None:
    def loss(outputs, targets):
        return jnp.square(outputs[:, 0] - targets)

    np.testing.assert_allclose(fit(loss, 3 * X[:, 0], epochs=100).params["output"].weight, 3, rtol=1e-3)


LABELS = np.arange(9) % 3
PASSING = {
    "labels": (optax.softmax_cross_entropy_with_integer_labels, LABELS, 3),
    "one-hot": (optax.softmax_cross_entropy, np.eye(3, dtype="f")[LABELS], 3),
    "weights ride in the targets": (lambda o, t: t[1] * nn.cross_entropy(o, t[0]), (LABELS, X[:, 0]), 3),
    "defined between 0 and 1 only": (lambda o, t: -jnp.log(nn.sigmoid(o))[:, 0], X, 1),
    "undefined for negative numbers": (lambda o, t: jnp.sqrt(t - 5.0)[:, 0] + o[:, 0], X, 1),
    "an entry of a closure for each example": (lambda o, t: jnp.arange(9.0) * jnp.square(o - t)[:, 0], X, 1),
    "a side effect": (lambda o, t: (jax.debug.print("loss"), nn.squared_error(o, t))[1], X, 1),
    "no targets": (lambda o, t: jnp.square(o[:, 0]), None, 1),
}


@pytest.mark.parametrize("name", PASSING)
def test_losses_of_single_examples_pass(name: str, capsys: pytest.CaptureFixture) -> None:
    loss, targets, outputs = PASSING[name]
    fit(loss, targets, outputs)
    jax.effects_barrier()
    # The check itself calls no side effect: the loss ran in one epoch.
    assert capsys.readouterr().out.count("loss") == (name == "a side effect")


def test_an_output_without_an_axis_of_examples_is_left_alone() -> None:
    """The log of a standard deviation that all examples share."""

    def apply(params, x, *, key=None):
        return nn.dense(params["mean"], x), params["log_std"]

    def loss(outputs, targets):
        mean, log_std = outputs
        return (jnp.square((targets - mean) / jnp.exp(log_std)) / 2 + log_std).sum(-1)

    model = nn.Model(lambda key: {"mean": nn.init_dense(key, 1, 1), "log_std": jnp.zeros(1)}, apply)
    fitted = nn.fit(nn.Recipe(model, loss, optax.sgd(0.1)), (X, 2 * X), key=jax.random.key(0), epochs=1)
    assert np.isfinite(fitted.losses).all()


def test_traced_targets_and_traced_numbers_in_the_loss_can_be_trained_with() -> None:
    def run(scale, targets):
        return fit(lambda o, t: scale * nn.squared_error(o, t), targets).losses

    assert jax.jit(run)(2.0, X).shape == (1,)
    with pytest.raises(ValueError, match="must not depend on the other examples"):
        jax.jit(lambda targets: fit(lambda o, t: jnp.square(o - t).mean(-1), targets).losses)(X[:, 0])


def test_train_evaluate_and_sweep_refuse_it_too() -> None:
    loss, targets = next(iter(MIXING.values()))
    recipe = nn.Recipe(nn.mlp([1, 1]), loss, optax.sgd(0.5))
    calls = {
        "train": lambda: nn.train(recipe, (X, targets), key=jax.random.key(0), epochs=1, progress=False),
        "evaluate": lambda: nn.evaluate(recipe, recipe.model.init(jax.random.key(0)), (X, targets)),
        "sweep": lambda: nn.sweep(
            lambda hypers: recipe._replace(optimizer=optax.sgd(hypers["rate"])),
            {"rate": nn.uniform(0, 1)},
            (X, targets),
            key=jax.random.key(0),
            trials=2,
            epochs=1,
            folds=3,
            progress=False,
        ),
    }
    for name, call in calls.items():
        with pytest.raises(ValueError, match=f"{name}: the loss of an example must not depend"):
            call()
