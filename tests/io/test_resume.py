"""Run directories: a call that was ended goes on from there, to the same bits."""

import json

import jax
import numpy as np
import optax
import pytest

import jaxnn as nn
from helpers.resumable_runs import RECIPE, SPACE, TRAIN, VALIDATION, WIDTHS, EnoughError, same, same_sweep, sweep, train


@pytest.mark.parametrize("end_at", [1, 17, 40])
def test_a_training_goes_on_to_the_same_bits(tmp_path, trained, end_at):
    with pytest.raises(EnoughError):
        train(tmp_path, end_at=end_at)
    same(train(tmp_path), trained)


def test_a_training_that_is_over_is_read_not_run(tmp_path, trained):
    train(tmp_path)
    heard = []
    again = nn.train(
        RECIPE, TRAIN, key=jax.random.key(0), epochs=40, validation=VALIDATION, directory=tmp_path,
        log=lambda epoch, _: heard.append(epoch), progress=False,
    )  # fmt: skip
    same(again, trained)
    assert not heard


@pytest.mark.parametrize(("end_at", "space"), [(1, SPACE), (12, WIDTHS)])
def test_a_sweep_goes_on_to_the_same_bits(tmp_path, end_at, space):
    undisturbed = sweep(space=space)
    with pytest.raises(EnoughError):
        sweep(tmp_path, end_at=end_at, space=space)
    same_sweep(sweep(tmp_path, space=space), undisturbed)


def test_a_sweep_that_is_over_is_read_not_run(tmp_path, swept):
    sweep(tmp_path)
    found = sweep(tmp_path, end_at=1)
    same_sweep(found, swept)
    same(found.predict(VALIDATION[0], best=3), swept.predict(VALIDATION[0], best=3))
    replayed = found.replay(3)
    same(replayed.curves, swept.outcomes[3].curves)


VARIANTS = {
    "folds and repeats": {"validation": None, "folds": 3, "repeats": 2, "lanes": 12, "trials": 6},
    "population": {"scheduler": nn.population_based(every=2), "lanes": 16, "trials": 16},
    "judged at rungs": {"judge": "rungs"},
    "hyperband, sobol": {"scheduler": nn.hyperband(reduction=3), "sampler": "sobol"},
}  # fmt: skip


@pytest.mark.parametrize("name", VARIANTS)
def test_schedulers_and_samplers_are_asked_again(tmp_path, name):
    options = VARIANTS[name]
    with pytest.raises(EnoughError):
        sweep(tmp_path, end_at=5, **options)
    same_sweep(sweep(tmp_path, **options), sweep(**options))


class Climber:
    """A searcher of the user's own, which learns from what it is told."""

    def __init__(self):
        self.best = (-np.inf, 1e-3)

    def ask(self, count):
        return [nn.sweeps.Setting((), {"learning_rate": self.best[1] * 1.5**i}) for i in range(count)]

    def tell(self, results):
        self.best = max([self.best, *((score, setting.values["learning_rate"]) for setting, score in results)])


def test_a_searcher_is_asked_and_told_again(tmp_path):
    options = {"trials": 40, "epochs": 2, "scheduler": None}
    with pytest.raises(EnoughError):
        sweep(tmp_path, end_at=36, sampler=Climber(), **options)
    same_sweep(sweep(tmp_path, sampler=Climber(), **options), sweep(sampler=Climber(), **options))
    changed = Climber()
    changed.best = (-np.inf, 2e-3)
    with pytest.raises(ValueError, match=r"settings of a batch was .* the same answers to the same questions"):
        sweep(tmp_path, sampler=changed, **options)


def test_the_files_are_for_people_too(tmp_path, trained, swept):
    one, other = tmp_path / "train", tmp_path / "sweep"
    train(one), sweep(other)
    rows = np.genfromtxt(one / "curves.csv", delimiter=",", names=True)
    np.testing.assert_array_equal(rows["epoch"], np.arange(1, 41))
    np.testing.assert_array_equal(rows["loss"].astype("f"), trained.losses)
    np.testing.assert_array_equal(rows["score"].astype("f"), trained.scores)
    lines = (other / "trials.csv").read_text().splitlines()
    assert lines[0] == "trial,learning_rate,status,epochs,score,spread,seconds"
    assert len(lines) == 19
    curves = np.genfromtxt(other / "curves.csv", delimiter=",", names=True)
    assert len(curves) == sum(outcome.epochs for outcome in swept.outcomes)
    events = [json.loads(line) for line in (other / "journal.jsonl").read_text().splitlines()]
    scores = {event["trial"]: event["score"] for event in events if event["event"] == "trial"}
    assert scores == {outcome.trial: outcome.score for outcome in swept.outcomes}
    for directory in (one, other):
        assert len(list(directory.glob("checkpoint-*.npz"))) == 2
        assert not list(directory.glob(".*"))


def test_a_state_without_a_dtype_of_its_own_goes_on_to_the_same_bits(tmp_path):
    """A weak type would widen bfloat16 in a fresh run, and not in one that was read from a file."""
    inner = optax.sgd(0.1)

    def update(updates, scale, params=None):
        updates, _ = inner.update(updates, inner.init(params), params)
        return jax.tree.map(lambda leaf: leaf * scale.astype(leaf.dtype), updates), scale * 0.99

    optimizer = optax.GradientTransformation(lambda params: jax.numpy.asarray(0.7), update)
    recipe = RECIPE._replace(optimizer=optimizer)
    with pytest.raises(EnoughError):
        train(tmp_path, end_at=20, recipe=recipe)
    same(train(tmp_path, recipe=recipe), train(recipe=recipe))


def test_a_training_that_diverged_says_so_again(tmp_path):
    def diverged():
        with pytest.warns(UserWarning, match="gave a loss or a parameter that is not finite"):
            return train(tmp_path, recipe=RECIPE._replace(optimizer=optax.scale(float("nan"))))

    first, second = diverged(), diverged()
    assert first.diverged == 1
    same(first, second)
