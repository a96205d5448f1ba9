"""Runs with a directory keep a page, while they go on and at the end; a directory alone is enough to make it again."""

import os
import signal
import time

import jax
import numpy as np
import pytest
import sklearn.metrics

import jaxnn as nn
from helpers.browser import OpenPage, read_document, start_browser
from helpers.resumable_runs import RECIPE, TRAIN, VALIDATION, InjectedError, sweep, train
from jaxnn.report import __main__ as command
from jaxnn.report import live
from jaxnn.report.about import About
from jaxnn.report.live import LivePage
from jaxnn.report.page import make_page


def without_times(document):
    """A document without what differs between two runs."""
    kept = {name: part for name, part in document.items() if name not in ("written", "time", "lanes", "seconds")}
    kept["trials"] = {name: part for name, part in document["trials"].items() if name != "seconds"}
    return kept


def test_a_sweep_keeps_a_page_that_its_directory_alone_gives_again(tmp_path):
    result = sweep(tmp_path / "widths", score=nn.accuracy)
    at_end = read_document(tmp_path / "widths" / "report.html")
    assert at_end["state"] == "ended"
    assert at_end["title"] == "widths"
    assert at_end["best"] == result.best.trial
    assert at_end["score"] == "accuracy"
    assert ["scheduler", "Asha(grace_period=1, reduction_factor=3)"] in at_end["facts"]
    again = read_document(nn.sweeps.load(tmp_path / "widths").report(tmp_path / "again.html"))
    assert again["importance"] is not None  # which takes longer than this sweep
    assert without_times(again | {"importance": None, "thorough": False}) == without_times(at_end)
    assert again["seconds"] <= at_end["seconds"]
    with pytest.raises(ValueError, match="pictures=True needs the inputs of rows"):
        nn.sweeps.load(tmp_path / "widths").report(tmp_path / "again.html", pictures=True)


def test_the_page_of_a_sweep_that_goes_on_to_more_epochs_stays_at_the_top(tmp_path):
    options = {"trials": 3, "scheduler": None, "keep_states": True}
    sweep(tmp_path / "run", epochs=2, **options)
    sweep(tmp_path / "run", epochs=4, **options)
    assert not (tmp_path / "run" / "continued-2" / "report.html").exists()
    document = read_document(tmp_path / "run" / "report.html")
    assert document["state"] == "ended"
    assert [row["epochs"] for row in nn.sweeps.load(tmp_path / "run").table()] == [4, 4, 4]
    assert document["trials"]["epochs"] == [4, 4, 4]


def test_a_sweep_in_blocks_has_a_page_at_its_end(tmp_path):
    result = sweep(tmp_path / "run", block=9, lanes="auto", save_every=60.0)
    at_end = read_document(tmp_path / "run" / "report.html")
    assert (at_end["state"], at_end["best"], at_end["thorough"]) == ("ended", result.best.trial, False)
    assert len(at_end["trials"]["score"]) == 18
    [worker] = at_end["lanes"]["workers"]
    assert worker["name"].endswith(f":{os.getpid()}")
    with pytest.raises(InjectedError):
        sweep(tmp_path / "part", block=9, lanes="auto", save_every=60.0, end_at=12)
    document = read_document(tmp_path / "part" / "report.html")
    assert (document["state"], document["error"]) == ("unfinished", "InjectedError")
    assert document["seconds"] > 0
    # Nothing tells how long the calls before this one took.
    sweep(tmp_path / "part", block=9, lanes="auto", save_every=60.0)
    document = read_document(tmp_path / "part" / "report.html")
    assert (document["state"], document["seconds"], document["time"]["host"]) == ("ended", None, None)
    # A call with a mistake does not touch the page of the sweep whose directory it names.
    with pytest.raises(ValueError, match="holds"):
        sweep(tmp_path / "run", block=9, lanes="auto", save_every=60.0, trials=4)
    assert read_document(tmp_path / "run" / "report.html") == at_end


