"""A call with the directory of a run of another configuration or format is refused; the error names what differs."""

import hashlib
import json
import shutil

import jax
import optax
import pytest

import jaxnn as nn
from helpers.errors import error_message
from helpers.resumable_runs import (
    RECIPE,
    VALIDATION,
    WIDTHS,
    InjectedError,
    assert_same_bits,
    assert_same_sweep,
    make_recipe,
    sweep,
    train,
)


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory):
    """The directories of a training and of a sweep that ended half way."""
    folder = tmp_path_factory.mktemp("interrupted")
    for call, end_at in ((train, 20), (sweep, 9)):
        with pytest.raises(InjectedError):
            call(folder / call.__name__, end_at=end_at)
    return folder


def read_files(directory):
    return {path.name: path.read_bytes() for path in directory.iterdir() if path.name != "lock"}


OTHER_CALLS = {
    "epochs": ({"epochs": 1}, "epochs, more than epochs=1. Make"),
    "key": ({"seed": 1}, "key has changed"),
    "data": ({"validation": (VALIDATION[0] + 1, VALIDATION[1])}, "validation.x has changed"),
    "batch size": ({"recipe": RECIPE._replace(batch_size=16)}, "recipe.batch_size was 32 and is 16"),
    "learning rate": ({"recipe": RECIPE._replace(optimizer=optax.adam(0.02))}, "recipe.traced has changed"),
    "activation": (
        {"recipe": RECIPE._replace(model=nn.mlp([4, 5, 3], activation=nn.tanh))},
        "recipe.traced has changed",
    ),
    "score": ({"score": nn.accuracy}, "score was None and is jaxnn.scores.classes.accuracy"),
    "stop": ({"stop": nn.no_improvement(5)}, "stop was None and is NoImprovement(patience=5, "),
}


@pytest.mark.parametrize("name", OTHER_CALLS)
def test_a_training_with_other_arguments_is_refused_and_left_alone(interrupted, name):
    directory, (options, words) = interrupted / "train", OTHER_CALLS[name]
    before = read_files(directory)
    message = error_message(ValueError, lambda: train(directory, **options))
    assert words in message
    assert message.endswith("Make the same call, or give another directory")
    assert len(message) - len(str(directory)) < 240
    assert read_files(directory) == before


def test_a_training_resumes_after_a_refusal(tmp_path, interrupted, trained):
    shutil.copytree(interrupted / "train", tmp_path / "train")
    error_message(ValueError, lambda: train(tmp_path / "train", seed=1))
    assert_same_bits(train(tmp_path / "train"), trained)


OTHER_SWEEPS = {
    "fewer trials": ({"trials": 17}, "sweep: the directory holds 18 trials, more than trials=17"),
    "a grid of more trials": (
        {"sampler": "grid", "trials": 19},
        "sampler was RandomSampler() and is GridSampler(trials=19)",
    ),
    "space": ({"space": WIDTHS}, "space.width was None and is Choice(values=[5, 6])"),
    "scheduler": (
        {"scheduler": nn.asha(grace_period=2)},
        "scheduler was Asha(grace_period=1, reduction_factor=3) and is Asha(grace_period=2, reduction_factor=3)",
    ),
    "lanes": ({"lanes": 8}, "lanes was 4 and is 8"),
    "evaluate_at": ({"evaluate_at": "rungs"}, "evaluate_at was epochs and is rungs"),
    "recipe": (
        {"make": lambda hypers: make_recipe(hypers)._replace(loss=lambda *both: 2 * nn.cross_entropy(*both))},
        "make_recipe was helpers.resumable_runs.make_recipe and is",
    ),
}


@pytest.mark.parametrize("name", OTHER_SWEEPS)
def test_a_sweep_with_other_arguments_is_refused_and_left_alone(interrupted, name):
    directory, (options, words) = interrupted / "sweep", OTHER_SWEEPS[name]
    before = read_files(directory)
    assert words in error_message(ValueError, lambda: sweep(directory, **options))
    assert read_files(directory) == before


