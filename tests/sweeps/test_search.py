"""sweep: its results against trainings alone, the same bits again, and the input that it refuses."""

import jax
import numpy as np
import optax
import pytest

import jaxnn as nn
from helpers import resumable_runs

FLOWERS = nn.datasets.iris()
X = np.asarray(nn.scale(nn.standard_scaling(FLOWERS.x), FLOWERS.x))
SPLIT = nn.train_test_split(jax.random.key(1), (X, FLOWERS.targets), test=0.3, stratify=FLOWERS.targets)
# An odd number of rows: one of two folds is smaller, and padded.
FOLD_DATA = X[:-1], FLOWERS.targets[:-1]
SPACE = {"learning_rate": nn.log_uniform(1e-4, 1.0), "weight_decay": nn.log_uniform(1e-5, 1e-1)}
QUANTITIES = ("losses", "validation_losses", "scores")


def make_recipe(hypers):
    optimizer = optax.adamw(hypers["learning_rate"], weight_decay=hypers["weight_decay"])
    return nn.Recipe(nn.mlp([4, 8, 3]), nn.cross_entropy, optimizer, batch_size=35)


def run(seed=0, *, make=make_recipe, space=SPACE, trials=12, epochs=12, lanes=8, **options):
    """Sweeps over minibatch trainings.

    Programs depend on the recipe, folds, lanes, scheduler and `evaluate_at`, but not on seed, trials and epochs. Sweeps
    that differ in these alone load their program from XLA's cache.
    """
    data, validation = (FOLD_DATA, None) if "folds" in options else (SPLIT.train, SPLIT.test)
    options = {"validation": validation, "score": nn.accuracy, "progress": False, "keep": trials} | options
    return nn.sweep(make, space, data, key=jax.random.key(seed), trials=trials, epochs=epochs, lanes=lanes, **options)


def trial_key(trial, repeat=0):
    return jax.random.fold_in(jax.random.fold_in(jax.random.key(0), trial), repeat)


def assert_same_bits(left, right):
    jax.tree.map(np.testing.assert_array_equal, left, right)


@pytest.fixture(scope="module")
def plain():
    return run()


HALVING = {"trials": 24, "epochs": 18, "scheduler": nn.asha(grace_period=2, reduction_factor=3)}


@pytest.fixture(scope="module")
def halving():
    return run(**HALVING)


@pytest.fixture(scope="module")
def halving_again():
    return run(**HALVING, keep=2)


@pytest.fixture(scope="module")
def cross_validated():
    return run(trials=4, epochs=5, folds=2, repeats=2)


def test_every_trial_has_a_row_and_a_curve(plain):
    table = plain.table()
    assert [row["trial"] for row in table] == list(range(12))
    assert {row["status"] for row in table} == {"finished"}
    assert all(1e-4 <= row["learning_rate"] < 1 for row in table)
    assert plain.curves().shape == plain.curves("losses").shape == (12, 12)
    np.testing.assert_array_equal(plain.curves()[:, -1].astype(np.float32), plain.scores.astype(np.float32))


def test_a_trial_is_a_fit_of_its_recipe(plain):
    """Lanes take the steps of fit; tiles of other widths round differently, by 1e-5."""
    fit = jax.jit(lambda hypers, key: nn.fit(make_recipe(hypers), SPLIT.train, key=key, epochs=12))
    for trial in (0, 7):
        fitted = fit(plain.hypers_of(trial), trial_key(trial))
        np.testing.assert_allclose(plain.trials[trial].curves.losses[0], fitted.losses, rtol=2e-5, atol=1e-6)
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=2e-5),
            plain.params(trial, lane=0),
            fitted.params,
        )


