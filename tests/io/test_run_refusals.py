"""Another call with the directory of a run: it is refused, and what differs is said."""

import jax
import optax
import pytest

import jaxnn as nn
from conftest import words_of
from helpers.resumable_runs import RECIPE, VALIDATION, WIDTHS, EnoughError, make_recipe, same, same_sweep, sweep, train

OTHER_CALLS = {
    "epochs": ({"epochs": 41}, "epochs was 40 and is 41"),
    "key": ({"seed": 1}, "key was key<fry>"),
    "data": ({"validation": (VALIDATION[0] + 1, VALIDATION[1])}, "validation.x was float32 (45, 4)"),
    "batch size": ({"recipe": RECIPE._replace(batch_size=16)}, "recipe.batch_size was 32 and is 16"),
    "learning rate": ({"recipe": RECIPE._replace(optimizer=optax.adam(0.02))}, "recipe.traced was"),
    "activation": ({"recipe": RECIPE._replace(model=nn.mlp([4, 5, 3], activation=nn.tanh))}, "recipe.traced was"),
    "score": ({"score": nn.accuracy}, "score was None and is jaxnn.scores.accuracy"),
    "stop": ({"stop": nn.no_improvement(5)}, "stop was None and is {'NoImprovement': {'patience': 5"),
}


@pytest.mark.parametrize("name", OTHER_CALLS)
def test_another_training_is_refused(tmp_path, trained, name):
    with pytest.raises(EnoughError):
        train(tmp_path, end_at=20)
    options, words = OTHER_CALLS[name]
    said = words_of(ValueError, lambda: train(tmp_path, **options))
    assert words in said
    assert said.endswith("Make the same call, or give another directory")
    same(train(tmp_path), trained)


OTHER_SWEEPS = {
    "trials": ({"trials": 19}, "trials was 18 and is 19"),
    "space": ({"space": WIDTHS}, "space.width was None and is {'Choice': {'values': [5, 6]}}"),
    "scheduler": ({"scheduler": nn.asha(first=2)}, "scheduler was {'Asha': {'first': 1, 'reduction': 3}} and is"),
    "lanes": ({"lanes": 8}, "lanes was 4 and is 8"),
    "judge": ({"judge": "rungs"}, "judge was epochs and is rungs"),
    "recipe": (
        {"make": lambda hypers: make_recipe(hypers)._replace(loss=lambda *both: 2 * nn.cross_entropy(*both))},
        "make_recipe was resumable.make_recipe and is",
    ),
}


@pytest.mark.parametrize("name", OTHER_SWEEPS)
def test_another_sweep_is_refused(tmp_path, name):
    with pytest.raises(EnoughError):
        sweep(tmp_path, end_at=9)
    options, words = OTHER_SWEEPS[name]
    assert words in words_of(ValueError, lambda: sweep(tmp_path, **options))


def test_a_function_of_the_same_name_that_computes_something_else_is_refused(tmp_path):
    def recipes(rate):
        return lambda hypers: make_recipe(hypers)._replace(optimizer=optax.sgd(hypers["learning_rate"] * rate))

    with pytest.raises(EnoughError):
        sweep(tmp_path, end_at=9, make=recipes(1.0))
    said = words_of(ValueError, lambda: sweep(tmp_path, make=recipes(2.0)))
    assert said == (
        "sweep: the directory holds a run that was begun with another recipe: what make_recipe returns for "
        "this space is not what it was. Take the same, or another directory"
    )


def test_a_training_and_a_sweep_do_not_share_a_directory(tmp_path):
    train(tmp_path)
    assert "kind was train and is sweep. Make" in words_of(ValueError, lambda: sweep(tmp_path))


def test_what_a_failed_first_call_left_is_no_hindrance(tmp_path, swept):
    with pytest.raises(ValueError, match="make_recipe asks for 'depth'"):
        sweep(tmp_path, make=lambda hypers: nn.mlp([hypers["depth"]]), trials=3)
    same_sweep(sweep(tmp_path), swept)


def test_a_rate_that_lives_in_the_optimizers_state_is_noticed(tmp_path):
    def recipe(rate):
        return RECIPE._replace(optimizer=optax.inject_hyperparams(optax.adam)(learning_rate=rate))

    with pytest.raises(EnoughError):
        train(tmp_path, end_at=20, recipe=recipe(0.01))
    assert "initial state was" in words_of(ValueError, lambda: train(tmp_path, recipe=recipe(0.5)))
    scaled = nn.Model(lambda key: jax.tree.map(lambda leaf: 9 * leaf, RECIPE.model.init(key)), RECIPE.model.apply)
    said = words_of(ValueError, lambda: train(tmp_path, recipe=recipe(0.01)._replace(model=scaled)))
    assert "initial state was" in said


def test_settings_of_jax_are_part_of_the_call(tmp_path):
    with pytest.raises(EnoughError):
        train(tmp_path, end_at=20)
    with jax.default_matmul_precision("float32"):
        said = words_of(ValueError, lambda: train(tmp_path))
    assert "jax_default_matmul_precision was highest and is float32" in said
