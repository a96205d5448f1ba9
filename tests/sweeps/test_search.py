"""sweep: what it finds, what it promises to the bit, and what it refuses."""

import re
from concurrent.futures import ThreadPoolExecutor

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxnn as nn
from jaxnn.sweeps.engine.lanes import ProgramSpec
from jaxnn.sweeps.engine.program import Program

FLOWERS = nn.datasets.iris()
X = np.asarray(nn.scale(nn.standard_scaling(FLOWERS.x), FLOWERS.x))
SPLIT = nn.train_test_split(jax.random.key(1), (X, FLOWERS.targets), test=0.3, stratify=FLOWERS.targets)
SPACE = {"learning_rate": nn.log_uniform(1e-4, 1.0), "weight_decay": nn.log_uniform(1e-5, 1e-1)}


def make_recipe(hypers):
    optimizer = optax.adamw(hypers["learning_rate"], weight_decay=hypers["weight_decay"])
    return nn.Recipe(nn.mlp([4, 8, 3]), nn.cross_entropy, optimizer, batch_size=35)


def run(seed=0, *, make=make_recipe, space=SPACE, trials=12, epochs=12, lanes=8, **options):
    judged = {} if "folds" in options else {"validation": SPLIT.test}
    data = (X, FLOWERS.targets) if "folds" in options else SPLIT.train
    settings = {"score": nn.accuracy, "progress": False, "keep": trials} | judged | options
    return nn.sweep(make, space, data, key=jax.random.key(seed), trials=trials, epochs=epochs, lanes=lanes, **settings)


def program(width, tile):
    plan_data = jax.tree.map(jnp.asarray, (SPLIT.train, SPLIT.test))
    task = ProgramSpec(
        lambda values: make_recipe({"learning_rate": values["learning_rate"], "weight_decay": 0.0}),
        *plan_data, None, nn.accuracy, "epochs", 64,
    )  # fmt: skip
    return Program(task, jax.random.key(0), ("learning_rate",), width, tile)


def assert_same_bits(one, other):
    jax.tree.map(np.testing.assert_array_equal, one, other)


@pytest.fixture(scope="module")
def plain():
    return run()


@pytest.fixture(scope="module")
def halving():
    return run(trials=24, epochs=18, scheduler=nn.asha(grace_period=2, reduction_factor=3))


def test_every_trial_has_its_row_and_its_curve(plain):
    table = plain.table()
    assert [row["trial"] for row in table] == list(range(12))
    assert {row["status"] for row in table} == {"finished"}
    assert all(1e-4 <= row["learning_rate"] < 1 for row in table)
    assert plain.curves().shape == plain.curves("losses").shape == (12, 12)
    np.testing.assert_array_equal(plain.curves()[:, -1].astype(np.float32), plain.scores.astype(np.float32))


def test_a_trial_is_a_fit_of_its_recipe(plain):
    """The lanes take the steps of fit; another width rounds another way, by 1e-5."""
    for trial in (0, 7):
        recipe, params = make_recipe(plain.hypers_of(trial)), plain.params(trial, lane=0)
        key = jax.random.fold_in(jax.random.fold_in(jax.random.key(0), trial), 0)
        fitted = jax.jit(lambda key, recipe=recipe: nn.fit(recipe, SPLIT.train, key=key, epochs=12))(key)
        np.testing.assert_allclose(plain.trials[trial].curves.losses[0], fitted.losses, rtol=2e-5, atol=1e-6)
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=2e-5), params, fitted.params)


def test_a_trial_is_a_fit_to_10_digits_in_float64(x64):
    data = jax.tree.map(lambda leaf: leaf if leaf.dtype.kind == "i" else leaf.astype(np.float64), SPLIT)
    found = nn.sweep(
        make_recipe, SPACE, data.train, key=jax.random.key(0), trials=2, epochs=34, lanes=4, keep=2,
        validation=data.test, progress=False,
    )  # fmt: skip
    for trial in range(2):
        # A lane's hypers are float32, whatever the weights are.
        recipe = make_recipe({name: float(np.float32(value)) for name, value in found.hypers_of(trial).items()})
        key = jax.random.fold_in(jax.random.fold_in(jax.random.key(0), trial), 0)
        fitted = jax.jit(lambda key, recipe=recipe: nn.fit(recipe, data.train, key=key, epochs=34))(key)
        np.testing.assert_allclose(found.trials[trial].curves.losses[0], fitted.losses, rtol=1e-10)


