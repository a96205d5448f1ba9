"""The documentation: how-tos that run, a reference of every public name, links that lead somewhere."""

import functools
import html
import importlib
import inspect
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jax
import jaxtyping
import pytest

import jaxnn as nn
from experiments.docs import cells, docstrings, examples, index, links, names, pages, reference

# How-tos whose numbers are checked: what they print, and the least that it may be.
REACHED = {
    "first_network": r"accuracy ([\d.]+)",
    "table": r"r² ([\d.]+)",
    "own_layer": r"^([\d.]+)$",
    "cnn": r"([\d.]+)\]",
    "from_pytorch": r"^([\d.]+)$",
    "from_sklearn": r"[\d.]+ ([\d.]+)$",
    "modules": r"^([\d.]+)$",
}


@pytest.fixture(scope="module")
def run_howto(tmp_path_factory) -> Any:
    """Runs a how-to once, as users do: for its own test and for the pages."""

    @functools.cache
    def run(name: str) -> tuple[cells.Script, list[cells.Output]]:
        script = cells.read_script(index.find_howto(name))
        with jax.numpy_rank_promotion("allow"), jax.debug_key_reuse(False):
            return script, cells.run_script(script, tmp_path_factory.mktemp(name))[1]

    jaxtyping.config.update("jaxtyping_disable", True)
    yield run
    jaxtyping.config.update("jaxtyping_disable", False)


@pytest.mark.parametrize("name", index.HOWTOS)
def test_a_howto_runs_and_prints_what_it_shows(name: str, run_howto: Any) -> None:
    script, outputs = run_howto(name)
    printed = "\n".join(output.text for output in outputs)
    assert printed
    assert script.title[0].isupper()
    if name in REACHED:
        assert float(re.findall(REACHED[name], printed, re.MULTILINE)[0]) > 0.85


def test_every_file_of_the_folder_is_a_page() -> None:
    folder = index.find_howto("sweep").parent
    assert {path.stem for path in folder.glob("*.py")} - {"__init__"} == set(index.HOWTOS)


def test_the_pages_are_built_without_a_warning_and_every_link_leads_somewhere(run_howto: Any, tmp_path: Path) -> None:
    sphinx = pytest.importorskip("sphinx", reason="needs Sphinx: pip install 'jaxnn[docs]'")
    del sphinx
    from experiments.docs.build import build

    sources, output = tmp_path / "sources", tmp_path / "docs"
    sources.mkdir()
    for name in index.HOWTOS:
        pages.write_howto(sources / "howto", *run_howto(name))
    index.copy_install(sources)
    index.copy_benchmarks(sources)
    index.write_index(sources, reference.write_reference(sources / "reference"))
    assert build(sources, output, tmp_path / "doctrees") == []
    checked = links.check_links(output)
    assert checked.troubles == []
    assert checked.links > 1000
    # What a reader finds: shapes as the source has them, links from backticks, code and what it prints.
    layers = (output / "reference" / "layers.html").read_text(encoding="utf-8")
    signature = layers.partition('<dt class="sig sig-object py" id="jaxnn.dense">')[2].partition("</dt>")[0]
    assert "x: Shaped[ArrayLike, 'batch inputs']" in html.unescape(re.sub("<[^>]+>", "", signature))
    sweep = (output / "reference" / "sweeps.html").read_text(encoding="utf-8")
    assert 'href="training.html#jaxnn.fit"' in sweep
    howto = (output / "howto" / "sweep.html").read_text(encoding="utf-8")
    assert 'href="../reference/sweeps.html#jaxnn.sweep"' in howto
    assert "stopped" in howto
    assert list((output / "_images").glob("sweep-*.png"))