def test_a_training_keeps_a_page_that_its_directory_alone_gives_again(tmp_path, trained, capsys):
    train(tmp_path / "run")
    at_end = read_document(tmp_path / "run" / "report.html")
    assert (at_end["state"], at_end["best_epoch"]) == ("ended", trained.best_epoch)
    np.testing.assert_allclose(at_end["series"]["losses"], trained.losses, rtol=1e-5)
    predicted = nn.predict(RECIPE.model, trained.params, VALIDATION[0]).argmax(axis=1)
    assert at_end["classes"]["matrix"] == sklearn.metrics.confusion_matrix(VALIDATION[1], predicted).tolist()
    assert at_end["classes"]["number"] == trained.best_epoch
    assert at_end["seconds"] > 0
    path = tmp_path / "again.html"
    assert command.main([str(tmp_path / "run"), "--output", str(path), "--title", "Again"]) == 0
    assert capsys.readouterr().out == f"{path}\n"
    again = read_document(path)
    assert again["title"] == "Again"
    assert again["series"] == at_end["series"]
    assert again["best_epoch"] == at_end["best_epoch"]
    assert again["classes"] == at_end["classes"]


def test_the_page_of_a_training_that_goes_on_from_a_state_begins_after_it(tmp_path, trained):
    result = train(tmp_path / "run", state=trained.state, epochs=43)
    path = tmp_path / "run" / "report.html"
    at_end = read_document(path)
    assert at_end["series"]["losses"][:40] == [None] * 40
    np.testing.assert_allclose(at_end["series"]["losses"][40:], result.losses[40:], rtol=1e-5)
    assert at_end["best_score"] == pytest.approx(result.scores[40:].max(), rel=1e-5)
    assert command.main([str(tmp_path / "run")]) == 0
    again = read_document(path)
    assert {name: again[name] for name in ("epochs", "series", "best_score", "best_epoch", "classes")} == {
        name: at_end[name] for name in ("epochs", "series", "best_score", "best_epoch", "classes")
    }
    assert again["best_epoch"] == result.best_epoch


def test_the_page_of_a_training_does_not_warn_again_of_its_validation_part(tmp_path):
    x = np.array(VALIDATION[0], np.float64)
    x[:, 0] += 1e6  # of which float32 loses digits
    with pytest.warns(UserWarning, match="validation") as record:
        train(tmp_path / "run", validation=(x, VALIDATION[1]), epochs=2)
    assert len(record) == 1
    assert read_document(tmp_path / "run" / "report.html")["classes"]["total"] == len(x)


def test_a_training_that_a_signal_ends_has_a_page_that_says_so(tmp_path, default_signals):
    def log(epoch, _):
        if epoch == 20:
            os.kill(os.getpid(), signal.SIGTERM)

    options = {"key": jax.random.key(0), "validation": VALIDATION, "epochs": 100_000, "log": log, "progress": False}
    with pytest.raises(KeyboardInterrupt):
        nn.train(RECIPE, TRAIN, directory=tmp_path / "run", **options)
    document = read_document(tmp_path / "run" / "report.html")
    assert (document["state"], document["error"], document["classes"]) == ("unfinished", "", None)
    assert 20 <= document["epochs"] < 100_000


TAG = "<script>document.title='hacked'</script>"


def test_a_training_that_an_exception_ends_has_a_page_that_says_so(tmp_path):
    def log(epoch, _):
        if epoch == 3:
            raise OSError(f"no space for {TAG}\nin a second line")

    options = {"validation": VALIDATION, "epochs": 40, "progress": False}
    with pytest.raises(OSError, match="no space"):
        nn.train(RECIPE, TRAIN, key=jax.random.key(0), directory=tmp_path / "run", log=log, **options)
    path = tmp_path / "run" / "report.html"
    document = read_document(path)
    assert (document["state"], document["error"]) == ("unfinished", f"OSError: no space for {TAG}")
    with start_browser() as browser:
        opened = OpenPage(browser, path)
        assert "ended by an exception" in opened.text(".badge").lower()
        assert opened.text(".error") == f"OSError: no space for {TAG}"
        assert opened.page.title() == "run · jaxnn"
        assert opened.troubles == []
    nn.train(RECIPE, TRAIN, key=jax.random.key(0), directory=tmp_path / "run", **options)
    assert (read_document(path)["state"], read_document(path)["error"]) == ("ended", "")