def test_replay_computes_the_same_bits(plain, halving):
    for found, trial in ((plain, 11), (halving, halving.best.trial)):
        again = found.replay(trial)
        assert_same_bits(again.curves, found.trials[trial].curves)
        assert_same_bits(again.params, found.params(trial))


def test_asha_stops_most_and_their_curves_are_those_of_the_full_run(halving):
    full = run(trials=24, epochs=18)
    statuses = [outcome.status for outcome in halving.trials]
    assert statuses.count("stopped") > 8
    assert {outcome.epochs for outcome in halving.trials} <= {2, 6, 18}
    for outcome, longer in zip(halving.trials, full.trials, strict=True):
        assert_same_bits(outcome.curves, jax.tree.map(lambda curve, end=outcome.epochs: curve[:, :end], longer.curves))


def test_the_same_sweep_decides_the_same(halving):
    again = run(trials=24, epochs=18, scheduler=nn.asha(grace_period=2, reduction_factor=3))
    assert [(o.status, o.epochs, o.score) for o in again.trials] == [
        (o.status, o.epochs, o.score) for o in halving.trials
    ]


def test_folds_and_repeats_are_lanes_that_are_judged_together():
    found = run(trials=3, folds=4, repeats=2, epochs=4, lanes=16)
    outcome = found.trials[1]
    assert outcome.curves.scores.shape == (8, 4)
    assert outcome.score == pytest.approx(outcome.curves.scores[:, -1].mean())
    assert outcome.score_std == pytest.approx(outcome.curves.scores[:, -1].std())
    assert found.params(1)["output"].bias.shape == (8, 3)


def test_a_fold_is_a_fit_on_its_rows():
    found = run(trials=1, folds=4, epochs=4, lanes=4)
    folds = nn.k_folds(jax.random.fold_in(jax.random.key(0), 2**32 - 2), 150, 4, stratify=FLOWERS.targets)
    recipe = make_recipe(found.hypers_of(0))
    fit = jax.jit(lambda x, labels, key: nn.fit(recipe, (x, labels), key=key, epochs=4))
    for fold in range(4):
        key = jax.random.fold_in(jax.random.fold_in(jax.random.key(0), 0), 0)  # all folds start alike
        rows, judged, counts = folds.train[fold], folds.validation[fold], folds.mask[fold]
        fitted = fit(X[rows], FLOWERS.targets[rows], key)
        np.testing.assert_allclose(found.trials[0].curves.losses[fold], fitted.losses, rtol=1e-4)
        outputs = nn.predict(recipe.model, fitted.params, X[judged][counts])
        expected = nn.accuracy(outputs, FLOWERS.targets[judged][counts])
        np.testing.assert_allclose(found.trials[0].curves.scores[fold, -1], expected, rtol=1e-6)


def test_each_combination_of_choices_compiles_one_chunk_whatever_the_trials(compilations):
    space = SPACE | {"momentum": nn.uniform(0.5, 0.99), "width": nn.choice(3, 4, 5)}

    def make(hypers):
        optimizer = optax.adamw(hypers["learning_rate"], b1=hypers["momentum"], weight_decay=hypers["weight_decay"])
        return nn.Recipe(nn.mlp([4, hypers["width"], 3]), nn.cross_entropy, optimizer, batch_size=35)

    for trials in (9, 30):
        with compilations() as programs:
            found = run(make=make, space=space, trials=trials, epochs=1, keep=1, sampler="sobol")
        assert {outcome.setting.choices for outcome in found.trials} == {(("width", i),) for i in range(3)}
        assert sum("advance" in program for program in programs) == 3


