"""The page of a result in a real browser: it shows what the result holds, and asks for no other file."""

import base64
import re
import shlex

import numpy as np
import pytest

import jaxnn as nn
from experiments.benchmarks.report_page import make_search, write_page
from helpers.browser import OpenPage, read_document, start_browser
from helpers.resumable_runs import RECIPE, VALIDATION, make_recipe, sweep, train
from jaxnn.report.about import describe_here
from jaxnn.report.numbers import choose_grid, pack, pack_curves
from jaxnn.report.page import make_page
from jaxnn.report.sweeps import describe_sweep
from jaxnn.report.trainings import describe_training

CURVES, PARALLEL = ".curves canvas + canvas", ".parallel canvas + canvas"
SCATTER = ".scatter canvas + canvas"
TAG = "<script>document.title='hacked'</script>"


@pytest.fixture(scope="module")
def browser():
    with start_browser() as started:
        yield started


def make_labelled(hypers):
    assert hypers["label"] == TAG
    return make_recipe(hypers)


@pytest.fixture(scope="module")
def searched() -> nn.SweepResult:
    """A sweep with hostile labels."""
    space = {
        "learning_rate": nn.log_uniform(1e-4, 1e-1), "width": nn.sizes(2, 6), "label": nn.choice(TAG),
    }  # fmt: skip
    return sweep(space=space, make=make_labelled, score=nn.accuracy, trials=24)


def unpack(text):
    """The numbers that `pack` wrote, as the script of the page reads them."""
    upper = np.frombuffer(base64.b64decode(text), np.uint8).reshape(-1, 3)
    return np.pad(upper, ((0, 0), (1, 0))).copy().view("<f4")[:, 0]


def test_packed_numbers_keep_four_digits_and_what_is_not_finite():
    values = np.array([0.0, 1.0, -2.5, 0.123456, 3.3e30, -1e-30, np.inf, -np.inf, np.nan])
    np.testing.assert_allclose(unpack(pack(values)), values, rtol=2.0**-16)


def test_curves_are_thinned_to_a_grid_and_keep_their_ends():
    curves = np.arange(1.0, 1001)[None].repeat(500, 0)
    ends = np.full(500, 1000)
    ends[1], ends[2] = 7, 0
    grid = choose_grid(curves, ends, 2)
    assert grid[0] == 1
    assert grid[-1] == 1000
    assert 50 <= len(grid) <= 130
    points = unpack(pack_curves(curves, ends, grid))
    first = [epoch for epoch in grid if epoch < 7]
    expected = [*grid, *first, 7]
    np.testing.assert_allclose(points[: len(expected)], expected, rtol=2.0**-16)
    assert 2 * len(points) <= 120_000


def test_a_sweep_is_shown_and_hostile_names_stay_text(browser, searched, tmp_path):
    about = describe_here(f"Trees & {TAG}", score=TAG)._replace(directory=f"/tmp/{TAG}")
    document = describe_sweep(searched, about)
    document["hypers"][1]["name"] = TAG  # `sweep` takes identifiers, but a directory may come from anyone
    path = tmp_path / "report.html"
    path.write_text(make_page(document))
    assert path.read_text().count("<script") == 2
    opened = OpenPage(browser, path)
    assert opened.troubles == []
    assert opened.requests == [path.as_uri()]
    assert opened.page.title() == f"Trees & {TAG} · jaxnn"
    # Even a tag that got into the page could run nothing and ask for nothing.
    tags = "<img src=https://example.org/x.png><b onclick=document.title=1 id=got>in</b>"
    make = "document.createRange().createContextualFragment(tags)"
    opened.page.evaluate(f"tags => document.body.append({make})", tags)
    opened.page.locator("#got").click()
    assert opened.page.title().startswith("Trees")
    assert len([trouble for trouble in opened.troubles if "Content Security Policy" in trouble]) == 2
    opened.troubles.clear()
    text = opened.text()
    assert f"{searched.best.score:.4g}" in text
    assert text.count(TAG) > 5
    for chart in ("curves", "parallel", "scatter"):
        assert opened.count_colours(f".{chart} canvas") > 20
    rows = opened.page.locator("table.trials tbody tr").all_inner_texts()
    assert rows[0].split()[0] == str(searched.best.trial)
    opened.page.get_by_role("button", name=f"Trial {searched.best.trial}:").click()
    assert f".params({searched.best.trial})" in opened.text(".details")
    assert f".replay({searched.best.trial})" in opened.text(".details")
    assert opened.troubles == []