def test_a_trial_is_a_fit_to_10_digits_in_float64(x64):
    data = jax.tree.map(lambda leaf: leaf if leaf.dtype.kind == "i" else leaf.astype(np.float64), SPLIT)
    result = nn.sweep(
        make_recipe, SPACE, data.train, key=jax.random.key(0), trials=2, epochs=34, lanes=4, keep=2,
        validation=data.test, progress=False,
    )  # fmt: skip
    fit = jax.jit(lambda hypers, key: nn.fit(make_recipe(hypers), data.train, key=key, epochs=34))
    for trial in range(2):
        # The hypers of a lane are float32 for weights of any dtype.
        hypers = {name: float(np.float32(value)) for name, value in result.hypers_of(trial).items()}
        fitted = fit(hypers, trial_key(trial))
        assert fitted.losses.dtype == np.float64
        np.testing.assert_allclose(result.trials[trial].curves.losses[0], fitted.losses, rtol=1e-10)


def test_replay_computes_the_same_bits(plain, halving):
    for result, trial in ((plain, 11), (halving, halving.best.trial)):
        again = result.replay(trial)
        assert_same_bits(again.curves, result.trials[trial].curves)
        assert_same_bits(again.params, result.params(trial))


def test_asha_stops_most_trials_and_their_curves_are_those_of_the_full_run(halving):
    full = run(trials=24, epochs=18)
    statuses = [trial.status for trial in halving.trials]
    assert statuses.count("stopped") > 8
    assert {trial.epochs for trial in halving.trials} <= {2, 6, 18}
    for trial, longer in zip(halving.trials, full.trials, strict=True):
        assert_same_bits(trial.curves, jax.tree.map(lambda curve, end=trial.epochs: curve[:, :end], longer.curves))


def test_the_same_sweep_makes_the_same_decisions(halving, halving_again):
    first, second = (
        [(trial.status, trial.epochs, trial.score) for trial in result.trials] for result in (halving, halving_again)
    )
    assert first == second


def test_folds_and_repeats_are_lanes_of_one_trial(cross_validated):
    trial = cross_validated.trials[1]
    assert trial.curves.scores.shape == (4, 5)
    assert trial.score == pytest.approx(trial.curves.scores[:, -1].mean())
    assert trial.score_std == pytest.approx(trial.curves.scores[:, -1].std())
    assert cross_validated.params(1)["output"].bias.shape == (4, 3)


def test_a_fold_is_a_fit_on_its_rows(cross_validated):
    x, labels = FOLD_DATA
    folds = nn.k_folds(jax.random.fold_in(jax.random.key(0), 2**32 - 2), len(x), 2, stratify=labels)
    assert not folds.mask.all()
    recipe, curves = make_recipe(cross_validated.hypers_of(0)), cross_validated.trials[0].curves
    fit = jax.jit(lambda x, labels, key: nn.fit(recipe, (x, labels), key=key, epochs=5))
    # All folds of a repeat start from the same key.
    for lane, (repeat, fold) in enumerate([(0, 0), (0, 1), (1, 0), (1, 1)]):
        rows, scored = folds.train[fold], folds.validation[fold][folds.mask[fold]]
        fitted = fit(x[rows], labels[rows], trial_key(0, repeat))
        np.testing.assert_allclose(curves.losses[lane], fitted.losses, rtol=1e-4)
        expected = nn.accuracy(nn.predict(recipe.model, fitted.params, x[scored]), labels[scored])
        np.testing.assert_allclose(curves.scores[lane, -1], expected, rtol=1e-6)


def test_each_combination_of_choices_compiles_one_program_for_any_number_of_trials(compilations):
    # Equal programs are compiled once, whichever choice or sweep they belong to.
    for widths, trials, expected in (((11,), 9, 1), ((11, 12, 12), 30, 1), ((12,), 9, 0)):
        space = resumable_runs.SPACE | {"width": nn.choice(*widths)}
        with compilations() as programs:
            result = resumable_runs.sweep(space=space, trials=trials, epochs=1, keep=1, sampler="sobol")
        assert {trial.setting.choices for trial in result.trials} == {(("width", i),) for i in range(len(widths))}
        assert sum("advance" in program for program in programs) == expected


