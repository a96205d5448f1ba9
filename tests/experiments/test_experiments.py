"""The experiments reach their accuracies on real data, and draw pictures that are not empty."""

import gzip
import json
import subprocess
import sys
from pathlib import Path

import jax
import matplotlib.image
import numpy as np
import pytest

import jaxnn as nn
from experiments import (
    cifar,
    digits,
    iris,
    learning_rates,
    mnist,
    replicate,
    schedulers,
    sequences,
    sweep_digits,
    sweep_iris,
)

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def change_directory(tmp_path, monkeypatch):
    """Changes to a new directory for each test, since pictures are written to `runs/` of the current one."""
    monkeypatch.chdir(tmp_path)


def assert_drawn(pictures, names):
    assert [path.name for path in pictures] == names
    for path in pictures:
        pixels = matplotlib.image.imread(path)
        assert pixels.shape[1] >= 600
        # Each pixel's four bytes become one integer: sorting rows instead takes seconds for a million pixels.
        colours = np.ascontiguousarray((pixels * 255).round().astype(np.uint8)).view(np.uint32)
        assert len(np.unique(colours)) > 20


def test_iris_reaches_96_percent_in_cross_validation(capsys):
    result = iris.main(iris.Config())
    assert result.accuracies.shape == (5,)
    assert result.accuracies.mean() >= 0.96
    assert result.confusion.sum() == 150
    assert np.trace(result.confusion) / 150 == pytest.approx(result.accuracies.mean(), abs=1e-6)
    assert result.validation_losses[:, -1].mean() < 0.15 < result.validation_losses[:, 0].mean()
    assert_drawn(result.pictures, ["cross_validation.png", "decision_regions.png"])
    assert f"accuracy {result.accuracies.mean():.3f}" in capsys.readouterr().out


def test_uneven_folds_count_every_flower_once():
    result = iris.main(iris.Config(folds=4, epochs=20, hidden=(3,), scaling="standard"))
    assert result.confusion.sum() == 150


def test_digits_reach_98_5_percent_on_a_held_out_fifth():
    result = digits.main(digits.Config(progress=False))
    assert result.accuracy >= 0.985
    assert_drawn(result.pictures, ["training.png", "filters.png", "wrongest.png"])


def test_mnist_trains_on_files_that_the_user_has(tmp_path):
    (x, labels), test = nn.train_test_split(jax.random.key(0), nn.datasets.digits().data, test=0.3)
    for part, (images, classes) in {"train": (x, labels), "t10k": test}.items():
        large = np.kron(images[..., 0] * 255, np.ones((2, 2))).astype(np.uint8)
        header = np.array([0x0803, *large.shape], ">u4").tobytes()
        (tmp_path / f"{part}-images-idx3-ubyte.gz").write_bytes(gzip.compress(header + large.tobytes()))
        header = np.array([0x0801, len(classes)], ">u4").tobytes()
        (tmp_path / f"{part}-labels-idx1-ubyte").write_bytes(header + classes.astype(np.uint8).tobytes())
    config = mnist.Config(
        directory=tmp_path, epochs=4, learning_rate=5e-3, channels=(4, 8), hidden=(), dropout=0.0, progress=False
    )
    result = mnist.main(config)
    assert result.accuracy > 0.7
    assert_drawn(result.pictures, ["training.png", "filters.png", "wrongest.png"])


def test_a_residual_network_learns_the_digits(capsys):
    result = cifar.main(cifar.Config(epochs=12, channels=(8, 32), ema=0.9, progress=False))
    assert result.accuracy >= 0.95
    assert_drawn(result.pictures, ["training.png", "wrongest.png"])
    assert f"cifar: test accuracy {result.accuracy:.4f} on 359 unseen images" in capsys.readouterr().out


def test_cifar_trains_on_files_that_the_user_has(tmp_path):
    """Four classes of noise, each brighter in other channels: red, green, blue and none."""
    rng = np.random.default_rng(0)
    for name in (*(f"data_batch_{i}.bin" for i in range(1, 6)), "test_batch.bin"):
        labels = rng.integers(0, 4, 20).astype(np.uint8)
        images = rng.integers(0, 100, (20, 3, 32, 32), dtype=np.uint8)
        images += 100 * (np.arange(3) == labels[:, None])[:, :, None, None].astype(np.uint8)
        records = np.concatenate([labels[:, None], images.reshape(20, -1)], axis=1)
        (tmp_path / name).write_bytes(records.tobytes())
    options = {"channels": (4,), "batch_size": 30, "shift": 4, "ema": 0.5, "progress": False}
    result = cifar.main(cifar.Config(directory=tmp_path, epochs=8, **options))
    assert result.accuracy > 0.7
    assert_drawn(result.pictures, ["training.png", "wrongest.png"])