def test_hover_names_the_trial_and_its_hypers(browser, searched, tmp_path):
    opened = OpenPage(browser, searched.report(tmp_path / "report.html"))
    note = ".curves .note"
    assert opened.page.locator(note).is_hidden()
    for height in np.linspace(0.1, 0.9, 30):
        opened.hover(CURVES, 0.2, height)
        if opened.page.locator(note).is_visible():
            break
    lines = opened.text(note).splitlines()
    trial = int(re.search(r"Trial (\d+)", lines[0]).group(1))
    hypers = searched.hypers_of(trial)
    assert f"width {hypers['width']}" in lines
    assert any(line.startswith("epoch ") and "accuracy" in line for line in lines)
    opened.page.mouse.move(0, 0)
    # The same with the keyboard: down is the next worse trial, of the best first.
    opened.page.locator(CURVES).focus()
    opened.page.keyboard.press("ArrowDown")
    assert f"Trial {searched.best.trial}" in opened.text(note)
    opened.page.keyboard.press("ArrowDown")
    assert f"Trial {searched.best.trial}" not in opened.text(note)


def test_a_line_passes_by_the_hypers_that_a_trial_does_not_have(browser, searched, tmp_path):
    document = describe_sweep(searched, describe_here("Without labels"))
    _, width, label = document["hypers"]
    label["values"] = [None] * 24
    path = tmp_path / "report.html"
    path.write_text(make_page(document))
    opened = OpenPage(browser, path)
    # On the axis of labels, half way from the width of the best to its score at the upper end.
    best = searched.best.trial
    unit = np.log(width["values"][best] / 2) / np.log(3)
    opened.hover(PARALLEL, (44 + 1000 * 2 / 3) / 1116, (346 - 306 * (unit + 1) / 2) / 380)
    assert f"Trial {best}, the best" in opened.text(".parallel .note")
    assert "passes by the hypers" in opened.text()
    assert opened.troubles == []
    # Trials that wait have no lines, which would hide the others.
    document["trials"]["score"] = [None] * 24
    document["trials"]["status"] = [document["statuses"].index("unfinished")] * 24
    document |= {"best": None, "state": "unfinished"}
    path.write_text(make_page(document))
    waiting = OpenPage(browser, path)
    waiting.hover(PARALLEL, (44 + 1000 * 2 / 3) / 1116, (346 - 306 * (unit + 1) / 2) / 380)
    assert "Trial" not in waiting.text(".parallel .note")
    assert waiting.count_colours(".parallel canvas") < opened.count_colours(".parallel canvas") / 2


def test_a_brush_chooses_trials_in_all_views(browser, searched, tmp_path):
    opened = OpenPage(browser, searched.report(tmp_path / "report.html"))
    before = opened.count_colours(".curves canvas")
    # The upper half of the first axis, whose scale is logarithmic.
    opened.drag(PARALLEL, (44 / 1116, 0.02), (44 / 1116, (40 + 306 / 2) / 380))
    rates = np.array([trial.setting.values["learning_rate"] for trial in searched.trials])
    upper = set(np.flatnonzero(rates > 10**-2.5).tolist())
    assert 0 < len(upper) < 24
    assert f"{len(upper)} of 24 trials chosen" in opened.text()
    assert {int(row) for row in opened.page.locator("tr[data-trial] th").all_inner_texts()} <= upper
    assert opened.count_colours(".curves canvas") != before
    opened.page.get_by_role("button", name="Show all trials").click()
    assert "24 trials" in opened.text()
    # The same with the keyboard, and a rectangle in the score against the learning rate.
    opened.page.locator(PARALLEL).focus()
    opened.page.keyboard.press("ArrowRight")
    opened.page.keyboard.press("ArrowLeft")
    opened.page.keyboard.press("ArrowUp")
    assert f"{len(upper)} of 24 trials" in opened.text(".parallel .note")
    opened.page.keyboard.press("Escape")
    opened.drag(SCATTER, (0.5, 0.05), (0.99, 0.9))
    assert "of 24 trials chosen" in opened.text()
    # A touch that becomes a scroll lets go: the pointer then chooses nothing.
    opened.page.get_by_role("button", name="Show all trials").click()
    for chart, start, end in ((PARALLEL, (44 / 1116, 0.2), (44 / 1116, 0.5)), (SCATTER, (0.5, 0.05), (0.99, 0.9))):
        opened.hover(chart, *start)
        opened.page.mouse.down()
        opened.page.locator(chart).first.dispatch_event("pointercancel")
        opened.hover(chart, *end)
        assert "trials chosen" not in opened.text()
        opened.page.mouse.up()
    assert opened.troubles == []


