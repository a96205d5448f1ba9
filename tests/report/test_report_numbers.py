"""The numbers of a page as a reader sees them: times, axes, and charts of which little is known."""

import numpy as np
import pytest

from helpers.browser import OpenPage, start_browser
from jaxnn.report.about import describe_here
from jaxnn.report.numbers import pack
from jaxnn.report.page import make_page
from jaxnn.report.sweeps import describe_sweep
from jaxnn.report.trainings import describe_training


@pytest.fixture(scope="module")
def browser():
    with start_browser() as started:
        yield started


@pytest.fixture
def open_page(browser, tmp_path):
    def open_document(document):
        path = tmp_path / "report.html"
        path.write_text(make_page(document))
        opened = OpenPage(browser, path)
        assert opened.troubles == []
        return opened

    return open_document


@pytest.mark.parametrize(("seconds", "text"), [
    (9.94, "9.9 s"), (119.6, "2 min 0 s"), (179.6, "3 min 0 s"), (7199.7, "2 h 0 min"), (10_790.0, "3 h 0 min"),
])  # fmt: skip
def test_times_are_rounded_before_they_are_divided(open_page, trained, seconds, text):
    document = describe_training(trained, describe_here("Irises")) | {"seconds": seconds}
    assert f" · {text} · " in open_page(document).text(".kicker")


def test_the_axis_of_a_metric_has_both_of_its_ends(open_page, swept):
    document = describe_sweep(swept, describe_here("Sweep"))
    points = sum(document["trials"]["epochs"])
    metric = {"name": "error", "score": False, "loss": False, "values": pack(np.linspace(100.0, 200.0, points))}
    document["curves"]["quantities"] = [metric]
    document["metrics"] = [{"name": "error", "values": [150.0] * 18}]
    opened = open_page(document | {"thorough": False})
    assert "python -m jaxnn.report" not in opened.text()  # of what has no directory
    assert {"120", "180"} <= opened.drawn
    assert "the outermost of a metric" in opened.text()


def test_a_training_without_a_finite_value_has_a_scale_without_numbers(open_page, trained):
    lost = {name: np.full(40, np.nan) for name in ("losses", "validation_losses", "scores")}
    opened = open_page(describe_training(trained._replace(**lost), describe_here("Lost")))
    assert "loss: no finite value" in opened.drawn
    assert {"0", "0.2", "0.4", "0.6", "0.8"} & opened.drawn == set()


def test_a_single_value_of_a_training_is_a_dot(open_page, trained):
    once = np.full(40, np.nan)
    once[20] = 0.5
    document = describe_training(trained._replace(validation_losses=once), describe_here("Once"))
    assert "dot" in open_page(document).drawn