def test_a_function_of_the_same_name_with_another_program_is_refused(tmp_path):
    def recipes(rate):
        return lambda hypers: make_recipe(hypers)._replace(optimizer=optax.sgd(hypers["learning_rate"] * rate))

    with pytest.raises(InjectedError):
        sweep(tmp_path, end_at=9, make=recipes(1.0))
    message = error_message(ValueError, lambda: sweep(tmp_path, make=recipes(2.0)))
    assert message == (
        "sweep: the directory holds a run with another recipe: what make_recipe returns for "
        "this space has changed. Use the same recipe, or another directory"
    )


def test_a_training_and_a_sweep_do_not_share_a_directory(interrupted):
    assert "kind was train and is sweep. Make" in error_message(ValueError, lambda: sweep(interrupted / "train"))


def old_content(configuration):
    """The file of format 1, the first: without a number, and with a digest of the configuration alone."""
    digest = hashlib.sha256(json.dumps(configuration, sort_keys=True).encode()).hexdigest()
    return {"configuration": configuration, "sha256": digest}


def later_content(configuration):
    content = {"format": 5, "configuration": configuration}
    return content | {"sha256": hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()}


@pytest.mark.parametrize(("content", "number"), [(old_content, 1), (later_content, 5)])
@pytest.mark.parametrize("end_at", [1, 20])
def test_a_run_of_another_version_is_refused_and_left_alone(tmp_path, content, number, end_at):
    with pytest.raises(InjectedError):
        train(tmp_path, end_at=end_at, save_every=1e-6 if end_at > 1 else 60.0)
    file = tmp_path / "configuration.json"
    written = json.loads(file.read_text())
    assert written["format"] == 4
    file.write_text(json.dumps(content(written["configuration"]), indent=1))
    before = read_files(tmp_path)
    assert error_message(ValueError, lambda: train(tmp_path)) == (
        f"train: directory={str(tmp_path)!r} holds a run in format {number}, of another version of jaxnn; this version "
        "reads format 4. Finish it with the version that started it, or give another directory"
    )
    assert read_files(tmp_path) == before


def test_a_configuration_that_does_not_match_its_digest_is_damaged(tmp_path, interrupted):
    directory = tmp_path / "train"
    shutil.copytree(interrupted / "train", directory)
    file = directory / "configuration.json"
    written = json.loads(file.read_text())
    without_format = {name: value for name, value in written.items() if name != "format"}
    for content in (without_format, written | {"format": 1}, [written], "text", {}):
        file.write_text(json.dumps(content))
        message = error_message(nn.CheckpointError, lambda: train(directory))
        assert message == f"train: {file} is damaged: it does not match its digest"


def test_a_call_corrected_before_the_first_checkpoint_is_accepted(tmp_path, swept):
    with pytest.raises(ValueError, match="make_recipe reads 'depth'"):
        sweep(tmp_path, make=lambda hypers: nn.mlp([hypers["depth"]]), trials=3)
    assert_same_sweep(sweep(tmp_path), swept)


def test_another_initial_state_is_refused(tmp_path):
    def recipe(rate):
        return RECIPE._replace(optimizer=optax.inject_hyperparams(optax.adam)(learning_rate=rate))

    with pytest.raises(InjectedError):
        train(tmp_path, end_at=20, recipe=recipe(0.01))
    assert "initial state has changed" in error_message(ValueError, lambda: train(tmp_path, recipe=recipe(0.5)))
    scaled = nn.Model(lambda key: jax.tree.map(lambda leaf: 9 * leaf, RECIPE.model.init(key)), RECIPE.model.apply)
    message = error_message(ValueError, lambda: train(tmp_path, recipe=recipe(0.01)._replace(model=scaled)))
    assert "initial state has changed" in message


def test_other_settings_of_jax_are_refused(interrupted):
    with jax.default_matmul_precision("float32"):
        message = error_message(ValueError, lambda: train(interrupted / "train"))
    assert "jax_default_matmul_precision was highest and is float32" in message


def test_other_instructions_of_the_processor_are_refused(interrupted, monkeypatch):
    """XLA reads its flags when it starts; here they only stand for a computer that has no others."""
    monkeypatch.setenv("XLA_FLAGS", "--xla_cpu_max_isa=SSE4_2")
    for call in (train, sweep):
        message = error_message(ValueError, lambda call=call: call(interrupted / call.__name__))
        assert "instructions was " in message
        assert " and is SSE4_2" in message