def test_a_link_that_leads_nowhere_is_found(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text('<h1 id="top"></h1><a href="b.html#there">b</a><a href="#top">a</a>')
    (tmp_path / "b.html").write_text('<a href="c.html">c</a><img src="https://example.com/a.png">')
    (tmp_path / "a.css").write_text("p { background: url(//example.com/b.png) }")
    assert links.check_links(tmp_path).troubles == [
        "a.html: no anchor for b.html#there",
        "b.html: loads https://example.com/a.png",
        "b.html: no file for c.html",
        "a.css: loads //example.com/b.png",
    ]


def test_every_public_name_is_in_the_reference_once() -> None:
    found = [name.path for page in names.list_pages().values() for name in page]
    assert len(found) == len(set(found))
    public = {f"jaxnn.{name}" for name in nn.__all__ if not inspect.ismodule(getattr(nn, name))}
    assert public <= set(found)
    for module in (*names.MODULES, "integrations.optuna_studies"):
        exported = importlib.import_module(f"jaxnn.{module}").__all__
        assert {name.rpartition(".")[2] for name in found} >= set(exported)


# What has a docstring but no example of its own, with the reason.
WITHOUT_EXAMPLE = {
    "the function that makes it has one": {
        "Affine", "BatchNormParams", "ConvTransposeParams", "EpochInfo", "Evaluation", "FitResult", "Folds", "Frozen",
        "LSTMState", "MultiHeadAttentionParams", "NormParams", "RecurrentParams", "Scaling", "Split", "SweepResult",
        "TrainResult", "TrainingState", "augment.MixedTargets", "datasets.Dataset", "sweeps.BestTrial",
        "sweeps.ChunkStats", "sweeps.Column", "sweeps.Curves", "sweeps.RecordedCall", "sweeps.Refit", "sweeps.Replay",
        "sweeps.Simulation", "sweeps.TrialResult",
    },
    "the protocol of a trial's object has one": {
        "sweeps.AsynchronousSampler", "sweeps.Sampler", "sweeps.Scheduler", "sweeps.Continue", "sweeps.Copy",
        "sweeps.Stop",
    },
    "it draws the result of a sweep, as a how-to does": {
        "plots.importance", "plots.occupancy", "plots.parallel_coordinates", "plots.score_against",
        "plots.sweep_curves",
    },
    "scikit-learn has it": {"sweeps.Splitter"},
    "it is raised": {"CheckpointError"},
    "it reads files that the user has": {"datasets.cifar10", "datasets.mnist"},
}  # fmt: skip


def test_every_public_name_has_an_example_or_a_reason() -> None:
    without = {name.path.removeprefix("jaxnn.") for name in examples.list_without_examples()}
    assert without == set().union(*WITHOUT_EXAMPLE.values())
    found = [name for name in names.list_names().values() if callable(name.value)]
    assert [name.path for name in found if not reference.first_sentence(name)] == []
    assert examples.count_examples().docstrings > 200


def test_a_docstring_becomes_text_with_links() -> None:
    def layer(x: Any, scale: Any) -> None: ...

    text = """As `dense` and `Recipe.ema`, but of `scale` and `x * y`; two `Buffer`s.

Code:

    a_ * b

Args:
    x: shape (*window, a|b).
    y: of `sizes(2, 4)`.

Example:
    >>> "*a*"
    '*a*'"""
    lines = docstrings.to_rest(text.split("\n"), "jaxnn.layer", layer)
    assert lines[0] == (
        "As :py:obj:`dense <jaxnn.dense>` and :py:obj:`Recipe.ema <jaxnn.Recipe.ema>`, but of ``scale`` and "
        r"``x * y``; two :py:obj:`Buffer <jaxnn.Buffer>`\ s."
    )
    assert lines[2:7] == ["Code:", "", "::", "", "    a_ * b"]
    assert lines[9:11] == [r"    x: shape (\*window, a\|b).", "    y: of :py:obj:`sizes(2, 4) <jaxnn.sizes>`."]
    assert lines[-3:-1] == ['    >>> "*a*"', "    '*a*'"]
    assert docstrings.read_signature(nn.flatten) == (
        "(x: Shaped[ArrayLike, 'batch *space channels']) -> Float[Array, 'batch features']"
    )


def test_cells_are_text_code_and_output(tmp_path: Path) -> None:
    path = tmp_path / "howto.py"
    path.write_text(
        '"""A title.\n\nText.\n"""\n\n# %% First\n# Of `nn.fit`.\n\nx = 1\n# a comment\nprint(x)\n\n# %%\n\nx / 0\n'
    )
    script = cells.read_script(path)
    assert script[1:3] == ("A title", "Text.")
    assert script.cells[0] == ("First", "Of `nn.fit`.", "x = 1\n# a comment\nprint(x)", 9)
    with pytest.raises(ZeroDivisionError) as error:
        cells.run_script(script, tmp_path)
    assert error.traceback[-1].lineno == 14
    whole = SimpleNamespace(**script._asdict())
    whole.cells = script.cells[:1]
    page = pages.write_howto(tmp_path / "pages", whole, [cells.Output("1", ())]).read_text()  # pyright: ignore
    assert page.startswith(
        "# A title\n\nText.\n\n## First\n\nOf {py:obj}`nn.fit <jaxnn.fit>`.\n\n````{code-block} python"
    )
    assert "````{code-block} text\n:class: printed\n\n1\n````" in page
    path.write_text('"""A title."""\nx = 1\n# %% First\n')
    with pytest.raises(ValueError, match="line 2: code above the first cell"):
        cells.read_script(path)