def test_a_gru_and_a_cnn_tell_waves_apart(capsys):
    config = sequences.Config(epochs=10, learning_rate=1e-2, waves=600, length=48, noise=0.2, networks=2)
    result = sequences.main(config)
    printed = capsys.readouterr().out
    for accuracies in result.accuracies.values():
        assert accuracies.shape == (2, 10)
        # Chance is a quarter.
        assert accuracies[:, -1].mean() > 0.7
        assert f"accuracy {accuracies[:, -1].mean():.3f}" in printed
    assert_drawn(result.pictures, ["accuracies.png"])


def test_learning_rates_between_too_small_and_too_large_work():
    result = learning_rates.main(learning_rates.Config(networks=60, epochs=200))
    low, middle, high = result.accuracies[:10], result.accuracies[25:40], result.accuracies[-5:]
    assert middle.mean() > 0.95 > max(low.mean(), high.mean())
    assert_drawn(result.pictures, ["accuracy.png"])


def test_sweep_iris_finds_settings_that_classify_unseen_flowers(capsys, monkeypatch):
    monkeypatch.setitem(sweep_iris.SPACE, "width", nn.choice(16))  # one program to compile, not two
    result = sweep_iris.main(sweep_iris.Config(trials=40, epochs=150, progress=False))
    assert len(result.sweep.trials) == 40
    assert result.sweep.best.score > -0.12
    assert result.accuracy >= 0.9
    assert_drawn(result.pictures, ["sweep.png"])
    printed = capsys.readouterr().out
    assert f"{result.accuracy:.3f} on 30 unseen flowers" in printed
    assert printed.endswith(f"  {result.report}\n")
    assert result.report.read_text().startswith("<!doctype html>")


def test_sweep_digits_stops_most_trials_and_finds_a_good_network(monkeypatch):
    monkeypatch.setitem(sweep_digits.SPACE, "channels", nn.choice((4, 8)))
    monkeypatch.setitem(sweep_digits.SPACE, "batch_size", nn.choice(64))
    result = sweep_digits.main(sweep_digits.Config(trials=24, epochs=9, progress=False))
    assert sum(trial.status == "stopped" for trial in result.sweep.trials) >= 12
    assert result.accuracy > 0.9
    assert_drawn(result.pictures, ["search.png", "lanes.png"])


def test_schedulers_are_compared_on_the_curves_of_one_search(capsys):
    result = schedulers.main(schedulers.Config(trials=24, epochs=9, parts=3, progress=False))
    assert {trial.status for trial in result.sweep.trials} == {"finished"}
    assert [row.whole.scheduler for row in result.rows] == list(schedulers.SCHEDULERS)
    printed = capsys.readouterr().out
    for whole, regrets in result.rows:
        assert 0.1 < whole.share <= 1
        assert regrets.shape == (3,)
        assert f"{whole.scheduler!r}" in printed
        assert f"{whole.epochs:>8}{whole.share:>7.0%}{whole.trial:>7}{whole.score:>9.4f}" in printed
    assert_drawn(result.pictures, ["schedulers.png"])


def test_replicates_of_one_setting_differ_by_their_seeds():
    result = replicate.main(replicate.Config(seeds=12, epochs=4, progress=False))
    assert result.accuracies.shape == (12,)
    assert 0.8 < result.accuracies.min() < result.accuracies.max() <= 1
    assert_drawn(result.pictures, ["distribution.png"])


MODULES = ("experiments", *(f"experiments.{name}" for name in (
    "iris", "digits", "mnist", "sequences", "cifar", "sweep_iris", "sweep_digits", "schedulers", "replicate"
)))  # fmt: skip

# `python -m` with --help for each module, in one process, since imports take seconds.
ASK_FOR_HELP = """
import contextlib, io, json, runpy, sys
class Text(io.StringIO):
    encoding = "utf-8"
modules, answers = sys.argv[1:], {}
for module in modules:
    sys.argv = [module, "--help"]
    sys.modules.pop(module, None)  # imported by one before
    with contextlib.redirect_stdout(Text()) as out, contextlib.redirect_stderr(Text()) as errors:
        try:
            runpy.run_module(module, run_name="__main__", alter_sys=True)
        except SystemExit as end:
            answers[module] = [end.code or 0]
    answers[module] += out.getvalue(), errors.getvalue()
print(json.dumps(answers))
"""


def test_help_names_the_command_and_describes_every_option():
    command = [sys.executable, "-c", ASK_FOR_HELP, *MODULES]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert run.stderr == ""
    answers = json.loads(run.stdout)
    assert tuple(answers) == MODULES
    for module, (status, out, errors) in answers.items():
        assert (status, errors) == (0, "")
        assert f"usage: python -m {module} " in out
        assert "--seed INT" in out
        assert out.rstrip().endswith("╯")
