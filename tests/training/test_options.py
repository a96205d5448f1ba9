"""fit, train and sweep under JAX's debugging options, and with the optimizers that need more than a gradient."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import optax.contrib
import pytest

import jaxnn as nn

FLOWERS = nn.datasets.iris()
DATA = np.asarray(nn.scale(nn.standard_scaling(FLOWERS.x), FLOWERS.x)), FLOWERS.targets


def make_recipe(hypers=None, optimizer=None):
    """Returns a recipe for minibatches; a plain one for full batches where every operation compiles alone."""
    if jax.config.jax_disable_jit or jax.config.jax_check_tracer_leaks:
        return nn.Recipe(nn.mlp([4, 3]), nn.cross_entropy, optax.sgd(0.1))
    optimizer = optimizer or optax.adam(0.05 if hypers is None else hypers["rate"])
    return nn.Recipe(nn.mlp([4, 8, 3], dropout=0.1), nn.cross_entropy, optimizer, batch_size=50)


def fit(recipe=None):
    return nn.fit(recipe or make_recipe(), DATA, key=jax.random.key(0), epochs=2, stop=nn.no_improvement(5)).losses


def train(recipe=None):
    options = {"validation": DATA, "score": nn.accuracy, "progress": False}
    return nn.train(recipe or make_recipe(), DATA, key=jax.random.key(0), epochs=2, **options).losses


def evaluate():
    recipe = make_recipe()
    return nn.evaluate(recipe, recipe.model.init(jax.random.key(0)), DATA, score=nn.accuracy).loss


def sweep(space=None):
    space = space or {"rate": nn.log_uniform(1e-3, 1e-1)}
    options = {"folds": 3, "score": nn.accuracy, "progress": False, "lanes": 6}
    return nn.sweep(make_recipe, space, DATA, key=jax.random.key(0), trials=4, epochs=2, **options).scores


OPTIONS = {
    "debug_nans": lambda: jax.debug_nans(True),
    "debug_infs": lambda: jax.debug_infs(True),
    "enable_x64": lambda: jax.enable_x64(True),
    "numpy_dtype_promotion": lambda: jax.numpy_dtype_promotion("strict"),
    "disable_jit": lambda: jax.disable_jit(),
    "check_tracer_leaks": lambda: jax.checking_leaks(),
}
SLOW = "disable_jit", "check_tracer_leaks"
NO_SWEEP = *SLOW, "debug_infs"
# Checking for leaks takes minutes for a sweep, running without jit is what a sweep refuses, and its lanes hold NaN but
# no infinity.
RUNS = [(option, run) for option in OPTIONS for run in (fit, train, evaluate, sweep)]
RUNS = [(option, run) for option, run in RUNS if not (run is sweep and option in NO_SWEEP)]


@pytest.mark.parametrize(("option", "run"), RUNS, ids=lambda value: getattr(value, "__name__", value))
def test_every_entry_runs_under_every_debugging_option_with_the_same_numbers(option, run, plain) -> None:
    with OPTIONS[option]():
        actual = run()
    # Random numbers of float64 are others, and so is the plain recipe.
    if option == "enable_x64" or option in SLOW:
        assert np.isfinite(actual).all()
    else:
        np.testing.assert_allclose(actual, plain(run), rtol=1e-4)


@pytest.mark.parametrize("option", [option for option in OPTIONS if option not in SLOW])
def test_means_and_plateaus_run_under_every_debugging_option(option) -> None:
    optimizer = optax.chain(optax.adam(0.05), nn.reduce_on_plateau(0.5, 1))
    with OPTIONS[option]():
        for run in (fit, train):
            assert np.isfinite(run(make_recipe(optimizer=optimizer)._replace(ema=0.9))).all()


@pytest.fixture(scope="module")
def plain():
    results = {}
    return lambda run: results.setdefault(run, run()) if run not in results else results[run]


def test_a_sweep_refuses_disable_jit_in_one_line() -> None:
    with jax.disable_jit(), pytest.raises(ValueError, match=r"^sweep: trials run in compiled programs, which .*$"):
        sweep()


def test_debug_nans_names_the_trial_of_a_sweep() -> None:
    with (
        jax.debug_nans(True),
        pytest.raises(FloatingPointError, match=r"sweep: trial \d with \{'rate': .*\} has the score NaN after"),
    ):
        sweep({"rate": nn.uniform(1e30, 2e38)})


def test_debug_nans_still_finds_a_nan_of_the_users_loss() -> None:
    recipe = make_recipe()._replace(loss=lambda o, t: jnp.sqrt(o[:, 0]))
    with jax.debug_nans(True), pytest.raises(FloatingPointError, match="nan"):
        train(recipe)


def wrapped_lookahead():
    lookahead, model = optax.lookahead(optax.sgd(0.5), sync_period=5, slow_step_size=0.5), make_recipe().model
    return make_recipe()._replace(
        model=nn.Model(
            lambda key: optax.LookaheadParams.init_synced(model.init(key)),
            lambda params, x, *, key=None: model.apply(params.fast, x, key=key),
        ),
        optimizer=optax.GradientTransformation(lookahead.init, lambda grad, *rest: lookahead.update(grad.fast, *rest)),
    )


def sam(**options):
    adversary = optax.chain(optax.contrib.normalize(), optax.sgd(0.05))
    return make_recipe(optimizer=optax.contrib.sam(optax.sgd(0.5), adversary, sync_period=2, **options))


RECIPES = {
    "MultiSteps": lambda: make_recipe(optimizer=optax.MultiSteps(optax.adam(0.05), 2)),
    "MultiSteps of the total steps": lambda: make_recipe(optimizer=lambda steps: optax.MultiSteps(optax.adam(0.05), 2)),
    "sam": sam,
    "opaque sam": lambda: sam(opaque_mode=True),
    "lookahead": wrapped_lookahead,
    "line search": lambda: make_recipe(optimizer=optax.lbfgs()),
}


@pytest.mark.parametrize("name", RECIPES)
def test_optimizers_that_need_more_than_a_gradient_learn(name: str) -> None:
    fitted = nn.fit(RECIPES[name](), DATA, key=jax.random.key(0), epochs=20)
    assert fitted.losses[-1] < 0.7 * fitted.losses[0]


def test_multi_steps_averages_gradients_as_a_batch_twice_as_large_does() -> None:
    rows = np.tile(np.arange(50), 3)
    data, model = (DATA[0][rows], DATA[1][rows]), nn.mlp([4, 3])
    small = nn.Recipe(model, nn.cross_entropy, optax.MultiSteps(optax.sgd(0.1), 3), batch_size=50)
    large = nn.Recipe(model, nn.cross_entropy, optax.sgd(0.1))
    params = [nn.fit(recipe, data, key=jax.random.key(0), epochs=4).params for recipe in (small, large)]
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6), *params)


def test_trainings_with_the_same_multi_steps_compile_once(compilations) -> None:
    recipe = make_recipe(optimizer=optax.MultiSteps(optax.adam(0.05), 2))
    train(recipe)
    with compilations() as names:
        train(recipe)
    assert not names


def test_a_training_with_multi_steps_goes_on() -> None:
    recipe = make_recipe(optimizer=optax.MultiSteps(optax.adam(0.05), 2))
    fitted = nn.fit(recipe, DATA, key=jax.random.key(0), epochs=2)
    state, _ = nn.advance(recipe, DATA, fitted.state, epochs=1)
    whole = nn.fit(recipe, DATA, key=jax.random.key(0), epochs=3)
    jax.tree.map(np.testing.assert_array_equal, state.params, whole.params)
    assert nn.init_training(recipe, jax.random.key(0)).epoch == 0


def test_an_error_inside_the_users_optimizer_is_raised_as_it_is() -> None:
    optimizer = optax.GradientTransformation(lambda params: (), lambda grad, state, params: grad.missing)
    with pytest.raises(AttributeError, match="missing"):
        fit(make_recipe(optimizer=optimizer))


def test_a_learning_rate_that_is_text_is_named() -> None:
    words = r"Recipe: the optimizer cannot compute its updates: .* is its learning rate a number\?"
    with pytest.raises(TypeError, match=words):
        fit(make_recipe(optimizer=optax.adam("0.01")))


def test_lookahead_alone_says_how() -> None:
    recipe = make_recipe(optimizer=optax.lookahead(optax.sgd(0.5), 5, 0.5))
    with pytest.raises(TypeError, match=r"optax\.lookahead needs two copies of them, as the docstring of Recipe shows"):
        fit(recipe)
