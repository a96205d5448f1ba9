"""What a result looks like and where it can go: repr, notebooks, tables, pickles, outputs that are trees."""

import functools
import pickle

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxnn as nn
from jaxnn.sweeps.results.tables import make_frame

FLOWERS = nn.datasets.iris()
DATA = np.asarray(nn.scale(nn.standard_scaling(FLOWERS.x), FLOWERS.x)), FLOWERS.targets
SPACE = {
    "rate": nn.log_uniform(1e-3, 1e-1),
    "activation": nn.choice(nn.tanh, functools.partial(nn.leaky_relu, slope=0.2)),
}


def make_recipe(hypers):
    return nn.Recipe(nn.mlp([4, 5, 3], activation=hypers["activation"]), nn.cross_entropy, optax.adam(hypers["rate"]))


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    return tmp_path_factory.mktemp("results") / "run"


@pytest.fixture(scope="module")
def result(directory):
    options = {"trials": 12, "epochs": 3, "folds": 3, "keep": 2, "progress": False}
    return nn.sweep(make_recipe, SPACE, DATA, key=jax.random.key(0), directory=directory, **options)


def test_the_repr_of_a_sweep_is_three_useful_lines(result) -> None:
    first, best, params = repr(result).splitlines()
    assert first == "SweepResult: 12 trials of up to 3 epochs (12 finished), 3 folds stratified by targets"
    hypers = result.best.hypers
    score = f"{result.best.score:.4g} ± {result.trials[result.best.trial].score_std:.2g}"
    name = "tanh" if hypers["activation"] is nn.tanh else "leaky_relu(slope=0.2)"
    shown = f"rate {hypers['rate']:.4g}, activation {name}"
    assert best == f"  best: trial {result.best.trial}, score {score} after epoch 3, {shown}"
    assert params == f"  params: of trials {sorted(result.kept)}; replay(trial) computes those of the others"
    trial = result.trials[result.best.trial]
    assert repr(trial) == f"TrialResult {trial.trial}: finished, 3 epochs, score {score} after epoch 3"
    assert repr(result.best).splitlines() == [
        f"BestTrial {trial.trial} with the score {score} after epoch 3",
        f"  hypers: {shown}",
        "  params: 129 numbers in 4 arrays, lanes on the first axis",
    ]


def test_a_result_that_is_loaded_is_described_alike(result, directory) -> None:
    assert repr(nn.sweeps.load(directory)).splitlines()[0] == repr(result).splitlines()[0]


def test_a_notebook_shows_the_best_ten_trials(result) -> None:
    html = result._repr_html_()
    ranked = sorted(result.trials, key=lambda trial: -trial.score)
    rows = html.split("<tr>")[2:]
    assert [int(row.split("<td>")[1].split("<")[0]) for row in rows] == [trial.trial for trial in ranked[:10]]
    assert html.endswith("<p>… and 2 more</p>")


def test_tables_show_functions_by_name(result) -> None:
    assert {row["activation"] for row in result.table()} == {"tanh", "leaky_relu(slope=0.2)"}
    assert set(result.to_pandas()["activation"]) == {"tanh", "leaky_relu(slope=0.2)"}
    assert next(column for column in result.columns() if column.path == "activation").options == (
        "tanh",
        "leaky_relu(slope=0.2)",
    )


def test_an_object_without_a_name_is_shown_without_its_address() -> None:
    class Scheme:
        def __call__(self, x):
            return x

    from jaxnn._checks.names import name_value

    assert name_value(Scheme()) == "Scheme"
    assert name_value(optax.sgd(0.1)) == "GradientTransformationExtraArgs"
    assert name_value((nn.relu, 3)) == "(relu, 3)"


def test_options_with_equal_names_are_told_apart_in_tables() -> None:
    space = {"optimizer": nn.choice(optax.sgd(0.1), optax.adam(0.1))}

    def make(hypers):
        return nn.Recipe(nn.mlp([4, 3]), nn.cross_entropy, hypers["optimizer"])

    options = {"trials": 2, "epochs": 1, "sampler": "grid", "validation": DATA, "progress": False}
    table = nn.sweep(make, space, DATA, key=jax.random.key(0), **options).table()
    name = "GradientTransformationExtraArgs"
    assert {row["optimizer"] for row in table} == {f"{name} 0", f"{name} 1"}


def test_a_pickled_sweep_is_whole_and_replays_to_the_same_bits(result) -> None:
    copy = pickle.loads(pickle.dumps(result))
    assert copy.table() == result.table()
    np.testing.assert_array_equal(copy.predict(DATA[0], best=2), result.predict(DATA[0], best=2))
    left, right = result.replay(1), copy.replay(1)
    jax.tree.map(np.testing.assert_array_equal, left, right)
    best = pickle.loads(pickle.dumps(result.best))
    assert best.hypers["rate"] == result.best.hypers["rate"]
    jax.tree.map(np.testing.assert_array_equal, best.params, result.best.params)
    assert best.recipe.model.init == result.best.recipe.model.init


