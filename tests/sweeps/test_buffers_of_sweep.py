"""Sweeps of a model with buffers: each lane carries its own, in chunks, folds, copies, checkpoints and replays."""

import jax
import numpy as np
import optax
import pytest

import jaxnn as nn
from helpers import running_mean
from helpers.resumable_runs import InjectedError, assert_same_bits, assert_same_sweep
from helpers.running_mean import MODEL, assert_close, hidden_model, train_in_numpy
from helpers.unequal_folds import Splitter
from jaxnn.sweeps.engine.trim import Trimmer, trim

pytestmark = pytest.mark.optimized(older_code=True)  # bits are compared
DATA, VALIDATION = running_mean.data(9), running_mean.data(5, seed=1)
SPACE = {"rate": nn.log_uniform(1e-2, 2e-1)}
EPOCHS = 5
# With minibatches of 2 the folds take 4, 3 and 1 steps.
SPLITS = [(np.arange(1, 9), np.array([0])), (np.arange(5), np.arange(5, 9)), (np.array([7, 3]), np.arange(3))]


def make_recipe(hypers):
    return nn.Recipe(MODEL, nn.squared_error, optax.sgd(hypers["rate"]), batch_size=2)


def sweep(directory=None, *, make=make_recipe, space=SPACE, end_at=None, **options):
    ended = []

    def log(trial, _values):
        ended.append(trial)
        if len(ended) == end_at:
            raise InjectedError

    options = {"trials": 3, "epochs": EPOCHS, "lanes": 6, "keep": 20, "validation": VALIDATION} | options
    return nn.sweep(
        make, space, DATA, key=jax.random.key(4), directory=directory, save_every=1e-6, log=log, progress=False,
        **options,
    )  # fmt: skip


def key_of(trial):
    return jax.random.fold_in(jax.random.fold_in(jax.random.key(4), trial), 0)


def start_of(trial):
    return nn.init_training(make_recipe({"rate": 0.1}), key_of(trial))


def test_each_lane_equals_a_lone_training():
    swept = sweep()
    for trial in range(3):
        expected = train_in_numpy(start_of(trial), DATA, EPOCHS, 2, swept.hypers_of(trial)["rate"])
        params = swept.params(trial, lane=0)
        assert_close(params, expected)
        assert params.steps.value == 5 * EPOCHS
        errors = nn.predict(MODEL, params, VALIDATION[0]) - VALIDATION[1]
        np.testing.assert_allclose(swept.trials[trial].curves.validation_losses[0, -1], (errors**2).mean(), rtol=1e-4)


@pytest.mark.parametrize("batch_size", [None, 2], ids=["full batch under a mask", "empty minibatches"])
def test_folds_of_unequal_sizes_count_their_own_rows(batch_size):
    def make(hypers):
        return make_recipe(hypers)._replace(batch_size=batch_size)

    swept = sweep(make=make, validation=None, folds=Splitter(SPLITS), trials=2)
    for trial in range(2):
        for lane, (rows, _) in enumerate(SPLITS):
            own = tuple(part[rows] for part in DATA)
            expected = train_in_numpy(start_of(trial), own, EPOCHS, batch_size, swept.hypers_of(trial)["rate"])
            assert_close(swept.params(trial, lane=lane), expected)


@pytest.fixture(scope="module")
def searched():
    return sweep(trials=12, validation=None, folds=3, scheduler=nn.asha(grace_period=1), refit=True)


def test_it_resumes_to_the_bit_and_opens_without_code(searched, tmp_path):
    options = {"trials": 12, "validation": None, "folds": 3, "scheduler": nn.asha(grace_period=1), "refit": True}
    with pytest.raises(InjectedError):
        sweep(tmp_path, end_at=7, **options)
    resumed = sweep(tmp_path, **options)
    assert_same_sweep(resumed, searched)
    assert_same_bits(resumed.refit.params, searched.refit.params)
    loaded = nn.sweeps.load(tmp_path).kept
    assert {type(leaf) for params in loaded.values() for leaf in (params["mean"], params["steps"])} == {nn.Buffer}
    assert_same_bits(loaded, {trial: params._asdict() for trial, params in searched.kept.items()})


def test_replays_and_the_refit_have_the_buffers_of_their_training(searched):
    stopped = min(searched.trials, key=lambda trial: trial.epochs)
    assert stopped.epochs < EPOCHS
    for trial in (stopped.trial, searched.best.trial):
        assert_same_bits(searched.replay(trial).params, searched.params(trial))
        steps = searched.params(trial).steps.value
        np.testing.assert_array_equal(steps, searched.trials[trial].epochs * 3)  # 6 rows, 2 at a time
    refit = searched.refit
    assert_close(refit.params, train_in_numpy(start_of(refit.trial), DATA, EPOCHS, 2, refit.hypers["rate"]))


def test_neighbours_and_refilled_lanes_change_no_bit(searched):
    alone = sweep(trials=3, validation=None, folds=3)
    for trial, (own, other) in enumerate(zip(alone.trials, searched.trials[:3], strict=True)):
        assert_same_bits(jax.tree.map(lambda curve, end=other.epochs: curve[:, :end], own.curves), other.curves)
        if other.epochs == EPOCHS:
            assert_same_bits(alone.params(trial), searched.params(trial))
    late = searched.trials[-1].trial
    assert_same_bits(searched.replay(late).curves, searched.trials[late].curves)


def test_more_epochs_go_on_from_kept_states_with_their_buffers(tmp_path):
    sweep(tmp_path, epochs=2, keep_states=True)
    longer, whole = sweep(tmp_path, epochs=EPOCHS, keep_states=True), sweep(keep_states=True)
    for trial in range(3):
        assert_same_bits(longer.params(trial), whole.params(trial))
        assert_same_bits(longer.trials[trial].curves, whole.trials[trial].curves)