@pytest.mark.parametrize("options", [{}, {"folds": 2}, {"folds": 2, "evaluate_at": "rungs"}], ids=str)
def test_a_single_lane_on_a_device_trains_like_many(options):
    """Two folds on two devices: each is alone there."""
    many, alone = (run(trials=4, epochs=5, lanes=lanes, **options) for lanes in (8, 2))
    for quantity in ("losses", "validation_losses", "scores"):
        np.testing.assert_allclose(alone.curves(quantity), many.curves(quantity), rtol=2e-5)


def test_a_single_lane_multiplies_without_an_axis_of_lanes():
    def dots(width):
        jaxpr = str(program(width, width).traced.jaxpr)
        return set(re.findall(r"dimension_numbers=\(\(.*?\), \((.*?)\)\)", jaxpr))

    assert dots(1) == {"[], []"}
    assert "[0], [0]" in dots(2)


def test_the_chunk_holds_no_collective():
    with ThreadPoolExecutor() as compilers:
        text = program(4, 2).compile(compilers).compiled_text()
    assert "while" in text
    assert not any(
        word in text for word in ("all-reduce", "all-gather", "all-to-all", "collective-permute", "reduce-scatter")
    )


def test_the_best_predicts_and_an_ensemble_is_the_mean(plain):
    best = plain.best
    assert best.score == np.nanmax(plain.scores)
    np.testing.assert_array_equal(plain.predict(X), nn.predict(best.recipe.model, plain.params(best.trial, lane=0), X))
    ranked = np.argsort(-plain.scores, kind="stable")[:3].tolist()
    each = [nn.predict(plain.recipe_of(t).model, plain.params(t, lane=0), X) for t in ranked]
    np.testing.assert_allclose(plain.predict(X, best=3), np.mean(each, axis=0), rtol=1e-5, atol=1e-6)


def test_only_the_best_keep_their_parameters(plain):
    found = run(keep=2)
    assert sorted(found.kept) == sorted(np.argsort(-plain.scores, kind="stable")[:2])
    with pytest.raises(KeyError, match="replay it"):
        found.params(int(np.argmin(plain.scores)))
    with pytest.raises(IndexError, match=r"lane must lie in 0 … 0, not 1"):
        found.params(found.best.trial, lane=1)


def test_parameters_have_an_axis_of_lanes_even_for_one_lane(plain):
    assert_same_bits(plain.best.params, plain.kept[plain.best.trial])
    assert {leaf.shape[0] for leaf in jax.tree.leaves(plain.best.params)} == {1}


def test_all_diverged_is_a_result_not_a_crash():
    def spoiled(hypers):
        recipe = make_recipe(hypers)
        return recipe._replace(loss=lambda outputs, labels: nn.cross_entropy(outputs, labels) * jnp.inf)

    found = run(make=spoiled, trials=3, epochs=2)
    assert {row["status"] for row in found.table()} == {"diverged"}
    with pytest.raises(ValueError, match="all 3 trials diverged"):
        _ = found.best


def test_pandas_shows_the_table(plain):
    frame = plain.to_pandas()
    assert list(frame.columns) == ["learning_rate", "weight_decay", "status", "epochs", "score", "score_std", "seconds"]
    assert len(frame) == 12


def test_population_based_training_copies_and_replays():
    found = run(trials=8, epochs=12, scheduler=nn.population_based(perturbation_interval=3))
    copied = [outcome for outcome in found.trials if outcome.copies]
    assert copied
    for outcome in copied:
        assert all(epoch in (3, 6, 9) and parent != outcome.trial for epoch, parent, _ in outcome.copies)
        assert_same_bits(found.replay(outcome.trial).curves, outcome.curves)