def test_a_call_with_a_mistake_leaves_no_page(tmp_path):
    with pytest.raises(ValueError, match="3 classes"):
        nn.train(
            RECIPE, (TRAIN[0], TRAIN[1] + 1), key=jax.random.key(0), epochs=1, directory=tmp_path / "run",
            progress=False,
        )  # fmt: skip
    assert not (tmp_path / "run" / "report.html").exists()


def test_a_directory_without_a_run_is_refused(tmp_path, capsys):
    assert command.main([str(tmp_path)]) == 1
    assert capsys.readouterr().err == f"report: directory={str(tmp_path)!r} holds no run of sweep or train\n"


def test_a_sweep_that_goes_on_has_a_page_that_reads_its_file_again(tmp_path, monkeypatch):
    monkeypatch.setattr(live, "_WAIT", 0.0)
    states, make = [], LivePage.make

    def record(page, describe, configuration, state, error):
        states.append(state if error is None else type(error))
        return make(page, describe, configuration, state, error)

    monkeypatch.setattr(LivePage, "make", record)
    with pytest.raises(InjectedError):
        sweep(tmp_path / "run", end_at=12)
    assert set(states[:-1]) == {"running"}
    path = tmp_path / "run" / "report.html"
    document = read_document(path)
    assert (document["state"], document["error"], states[-1]) == ("unfinished", "InjectedError", InjectedError)
    path.write_text(make_page(document | {"state": "running", "error": "", "reload": 3.0, "written": time.time()}))
    with start_browser() as browser:
        opened = OpenPage(browser, path)
        assert "running" in opened.text(".badge")
        opened.drag(".parallel canvas + canvas", (44 / 1116, 0.02), (44 / 1116, 0.5))
        chosen = opened.text("section:last-of-type")
        opened.page.mouse.move(0, 0)
        with opened.page.expect_navigation(timeout=10_000):
            pass
        opened.page.wait_for_selector("html[data-ready]", state="attached")
        opened.settle()
        assert opened.text("section:last-of-type") == chosen
        assert "chosen" in opened.text()
        assert opened.troubles == []
    # The same call goes on, and ends with the page of the whole.
    sweep(tmp_path / "run")
    assert (read_document(path)["state"], read_document(path)["error"]) == ("ended", "")


def test_pages_of_a_run_that_goes_on_take_at_most_a_hundredth_of_its_time(tmp_path):
    page, made = LivePage("sweep", tmp_path, 60.0), []

    def describe(about):
        made.append(about)
        time.sleep(0.02)
        return {"title": about.title}

    assert page.make(describe, {}, "running") == {}  # too soon
    page._due = 0.0
    assert list(page.make(describe, {}, "running")) == ["report.html"]
    assert page._due - time.monotonic() > 1.5  # a hundred times as long as the page took
    assert page.make(describe, {}, "running") == {}
    assert list(page.make(describe, {}, "ended")) == ["report.html"]
    assert [(about.state, about.reload) for about in made] == [("running", 30.0), ("ended", 0.0)]


def test_a_run_goes_on_without_a_page_that_fails(tmp_path):
    def fail(about: About):
        raise ZeroDivisionError("no page")

    with pytest.warns(UserWarning, match="sweep: no report.html, because of ZeroDivisionError: no page"):
        assert LivePage("sweep", tmp_path, 60.0).make(fail, {}, "ended") == {}