def test_a_single_lane_on_a_device_trains_like_many(plain):
    alone = run(trials=4, epochs=5, lanes=2)
    for quantity in QUANTITIES:
        np.testing.assert_allclose(alone.curves(quantity), plain.curves(quantity)[:4, :5], rtol=2e-5)


@pytest.mark.parametrize("evaluate_at", ["epochs", "rungs"])
def test_a_single_fold_on_a_device_trains_like_many(cross_validated, evaluate_at):
    """Two folds on two devices: each is alone there."""
    alone = run(trials=4, epochs=5, folds=2, lanes=2, evaluate_at=evaluate_at)
    evaluated = {"epochs": [0, 1, 2, 3, 4], "rungs": [4]}[evaluate_at]
    for trial, many in zip(alone.trials, cross_validated.trials, strict=True):
        for quantity in QUANTITIES:
            actual, expected = getattr(trial.curves, quantity), getattr(many.curves, quantity)[:2]
            epochs = [0, 1, 2, 3, 4] if quantity == "losses" else evaluated
            np.testing.assert_allclose(actual[:, epochs], expected[:, epochs], rtol=2e-5)
            assert np.isnan(np.delete(actual, epochs, axis=1)).all()


def test_the_best_predicts_and_an_ensemble_is_the_mean(plain):
    best = plain.best
    assert best.score == np.nanmax(plain.scores)
    np.testing.assert_array_equal(plain.predict(X), nn.predict(best.recipe.model, plain.params(best.trial, lane=0), X))
    ranked = np.argsort(-plain.scores, kind="stable")[:3].tolist()
    outputs = [nn.predict(plain.recipe_of(trial).model, plain.params(trial, lane=0), X) for trial in ranked]
    np.testing.assert_allclose(plain.predict(X, best=3), np.mean(outputs, axis=0), rtol=1e-5, atol=1e-6)


def test_only_the_best_keep_their_parameters(halving, halving_again):
    kept = np.argsort(-halving.scores, kind="stable")[:2].tolist()
    assert sorted(halving_again.kept) == sorted(kept)
    for trial in kept:
        assert_same_bits(halving_again.params(trial), halving.params(trial))
    with pytest.raises(KeyError, match="replay it"):
        halving_again.params(int(np.argmin(halving.scores)))
    with pytest.raises(IndexError, match=r"lane must lie in 0 … 0, not 1"):
        halving_again.params(halving_again.best.trial, lane=1)


def test_parameters_have_a_lane_axis_even_for_one_lane(plain):
    assert_same_bits(plain.best.params, plain.kept[plain.best.trial])
    assert {leaf.shape[0] for leaf in jax.tree.leaves(plain.best.params)} == {1}


def test_a_sweep_whose_trials_all_diverged_has_a_result():
    result = run(space=SPACE | {"learning_rate": nn.log_uniform(1e38, 3e38)}, trials=3, epochs=2)
    assert {row["status"] for row in result.table()} == {"diverged"}
    with pytest.raises(ValueError, match="none of the 3 trials has a score"):
        _ = result.best


def test_pandas_shows_the_table(plain):
    frame = plain.to_pandas()
    assert list(frame.columns) == [
        "learning_rate",
        "weight_decay",
        "status",
        "epochs",
        "score",
        "score_std",
        "score_epoch",
        "seconds",
        "reason",
    ]
    assert len(frame) == 12


def test_population_based_training_copies_and_replays():
    result = run(trials=8, epochs=12, scheduler=nn.population_based(perturbation_interval=3))
    copied = [trial for trial in result.trials if trial.copies]
    assert copied
    for trial in copied:
        assert all(epoch in (3, 6, 9) and parent != trial.trial for epoch, parent, _ in trial.copies)
        assert_same_bits(result.replay(trial.trial).curves, trial.curves)


