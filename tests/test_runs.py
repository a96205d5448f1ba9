"""Run directories: a call that was ended goes on from there, to the same bits, or says why it cannot."""

import json
import os
import resource
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import jax
import numpy as np
import optax
import pytest
from conftest import words_of

import jaxnn as nn
from jaxnn.runs import open_run

FLOWERS = nn.datasets.iris()
TRAIN, VALIDATION = nn.train_test_split(jax.random.key(1), FLOWERS.data, test=0.3, stratify=FLOWERS.targets)
RECIPE = nn.Recipe(nn.mlp([4, 5, 3]), nn.cross_entropy, optax.adam(0.01), batch_size=32)
SPACE = {"learning_rate": nn.log_uniform(1e-4, 1e-1)}
WIDTHS = SPACE | {"width": nn.choice(5, 6)}  # two programs


class EnoughError(Exception):
    """Ends a run from inside, as a fault of the user's own code would."""


def train(directory=None, *, end_at=None, save_every=1e-6, recipe=RECIPE, seed=0, **options):
    def log(epoch, _values):
        if epoch == end_at:
            raise EnoughError

    return nn.train(
        recipe, TRAIN, key=jax.random.key(seed), directory=directory, save_every=save_every, log=log, progress=False,
        **({"validation": VALIDATION, "epochs": 40} | options),
    )  # fmt: skip


def make_recipe(hypers):
    return nn.Recipe(nn.mlp([4, hypers.get("width", 5), 3]), nn.cross_entropy, optax.adam(hypers["learning_rate"]))


def sweep(directory=None, *, end_at=None, save_every=1e-6, make=make_recipe, space=SPACE, **options):
    ended = []

    def log(trial, _values):
        ended.append(trial)
        if len(ended) == end_at:
            raise EnoughError

    return nn.sweep(
        make, space, TRAIN, key=jax.random.key(0), directory=directory, save_every=save_every, log=log, progress=False,
        **({"validation": VALIDATION, "trials": 18, "epochs": 9, "lanes": 4, "keep": 3,
            "scheduler": nn.asha(first=1)} | options),
    )  # fmt: skip


def same(left, right):
    left, right = (jax.tree.map(as_bytes, tree) for tree in (left, right))
    assert jax.tree.structure(left) == jax.tree.structure(right)
    assert jax.tree.leaves(left) == jax.tree.leaves(right)


def as_bytes(leaf):
    is_key = isinstance(leaf, jax.Array) and jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key)
    return np.asarray(jax.random.key_data(leaf) if is_key else leaf).tobytes()


def same_sweep(left, right):
    same(*([outcome._replace(seconds=0.0) for outcome in found.outcomes] for found in (left, right)))
    same(left.kept, right.kept)


@pytest.fixture(scope="module")
def trained():
    return train()


@pytest.fixture(scope="module")
def swept():
    return sweep()


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


@pytest.mark.parametrize("end_at", [1, 12])
def test_a_sweep_goes_on_to_the_same_bits(tmp_path, end_at):
    undisturbed = sweep(space=WIDTHS)
    with pytest.raises(EnoughError):
        sweep(tmp_path, end_at=end_at, space=WIDTHS)
    same_sweep(sweep(tmp_path, space=WIDTHS), undisturbed)


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
    "recipe": (
        {"make": lambda hypers: make_recipe(hypers)._replace(loss=lambda *both: 2 * nn.cross_entropy(*both))},
        "make_recipe was test_runs.make_recipe and is",
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


def test_places_where_no_run_can_be_are_refused_first(tmp_path, compilations):
    file = tmp_path / "file"
    file.touch()
    with compilations() as programs:
        words = words_of(NotADirectoryError, lambda: train(file))
        assert words == f"train: directory={str(file)!r} is a file"
        words = words_of(FileNotFoundError, lambda: sweep(tmp_path / "missing" / "run"))
        assert words.startswith("sweep: directory=")
        assert words.endswith("/missing/run' needs its parent, which does not exist")
        with pytest.raises(ValueError, match=r"save_every must be a positive number of seconds, not 0\.0"):
            train(tmp_path, save_every=0.0)
        for path in (read_only(tmp_path), Path("/proc/self")):
            assert "cannot be" in words_of(type(denied(path)), lambda path=path: train(path))
    assert not any("advance" in program for program in programs)


def read_only(tmp_path):
    """A directory that this process may not write to; the superuser may write everywhere but in /proc."""
    path = tmp_path / "read-only"
    path.mkdir()
    path.chmod(stat.S_IRUSR | stat.S_IXUSR)
    return path if os.getuid() else Path("/proc/self")


def denied(path):
    with pytest.raises(OSError, match="lock") as error:
        (path / "lock").touch()
    return error.value


def test_a_directory_in_use_is_refused(tmp_path):
    with open_run("train", tmp_path, lambda: {"kind": "train"}, every=60.0):
        said = words_of(BlockingIOError, lambda: train(tmp_path))
    assert said == f"train: directory={str(tmp_path)!r} is in use by process {os.getpid()}"
    holder = (
        "import fcntl, sys; file = open(sys.argv[1]); fcntl.flock(file, fcntl.LOCK_EX); print(1, flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", holder, tmp_path / "lock"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        process.stdout.readline()
        words_of(BlockingIOError, lambda: train(tmp_path))
        process.kill()
        process.wait()
        assert train(tmp_path).epochs == 40


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """No file may grow beyond so many bytes: as on a full disk, a write fails half way."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize(("room", "full"), [(3_000, "checkpoint-000003.npz"), (20_000, "journal.jsonl")])
def test_a_full_disk_costs_nothing_that_was_saved(tmp_path, room, full):
    with pytest.raises(EnoughError):
        train(tmp_path, end_at=5, epochs=400)
    with largest_file(room):
        said = words_of(OSError, lambda: train(tmp_path, epochs=400))
    assert f"train: {tmp_path / full} could not be written: File too large" in said
    assert not list(tmp_path.glob(".*"))
    same(train(tmp_path, epochs=400), train(epochs=400))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_saves_and_says_how_to_go_on(tmp_path, number, capfd):
    handlers = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)]

    def log(epoch, _values):
        if epoch == 20:
            os.kill(os.getpid(), number)

    with pytest.raises(KeyboardInterrupt) as interrupt:
        nn.train(
            RECIPE, TRAIN, key=jax.random.key(0), epochs=400, validation=VALIDATION, directory=tmp_path, log=log,
            progress=False,
        )  # fmt: skip
    assert interrupt.value.signal == number
    assert str(interrupt.value) == (
        f"train: the run is saved and can go on; make the same call again, with directory={str(tmp_path)!r}"
    )
    assert "train: saving after this portion; a second signal ends at once" in capfd.readouterr().err
    assert [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)] == handlers
    begun = json.loads((tmp_path / "journal.jsonl").read_text().splitlines()[-1])
    assert 20 <= begun["epoch"] < 400
    assert len((tmp_path / "curves.csv").read_text().splitlines()) == begun["epoch"] + 1
    same(train(tmp_path, epochs=400), train(epochs=400))


def test_in_another_thread_signals_are_left_alone(tmp_path, trained):
    done = []
    before = signal.getsignal(signal.SIGINT)
    thread = threading.Thread(target=lambda: done.append((train(tmp_path), signal.getsignal(signal.SIGINT))))
    thread.start()
    thread.join()
    same(done[0][0], trained)
    assert done[0][1] is before