@pytest.mark.parametrize(
    "model",
    [nn.mlp([4, 5, 3], activation=nn.tanh, dropout=0.2), nn.cnn((8, 8, 1), (3,), 2, hidden=[4], padding="valid")],
    ids=["mlp", "cnn"],
)
def test_models_pickle_and_equal_models_are_equal(model) -> None:
    copy = pickle.loads(pickle.dumps(model))
    assert copy == model
    assert hash(copy) == hash(model)
    assert model != nn.mlp([4, 5, 3], dropout=0.3)
    key = jax.random.key(0)
    jax.tree.map(np.testing.assert_array_equal, copy.init(key), model.init(jax.random.clone(key)))


def test_equal_recipes_share_one_compilation(compilations) -> None:
    optimizer = optax.adam(0.1)

    def train():
        recipe = nn.Recipe(nn.mlp([4, 6, 3]), nn.cross_entropy, optimizer)
        return nn.train(recipe, DATA, key=jax.random.key(0), epochs=2, progress=False)

    train()
    with compilations() as names:
        train()
    assert not names


def test_the_reprs_of_trainings_are_three_lines() -> None:
    recipe = nn.Recipe(nn.mlp([4, 5, 3]), nn.cross_entropy, optax.adam(0.1))
    options = {"validation": DATA, "score": nn.accuracy, "progress": False}
    trained = nn.train(recipe, DATA, key=jax.random.key(0), epochs=4, **options)
    assert repr(trained).splitlines() == [
        "TrainResult after 4 epochs",
        f"  losses: {trained.losses[0]:.4g} → {trained.losses[-1]:.4g}",
        f"  params: 43 numbers in 4 arrays, after epoch {trained.best_epoch}, the best score "
        f"{trained.scores.max():.4g}",
    ]
    fitted = nn.fit(recipe, DATA, key=jax.random.key(0), epochs=4)
    assert repr(fitted).splitlines()[1] == f"  losses: {fitted.losses[0]:.4g} → {fitted.losses[-1]:.4g}"
    many = jax.vmap(lambda key: nn.fit(recipe, DATA, key=key, epochs=4))(jax.random.split(jax.random.key(0), 3))
    assert repr(many).splitlines() == [
        "FitResult",
        "  losses: of shape (3, 4)",
        "  params: 129 numbers in 4 arrays",
    ]


def test_outputs_that_are_trees_are_averaged_leaf_by_leaf() -> None:
    model = nn.Model(
        lambda key: nn.init_dense(key, 4, 3),
        lambda params, x, *, key=None: {"logits": nn.dense(params, x), "pair": (x[:, 0], x)},
    )

    def make_tree(hypers):
        return nn.Recipe(model, lambda o, t: nn.cross_entropy(o["logits"], t), optax.sgd(hypers["rate"]))

    def score(outputs, labels, *, where=None):
        return nn.accuracy(outputs["logits"], labels, where=where)

    space = {"rate": nn.log_uniform(1e-3, 1e-1)}
    options = {"trials": 3, "epochs": 2, "folds": 2, "keep": 2, "progress": False, "score": score}
    swept = nn.sweep(make_tree, space, DATA, key=jax.random.key(0), **options)
    outputs = swept.predict(DATA[0], best=2)
    each = [nn.dense(swept.params(trial, lane=lane), DATA[0]) for trial in swept.kept for lane in range(2)]
    np.testing.assert_allclose(outputs["logits"], jnp.mean(jnp.stack(each), axis=0), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(outputs["pair"][1], DATA[0], rtol=1e-6)
    best = swept.params(swept.best.trial, lane=0)
    assert nn.predict(model, best, DATA[0])["pair"][0].shape == (150,)
    assert nn.evaluate(make_tree({"rate": 0.1}), best, DATA, score=score).score > 0.1


def test_a_score_that_is_never_finite_leaves_finished_trials_and_a_warning() -> None:
    x = DATA[0][:, :1]

    def make_line(hypers):
        return nn.Recipe(nn.mlp([1, 1]), nn.squared_error, optax.sgd(hypers["rate"]))

    at_rungs = {"evaluate_at": "rungs", "scheduler": nn.asha(grace_period=1, reduction_factor=2)}
    # Repeats have a standard deviation, of numbers that are not finite.
    for options in ({"repeats": 2}, at_rungs):
        with pytest.warns(UserWarning, match="sweep: the score r_squared was finite for no trial"):
            swept = nn.sweep(
                make_line, {"rate": nn.uniform(0.01, 0.1)}, (x, x), key=jax.random.key(0), trials=4, epochs=3,
                validation=(x[:1], x[:1]), score=nn.r_squared, progress=False, **options,
            )  # fmt: skip
        assert "diverged" not in {trial.status for trial in swept.trials}
        assert not np.isfinite(swept.scores).any()
        trained = swept.replay(swept.best.trial)
        jax.tree.map(np.testing.assert_array_equal, trained.params, swept.best.params)
        np.testing.assert_array_equal(trained.curves.losses, swept.trials[swept.best.trial].curves.losses)


def test_pandas_keeps_none_beside_whole_numbers() -> None:
    frame = make_frame([{"trial": 0, "batch": 16, "rate": 0.1}, {"trial": 1, "batch": None}, {"trial": 2, "batch": 8}])
    assert frame["batch"].tolist() == [16, None, 8]
    assert type(frame["batch"][0]) is int
    assert frame["rate"].dtype == float
    assert np.isnan(frame["rate"]).tolist() == [False, True, True]