class HalvingSampler:
    """A sampler without the base class, which halves the learning rate in each batch of settings.

    It records the results, and has no more settings after three batches.
    """

    ask_limit = 2

    def __init__(self):
        self.results, self.rate = [], 0.1

    def init(self, space, key, lanes):
        self.space, self.lanes = space, lanes
        return self

    def ask(self, n):
        self.rate /= 2
        return nn.sweeps.settings_at(self.space, np.full((n, 2), self.rate)) if self.rate > 0.01 else []

    def tell(self, results):
        self.results += results


def test_a_users_sampler_is_asked_for_settings_and_told_the_results():
    sampler = HalvingSampler()
    result = run(space=SPACE | {"learning_rate": nn.uniform(0, 1)}, trials=8, epochs=2, sampler=sampler)
    assert sampler.lanes == 8
    rates = [result.hypers_of(trial)["learning_rate"] for trial in range(6)]
    np.testing.assert_allclose(rates, [0.05, 0.05, 0.025, 0.025, 0.0125, 0.0125])
    assert_same_bits(tuple(sampler.results), result.trials)


def test_a_sampler_that_returns_no_setting_gives_an_empty_result():
    class EmptySampler(nn.sweeps.TrialSampler):
        def init(self, space, key, lanes):
            return self

        def ask(self, n):
            return []

    with pytest.warns(UserWarning, match="the sampler returned no setting"):
        result = run(sampler=EmptySampler())
    assert result.table() == []
    assert (result.occupancy, result.scores.shape, result.curves().shape) == (0.0, (0,), (0, 0))
    columns = ["status", "epochs", "score", "score_std", "score_epoch", "seconds", "reason"]
    assert list(result.to_pandas().columns) == columns
    with pytest.raises(ValueError, match="none of the 0 trials has a score"):
        _ = result.best


def needs_shape(hypers):
    return make_recipe(hypers)._replace(model=nn.mlp([4, int(hypers["learning_rate"]) + 1, 3]))


def branches(hypers):
    recipe = make_recipe(hypers)
    return recipe if hypers["weight_decay"] > 0.01 else recipe._replace(batch_size=None)


BAD = {
    "empty space": ({"space": {}}, ValueError, "empty|at least one"),
    "validation and folds": ({"folds": 5, "validation": SPLIT.test}, ValueError, "exactly one of validation"),
    "neither": ({"validation": None}, ValueError, "exactly one of validation"),
    "more folds than rows": ({"folds": 150, "lanes": 150}, ValueError, "at most the number of rows, 149"),
    "a hyper that the space lacks": (
        {"make": lambda hypers: make_recipe({**hypers, "learning_rate": hypers["rate"]})},
        ValueError, "reads 'rate', but the space has 'learning_rate', 'weight_decay'",
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


def test_an_unused_hyper_is_warned_about_and_one_that_the_loss_reads_is_not():
    def make(hypers):
        def loss(outputs, labels):
            return hypers["learning_rate"] * nn.cross_entropy(outputs, labels)

        return nn.Recipe(nn.mlp([4, 3]), loss, optax.sgd(0.1))

    space = resumable_runs.SPACE | {"momentum": nn.uniform(0, 1)}
    with pytest.warns(UserWarning, match="make_recipe does not use 'momentum'$"):
        result = resumable_runs.sweep(make=make, space=space, trials=2, epochs=1)
    assert [trial.status for trial in result.trials] == ["finished"] * 2


# Ways to read all hypers.
READS = {
    "get": lambda hypers: {name: hypers.get(name) for name in ("learning_rate", "width")},
    "unpack": lambda hypers: {**hypers},
    "items": lambda hypers: dict(hypers.items()),
}


@pytest.mark.parametrize("name", READS)
def test_every_way_of_reading_hypers_counts_as_their_use(name):
    """A warning of unused hypers would be an error here."""
    space = resumable_runs.SPACE | {"width": 5}
    resumable_runs.sweep(
        make=lambda hypers: resumable_runs.make_recipe(READS[name](hypers)), space=space, trials=1, epochs=1
    )
