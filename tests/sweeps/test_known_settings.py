"""Settings from dicts of hypers: `first=` and samplers that return dicts."""

import jax
import numpy as np
import pytest

import jaxnn as nn
from helpers.errors import error_message
from helpers.resumable_runs import TRAIN, WIDTHS, assert_same_bits, sweep
from jaxnn.sweeps import TrialSampler, settings_at
from jaxnn.sweeps.space.fill import fill_space
from jaxnn.sweeps.space.known import make_setting
from jaxnn.sweeps.space.space import dimensions

SPACE = {
    "rate": nn.log_uniform(1e-4, 1.0),
    "step": nn.quantized(0, 1, 0.1),
    "width": nn.sizes(4, 512),
    "layers": nn.depth(1, 3),
    "warmup": nn.integers(0, 9),
    "activation": nn.switch(nn.relu, nn.tanh),
    "batch": nn.choice(None, 16, True, 1.0),
    "loss": nn.choice(nn.cross_entropy, nn.squared_error),
    "optimizer": nn.choice(
        {"kind": "adam", "decay": nn.uniform(0, 1)}, {"kind": "sgd", "momentum": nn.uniform(0, 0.9)},
        {"kind": "sgd", "momentum": nn.uniform(0.9, 1.0)},
    ),
    "fixed": 3,
    "nested": {"noise": nn.normal(0, 1)},
}  # fmt: skip


def test_hypers_become_the_setting_that_they_came_from():
    """The inverse of `fill_space`, for settings all over the space."""
    quantiles = np.random.default_rng(0).random((200, len(dimensions(SPACE))))
    for setting in settings_at(SPACE, quantiles):
        hypers = fill_space(SPACE, *setting)
        assert make_setting(SPACE, hypers) == setting


def test_a_row_of_a_table_is_a_setting():
    """Its numbers are those of NumPy."""
    hypers = {"learning_rate": np.float32(0.01), "width": np.int64(6)}
    assert make_setting(WIDTHS, hypers).choices == (("width", 1),)


def test_known_settings_are_tried_first():
    first = [{"learning_rate": 0.01, "width": 6}, {"learning_rate": 0.02, "width": 5}]
    result = sweep(space=WIDTHS, first=first, trials=6)
    assert [result.hypers_of(trial) for trial in (0, 1)] == first
    others = sweep(space=WIDTHS, trials=4)
    assert [trial.setting for trial in result.trials[2:]] == [trial.setting for trial in others.trials]


def test_the_result_of_a_search_can_begin_the_next():
    first = sweep(space=WIDTHS, trials=6)
    second = sweep(space=WIDTHS, trials=1, first=[first.best.hypers])
    assert second.trials[0].setting == first.trials[first.best.trial].setting


class _Told(TrialSampler):
    ask_limit = 2

    def __init__(self, told):
        self.told = told

    def ask(self, n):
        self.told.append(n)
        return [{"learning_rate": 0.1, "width": 5}] * n

    def tell(self, results):
        self.told.append([result.trial for result in results])


class Sampler:
    def __init__(self):
        self.told = []

    def init(self, space, key, lanes):
        return _Told(self.told)


def test_a_sampler_may_return_dicts_and_is_told_of_the_first():
    sampler = Sampler()
    result = sweep(space=WIDTHS, sampler=sampler, first=[{"learning_rate": 0.05, "width": 6}], trials=4)
    assert sampler.told == [2, [0], [1, 2], 1, [3]]
    assert [row["width"] for row in result.table()] == [6, 5, 5, 5]


def test_a_sweep_with_known_settings_resumes_and_refuses_others(tmp_path):
    options = {"space": WIDTHS, "trials": 4, "first": [{"learning_rate": 0.01, "width": 6}]}
    result = sweep(tmp_path, **options)
    assert_same_bits(result.kept, sweep(tmp_path, **options).kept)
    with pytest.raises(ValueError, match="first was"):
        sweep(tmp_path, **options | {"first": [{"learning_rate": 0.02, "width": 6}]})


@pytest.mark.parametrize(
    ("change", "kind", "message"),
    [
        ({"rate": 2.0}, ValueError, "sweep: rate must be a value of LogUniform(low=0.0001, high=1.0), not 2.0"),
        ({"rate": "fast"}, TypeError, None),
        ({"step": 0.25}, ValueError, "sweep: step must be a value of Quantized(low=0.0, high=1.0, step=0.1), not 0.25"),
        ({"width": 4.5}, ValueError, None),
        ({"activation": nn.silu}, ValueError, "sweep: activation must be one of the functions relu, tanh, not silu"),
        ({"batch": 1}, ValueError, None),
        ({"batch": 32}, ValueError, "sweep: batch must be one of None, 16, True, 1.0, not 32"),
        ({"fixed": 4}, ValueError, "sweep: fixed is 3 in the space, not 4"),
        ({"optimizer": {"kind": "lion"}}, ValueError, None),
        ({"optimizer": "adam"}, ValueError, None),
        ({"nested": 0.1}, TypeError, "sweep: nested must be a dict of hypers, not 0.1"),
        ({"depth": 2}, ValueError, None),
    ],
)
def test_what_the_space_does_not_have_is_refused(change, kind, message):
    hypers = fill_space(SPACE, *settings_at(SPACE, np.full((1, len(dimensions(SPACE))), 0.3))[0])
    if change == {"batch": 1}:
        assert make_setting(SPACE, hypers | change).choices[1] == ("batch", 3)
        return
    text = error_message(kind, lambda: make_setting(SPACE, hypers | change, "sweep"))
    assert message is None or text == message


@pytest.mark.usefixtures("as_installed")
def test_first_is_checked_before_anything_runs():
    with pytest.raises(ValueError, match=r"sweep: first\[0\]: width is missing; a setting has a value for each hyper"):
        sweep(space=WIDTHS, first=[{"learning_rate": 0.01}])
    with pytest.raises(TypeError, match="first must be a list of dicts of hypers"):
        sweep(space=WIDTHS, first={"learning_rate": 0.01, "width": 6})
    with pytest.raises(ValueError, match="first has 2 settings, more than trials=1"):
        sweep(space=WIDTHS, first=[{"learning_rate": 0.01, "width": 6}] * 2, trials=1)


def test_the_key_of_a_trial_can_be_a_hyper():
    """One row of the table trains again alone."""
    space = {"learning_rate": nn.log_uniform(1e-3, 1e-1), "seed": nn.seeds(0, 99)}
    result = sweep(space=space, trials=5, scheduler=None, keep=5)
    for row in result.table():
        key = jax.random.key(row["seed"])
        alone = nn.fit(result.recipe_of(row["trial"]), TRAIN, key=key, epochs=row["epochs"])
        for left, right in zip(*map(jax.tree.leaves, (alone.params, result.params(row["trial"], lane=0))), strict=True):
            np.testing.assert_allclose(left, right, rtol=1e-4, atol=1e-6)
    assert len({row["seed"] for row in result.table()}) > 1