def test_the_best_epoch_is_kept_with_its_buffers():
    swept = sweep(keep_epoch="best", trials=6)
    assert any(trial.score_epoch < EPOCHS for trial in swept.trials)
    for trial in swept.trials:
        assert swept.params(trial.trial, lane=0).steps.value == 5 * trial.score_epoch
        loss = nn.evaluate(make_recipe({"rate": 0.1}), swept.params(trial.trial, lane=0), VALIDATION).loss
        np.testing.assert_allclose(-trial.score, loss, rtol=1e-4)


def test_population_based_training_copies_weights_and_buffers():
    """A random buffer that never changes tells from which trial a lane was copied."""

    def train_apply(params, x, *, key, where=None):
        outputs, after = MODEL.train_apply(params["own"], x, key=key, where=where)
        return outputs, {"own": after, "origin": params["origin"]}

    def init(key):
        return {"own": MODEL.init(key), "origin": nn.Buffer(jax.random.randint(jax.random.clone(key), (), 0, 2**30))}

    model = nn.Model(init, lambda params, x, *, key=None: MODEL.apply(params["own"], x), train_apply)
    swept = sweep(
        make=lambda hypers: make_recipe(hypers)._replace(model=model), trials=6,
        scheduler=nn.population_based(perturbation_interval=1),
    )  # fmt: skip
    own = [int(init(jax.random.split(key_of(trial))[0])["origin"].value) for trial in range(6)]
    origins = [trace_origin(swept, trial, EPOCHS) for trial in range(6)]
    assert origins != list(range(6))
    for trial in range(6):
        params = swept.params(trial, lane=0)
        assert params["origin"].value == own[origins[trial]]
        assert params["own"].steps.value == 5 * EPOCHS
        assert_same_bits(swept.replay(trial).params, swept.params(trial))


def trace_origin(swept, trial, epoch):
    """Returns the trial from which the weights of a trial after `epoch` epochs came."""
    copies = [(at, parent) for at, parent, _ in swept.trials[trial].copies if at < epoch]
    return trace_origin(swept, copies[-1][1], copies[-1][0]) if copies else trial


def test_a_bad_train_apply_is_refused():
    def make(train_apply):
        model = MODEL._replace(train_apply=train_apply)
        return lambda hypers: make_recipe(hypers)._replace(model=model)

    with pytest.raises(ValueError, match=r"sweep: the model has buffers \(mean, steps\), but no train_apply"):
        sweep(make=make(None))
    with pytest.raises(ValueError, match=r"sweep: .* mean.value must be float32 of shape \(2,\), not int32"):
        sweep(make=make(lambda params, x, *, key, where=None: (
            x[:, :1], params._replace(mean=nn.Buffer(params.mean.value.astype(int)))
        )))  # fmt: skip


def normed_model(width):
    """Returns a network with batch norm, whose width may be that of `sizes`."""

    def init(key):
        keys = jax.random.split(key)
        # A bias before a batch norm has the gradient 0, up to rounding, which Adam would scale up.
        hidden, output = nn.init_dense(keys[0], 2, width, bias=False), nn.init_dense(keys[1], width, 1)
        return {"hidden": hidden, "norm": nn.init_batch_norm(width), "output": output}

    def finish(params, hidden):
        return nn.dense(params["output"], nn.mask_units(nn.softplus(hidden), width))

    def train_apply(params, x, *, key, where=None):
        hidden, norm = nn.train_batch_norm(params["norm"], nn.dense(params["hidden"], x), where=where)
        return finish(params, hidden), params | {"norm": norm}

    def apply(params, x, *, key=None):
        return finish(params, nn.batch_norm(params["norm"], nn.dense(params["hidden"], x)))

    return nn.Model(init, apply, train_apply)


def test_a_lane_with_masked_batch_norms_trains_as_the_narrow_network():
    """Minibatches of 4 of 9 rows: the last one holds three rows that only fill it.

    The optimizer is not known to ignore masked units, and is checked with random gradients of what is learned.
    """

    def make(hypers):
        return nn.Recipe(normed_model(hypers["width"]), nn.squared_error, optax.novograd(hypers["rate"]), batch_size=4)

    swept = sweep(make=make, space=SPACE | {"width": nn.sizes(2, 5)})
    trial = min(range(3), key=lambda trial: swept.hypers_of(trial)["width"])
    hypers, setting, params = swept.hypers_of(trial), swept.trials[trial].setting, swept.params(trial, lane=0)
    assert params["norm"].mean.value.shape == (hypers["width"],) < (5,)
    masked = jax.jit(lambda key: nn.init_training(swept.plan.traced_recipe(*setting), key).params)(key_of(trial))
    start = trim(jax.tree.map(np.asarray, masked), Trimmer(swept.plan).find_entries(setting))
    alone = nn.fit(make(hypers), DATA, key=key_of(trial), epochs=EPOCHS, params=start).params
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5), params, alone)
    assert_same_bits(swept.replay(trial).params, swept.params(trial))
    loss = nn.evaluate(make(hypers), params, VALIDATION).loss
    np.testing.assert_allclose(swept.trials[trial].curves.validation_losses[0, -1], loss, rtol=1e-4)


def test_an_optimizer_that_depends_on_shapes_is_refused_beside_a_counter():
    def make(hypers):
        optimizer = optax.adafactor(hypers["rate"])
        return nn.Recipe(hidden_model(hypers["width"]), nn.squared_error, optimizer, batch_size=4)

    with pytest.raises(ValueError, match="updates a network with masked units not as the narrow network"):
        sweep(make=make, space=SPACE | {"width": nn.sizes(2, 5)})