def test_the_page_of_a_thousand_trials_has_at_most_a_megabyte(tmp_path):
    write_page(make_search(1000, 100, stops=False), tmp_path / "report.html")
    assert (tmp_path / "report.html").stat().st_size < 1e6


def test_a_training_is_shown(browser, trained, tmp_path):
    options = {"title": "Irises", "validation": VALIDATION}
    path = trained.report(tmp_path / "report.html", model=RECIPE.model, **options)
    opened = OpenPage(browser, path, scheme="dark", width=400)
    assert opened.troubles == []
    assert opened.page.evaluate("document.documentElement.scrollWidth") == 400
    assert f"after epoch {trained.best_epoch}" in opened.text()
    assert "minus the validation loss" in opened.text()
    wrong = int((1 - nn.accuracy(nn.predict(RECIPE.model, trained.params, VALIDATION[0]), VALIDATION[1])) * 45 + 0.5)
    assert f"{wrong} wrong rows of 45" in opened.text()
    assert len(opened.page.locator(".matrix tbody tr").all()) == 3
    document = read_document(path)
    np.testing.assert_allclose(document["series"]["losses"], trained.losses, rtol=1e-5)
    opened.page.locator(".losses canvas + canvas").focus()
    opened.page.keyboard.press("ArrowLeft")
    assert "Epoch 40" in opened.text(".losses .note")


def test_the_report_of_a_training_refuses_what_it_cannot_show(trained, tmp_path, as_installed):
    for options, error, words in (
        ({"validation": VALIDATION}, ValueError, "go together"),
        ({"model": RECIPE.model, "validation": VALIDATION[0]}, TypeError, "report: validation: data must be a pair"),
        ({"pictures": True}, ValueError, "pictures=True shows validation rows of a training; give model="),
    ):
        with pytest.raises(error, match=words):
            trained.report(tmp_path / "report.html", **options)
    assert not (tmp_path / "report.html").exists()


def test_charts_wait_for_their_first_drawing(browser, searched, tmp_path):
    documents = describe_sweep(searched, describe_here("Sweep")), describe_training(train(), describe_here("Training"))
    for number, document in enumerate(documents):
        path = tmp_path / f"{number}.html"
        path.write_text(make_page(document))
        page = browser.new_context().new_page()
        troubles = []
        page.on("pageerror", lambda error, troubles=troubles: troubles.append(str(error)))
        page.add_init_script("window.requestAnimationFrame = window.requestIdleCallback = () => 0")
        page.goto(path.as_uri())
        canvases = page.locator(".chart canvas + canvas").all()
        assert len(canvases) >= 1
        for canvas in canvases:
            for event in ("pointermove", "pointerdown", "pointerup"):
                canvas.dispatch_event(event, {"clientX": 100, "clientY": 100})
            for key in ("ArrowUp", "ArrowLeft", "Escape"):
                canvas.dispatch_event("keydown", {"key": key})
        assert troubles == []


def test_the_keyboard_reaches_all_that_the_pointer_does(browser, searched, tmp_path):
    document = describe_sweep(searched, describe_here("Sweep")._replace(seconds=9.0, thorough=False))
    steps = {"ends": [1, 2], "busy": [1, 0.25]}
    document["lanes"]["workers"] = [{"name": "first:1"} | steps, {"name": TAG} | steps]
    document["directory"] = "my run's $HOME"
    document["trials"]["copies"] = {str(searched.best.trial): [[2, 7, {"learning_rate": 0.25}]]}
    path = tmp_path / "report.html"
    path.write_text(make_page(document))
    opened = OpenPage(browser, path, width=400, scheme="dark")
    assert opened.page.evaluate("document.documentElement.scrollWidth") == 400
    # Every chart and control has a name, and is reached by Tab.
    reached = set()
    for _ in range(60):
        opened.page.keyboard.press("Tab")
        name = "const at = document.activeElement; [at.tagName, at.getAttribute('aria-label') || at.innerText]"
        reached.add(tuple(opened.page.evaluate(name)))
    charts = {name for tag, name in reached if tag == "CANVAS"}
    assert len(charts) == len(opened.page.locator(".chart canvas + canvas").all())
    assert all(name for tag, name in reached if tag != "BODY")
    # The lanes of two workers: down to the other, right to its second chunk, Escape to leave.
    lanes = ".lanes .note"
    opened.page.locator(".lanes canvas + canvas").focus()
    opened.settle()
    for key in ("ArrowDown", "ArrowDown", "ArrowRight"):
        opened.page.keyboard.press(key)
    assert opened.text(lanes).splitlines() == ["25 % of the lanes at work", "up to 2.0 s in the programs", TAG]
    # Where there is no room beside the point, the note lies below or above it, not upon it.
    opened.page.keyboard.press("ArrowLeft")
    box, chart = (opened.page.locator(name).bounding_box() for name in (lanes, ".lanes"))
    assert not box["y"] < chart["y"] + 44 + 26 + 24 < box["y"] + box["height"]
    opened.page.keyboard.press("Escape")
    assert opened.page.locator(lanes).is_hidden()
    # The last axis comes into sight.
    opened.page.locator(PARALLEL).focus()
    opened.settle()
    for _ in range(9):
        opened.page.keyboard.press("ArrowRight")
    assert opened.page.evaluate("document.querySelector('.wide').scrollLeft") > 0
    # All of its note is in sight, and lies beside the axis.
    box, wide = (opened.page.locator(name).bounding_box() for name in (".parallel .note", ".wide"))
    assert wide["x"] <= box["x"]
    assert box["x"] + box["width"] <= wide["x"] + wide["width"]
    opened.page.get_by_role("button", name=f"Trial {searched.best.trial}:").press("Enter")
    assert "After epoch 2: went on from trial 7, with learning_rate 0.2500." in opened.text(".details")
    assert f"python -m jaxnn.report {shlex.quote(document['directory'])} adds" in opened.text()
    assert opened.troubles == []