def test_a_searcher_that_asks_and_tells_is_plugged_in():
    class Halves:
        """Halves the learning rate each time, and remembers the results; runs out of settings after three."""

        ask_limit = 2

        def __init__(self):
            self.results, self.rate = [], 0.1

        def init(self, space, key, lanes):
            self.space, self.lanes = space, lanes
            return self

        def ask(self, n):
            self.rate /= 2
            return nn.sweeps.settings_at(self.space, np.full((n, 1), self.rate)) if self.rate > 0.01 else []

        def tell(self, results):
            self.results += results

    def make(hypers):
        return nn.Recipe(nn.mlp([4, 3]), nn.cross_entropy, optax.sgd(hypers["learning_rate"]))

    searcher = Halves()
    found = run(make=make, space={"learning_rate": nn.uniform(0, 1)}, trials=8, epochs=2, sampler=searcher)
    assert searcher.lanes == 8
    rates = [found.hypers_of(trial)["learning_rate"] for trial in range(6)]
    np.testing.assert_allclose(rates, [0.05, 0.05, 0.025, 0.025, 0.0125, 0.0125])
    assert_same_bits(tuple(searcher.results), found.trials)


def test_a_sampler_without_a_setting_is_refused():
    class Empty(nn.sweeps.TrialSampler):
        def init(self, space, key, lanes):
            return self

        def ask(self, n):
            return []

    with pytest.raises(ValueError, match="the sampler returned no setting"):
        run(sampler=Empty())


def needs_shape(hypers):
    return make_recipe(hypers)._replace(model=nn.mlp([4, int(hypers["learning_rate"]) + 1, 3]))


def branches(hypers):
    recipe = make_recipe(hypers)
    return recipe if hypers["weight_decay"] > 0.01 else recipe._replace(batch_size=None)


BAD = {
    "empty space": ({"space": {}}, ValueError, "empty|at least one"),
    "validation and folds": ({"folds": 5, "validation": SPLIT.test}, ValueError, "exactly one of validation"),
    "neither": ({"validation": None}, ValueError, "exactly one of validation"),
    "more folds than rows": ({"folds": 151, "lanes": 152}, ValueError, "at most the number of rows, 150"),
    "asks in vain": (
        {"make": lambda hypers: make_recipe({**hypers, "learning_rate": hypers["rate"]})},
        ValueError, "asks for 'rate', but the space has 'learning_rate', 'weight_decay'",
    ),
    "shape": ({"make": needs_shape}, ValueError, "'learning_rate'.*choice"),
    "branch": ({"make": branches}, ValueError, "'weight_decay'.*choice"),
    "score is a table": ({"score": lambda outputs, targets: outputs}, ValueError, "score must give one"),
    "evaluate_at": ({"evaluate_at": "rung"}, ValueError, 'evaluate_at must be "epochs" or "rungs", not \'rung\''),
    "no recipe": ({"make": lambda hypers: tuple(hypers[name] for name in SPACE)}, TypeError, "must return a Recipe"),
    "lanes": ({"lanes": 0}, ValueError, "lanes must be at least 1"),
    "trials": ({"trials": 0, "keep": 1}, ValueError, "trials must be at least 1"),
    "bad labels": (
        {"validation": (SPLIT.test[0], np.full(len(SPLIT.test[1]), 3))}, ValueError, "row 0 holds 3"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_refused_before_anything_compiles(name, as_installed):
    options, error, words = BAD[name]
    with pytest.raises(error, match=words):
        run(**options)


def test_a_hyper_that_nothing_uses_is_warned_of():
    with pytest.warns(UserWarning, match="does not use 'momentum'"):
        run(space=SPACE | {"momentum": nn.uniform(0, 1)}, trials=2, epochs=1)


@pytest.mark.parametrize("way", ["loss", "get", "unpack", "items"])
def test_every_way_of_looking_at_a_hyper_counts(way):
    def make(hypers):
        if way == "loss":
            recipe = make_recipe({"learning_rate": 0.1, "weight_decay": 0.1})
            factor = lambda: hypers["learning_rate"] + hypers["weight_decay"]  # noqa: E731
            return recipe._replace(loss=lambda outputs, labels: nn.cross_entropy(outputs, labels) * factor())
        ways = {"get": lambda: {name: hypers.get(name) for name in SPACE}, "unpack": lambda: {**hypers}}
        return make_recipe(ways.get(way, lambda: dict(hypers.items()))())

    run(make=make, trials=1, epochs=1)
