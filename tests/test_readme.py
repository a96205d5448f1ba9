"""The README's program runs and prints what its comments say."""

import contextlib
import io
import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import jaxnn as nn

pytestmark = pytest.mark.optimized(older_code=True)

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
PROGRAMS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


@pytest.mark.optimized  # as users compile it
def test_the_program_prints_the_numbers_in_its_comments():
    program = PROGRAMS[0]
    promised = [line.removeprefix("# ") for line in program.splitlines() if line.startswith("# ")]
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(program, "README.md", "exec"), {})
    found = printed.getvalue().splitlines()
    assert len(found) == len(promised) == 5
    for promise, line in zip(promised, found, strict=True):
        *words, number = line.split()
        *promised_words, promised_number = promise.split()
        assert words == promised_words
        # Another processor may round another way: one network of 200 on the other side of one flower is 1e-4.
        assert abs(float(number) - float(promised_number)) <= 0.011


def test_the_sweep_finds_settings_that_work(capsys):
    first, sweep, *_ = PROGRAMS
    data = first.split("def final_accuracy")[0]
    names: dict = {}
    exec(compile(data + sweep.replace("keep=5,", "keep=5, progress=False,"), "README.md", "exec"), names)
    assert names["result"].best.score > -0.15
    assert sum(trial.status == "stopped" for trial in names["result"].trials) > 50
    assert float(capsys.readouterr().out.split()[-1]) > 0.9


def test_a_study_of_optuna_holds_the_trials_of_the_sweep():
    first, sweep, *_ = PROGRAMS
    (program,) = (program for program in PROGRAMS if "create_study" in program)
    names: dict = {}
    setup = first.split("def final_accuracy")[0] + sweep.split("result = ")[0]
    program = program.replace("trials=64", "trials=8, progress=False").replace("epochs=100", "epochs=12")
    exec(compile(setup + program, "README.md", "exec"), names)
    assert len(names["study"].trials) == 8
    assert names["study"].best_value == max(
        trial.score for trial in names["result"].trials if trial.status == "finished"
    )


def test_the_run_directory_keeps_the_training(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    first, _, night, *_ = PROGRAMS
    names: dict = {}
    program = first.split("def final_accuracy")[0] + night.replace("directory=", "progress=False, directory=")
    exec(compile(program, "README.md", "exec"), names)
    assert (tmp_path / "night" / "journal.jsonl").is_file()
    losses = names["result"].losses
    exec(compile(program, "README.md", "exec"), names)
    assert (names["result"].losses == losses).all()
    assert losses[-1] < 0.2


@pytest.fixture(scope="module")
def researched():
    """The names that the research script leaves, and what it printed."""
    imports, names, printed = PROGRAMS[0].split("iris = ")[0], {}, io.StringIO()
    script = PROGRAMS[3].replace("epochs=15)", "epochs=15, progress=False)")
    with contextlib.redirect_stdout(printed):
        exec(compile(imports + script, "README.md", "exec"), names)
    return names, printed.getvalue()


def test_the_research_script_learns_the_digits(researched):
    assert float(researched[1].split()[-1]) > 0.95


def test_the_exported_program_computes_the_same(researched, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = dict(researched[0])
    for program in (program for program in PROGRAMS if "digits.jax" in program):
        exec(compile(program, "README.md", "exec"), names)
    expected = nn.predict(names["recipe"].model, names["result"].params, names["digits_test"][0])
    np.testing.assert_allclose(names["logits"], expected, rtol=1e-4, atol=1e-4)


def test_a_file_streams(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    [program] = [program for program in PROGRAMS if "shuffled_batches" in program]
    names: dict = {}
    exec(compile(PROGRAMS[0].split("split_key")[0] + program.replace("directory=", "progress=False, directory="),
                 "README.md", "exec"), names)  # fmt: skip
    assert names["streamed"].losses[-1] < 0.2
    assert (tmp_path / "stream" / "journal.jsonl").is_file()


def test_a_module_of_flax_is_swept() -> None:
    names: dict = {}
    data = PROGRAMS[0].split("iris = ")[0] + PROGRAMS[3].split("def make_optimizer")[0]
    [program] = [program for program in PROGRAMS if "integrations.flax" in program]
    short = program.replace("trials=16, epochs=10,", "trials=2, epochs=2, progress=False,")
    assert short != program
    exec(compile(data, "README.md", "exec"), names)
    for part in ("digits_train", "digits_test"):
        names[part] = tuple(array[:130] for array in names[part])
    exec(compile(short, "README.md", "exec"), names)
    assert names["modules"].best.score > -2.4


def test_weights_of_pytorch_go_in_and_out():
    with np.load(Path(__file__).parent / "integrations" / "weights_of_other_tools.npz") as file:
        start = "pytorch/cnn/weights/"
        weights = {name.removeprefix(start): file[name] for name in file if name.startswith(start)}
        x, outputs = file["pytorch/cnn/x"], file["pytorch/cnn/outputs"]
    names = {"nn": nn, "module": SimpleNamespace(state_dict=lambda: weights)}
    exec(compile(next(each for each in PROGRAMS if "pytorch.load" in each), "README.md", "exec"), names)
    np.testing.assert_allclose(nn.predict(names["model"], names["params"], x), outputs, rtol=1e-5, atol=1e-5)
    assert all((names["arrays"][name] == array).all() for name, array in weights.items())


def test_the_search_of_scikit_learn_finds_a_network_for_the_digits(capsys):
    names = {}
    exec(compile(next(each for each in PROGRAMS if "SweepSearchCV" in each), "README.md", "exec"), names)
    assert names["search"].best_score_ > 0.93
    assert "learning_rate" in capsys.readouterr().out


def test_the_program_is_about_twenty_lines():
    code = [line for line in PROGRAMS[0].splitlines() if line.strip() and not line.startswith("#")]
    assert len(code) <= 20


def test_every_file_and_module_that_the_readme_names_is_there():
    root = Path(__file__).parent.parent
    pictures = re.findall(r"!\[.*?\]\((.*?)\)", README)
    modules = set(re.findall(r"python -m (experiments[\w.]*)", README))
    assert pictures
    assert modules
    assert all((root / picture).is_file() for picture in pictures)
    for module in modules:
        path = root / module.replace(".", "/")
        assert path.with_suffix(".py").is_file() or (path / "__main__.py").is_file()


def test_the_lines_for_clusters_are_python():
    lines = re.findall(r"```py\n(.*?)```", README, re.DOTALL)
    assert (
        sum("nn.executors.processes" in each or "get_executor" in each or "nn.executors.ray" in each for each in lines)
        == 3
    )
    for each in lines:
        compile(each.replace("...,", "*(),"), "README.md", "exec")