def test_a_page_without_numbers_makes_none_up(browser, searched, trained, tmp_path):
    lost = [trial._replace(status="diverged", score=np.nan, curves=_nothing(trial.curves)) for trial in searched.trials]
    path = tmp_path / "lost.html"
    result = searched._replace(trials=tuple(lost), kept={}, chunks=())
    path.write_text(make_page(describe_sweep(result, describe_here("Lost"))))
    opened = OpenPage(browser, path)
    assert "No trial has a score." in opened.text()
    assert "best" not in opened.text(".legend >> nth=2")  # of the scores against hypers
    # A scale without a value has no numbers.
    assert "validation loss: no finite value" in opened.drawn
    assert {"0", "0.2", "0.4", "0.6", "0.8"} & opened.drawn == set()
    for epochs in (0, 1):
        path.write_text(make_page(describe_training(_cut(trained, epochs), describe_here("Cut"))))
        assert ("No epoch has ended yet." in OpenPage(browser, path).text()) == (epochs == 0)
    assert "dot" in OpenPage(browser, path).drawn  # for the only epoch
    assert "dot" not in OpenPage(browser, trained.report(tmp_path / "whole.html")).drawn
    assert opened.troubles == []


def _nothing(curves):
    return curves._replace(**{name: np.full_like(getattr(curves, name), np.nan) for name in curves._fields[:3]})


def _cut(trained, epochs):
    curves = {name: getattr(trained, name)[:epochs] for name in ("losses", "validation_losses", "scores")}
    return trained._replace(epochs=epochs, best_epoch=epochs, **curves)


CONTRAST = """
() => {
  const parse = (text) => { const canvas = new OffscreenCanvas(1, 1).getContext("2d"); canvas.fillStyle = text;
    canvas.fillRect(0, 0, 1, 1); return [...canvas.getImageData(0, 0, 1, 1).data].map((each) => each / 255); };
  const over = (top, bottom) => bottom.map((each, i) => top[3] * top[i] + (1 - top[3]) * each);
  const light = (rgb) => rgb.slice(0, 3).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const page = parse(getComputedStyle(document.body).backgroundColor);
  return [...document.querySelectorAll(".matrix td.right, .matrix td.wrong, p, h1, h2, dt, dd, .badge")].map((node) => {
    const style = getComputedStyle(node);
    const back = parse(style.backgroundColor);
    const under = over(back, page);
    const [a, b] = [light(over(parse(style.color), under)), light(under)].sort((x, y) => y - x);
    return [node.className, node.textContent.slice(0, 30), (a + 0.05) / (b + 0.05)];
  });
}
"""


def test_texts_differ_from_what_is_behind_them(browser, searched, tmp_path):
    document = describe_sweep(searched, describe_here("Sweep")) | {"state": "unfinished"}
    rows = [[100 - wrong, wrong] for wrong in range(0, 100, 4)]
    document["classes"] = {"matrix": rows, "wrong": 1, "rows": 2, "total": 3, "wrongest": [], "number": 1}
    path = tmp_path / "report.html"
    path.write_text(make_page(document))
    for scheme in ("light", "dark"):
        found = OpenPage(browser, path, scheme=scheme).page.evaluate(CONTRAST)
        assert len(found) > 60
        assert [each for each in found if each[2] < 4.5] == []
