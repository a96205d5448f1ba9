"""What a run shows: lines in a log, a table in a notebook, a bar in a terminal, and what a sweep waits for."""

import os
import re
import struct
import sys
from types import SimpleNamespace

import jax
import numpy as np
import optax
import pytest

import jaxnn as nn
from helpers.resumable_runs import InjectedError, sweep
from jaxnn.progress import Display, lines, notebook, open_progress, terminal

XOR = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32), np.array([0, 1, 1, 0])
TRIALS = {"wanted": True, "name": "sweep", "unit": "trial", "total": 40}


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still; advance it by adding to `now`."""
    clock = SimpleNamespace(now=100.0)
    monkeypatch.setattr("time.monotonic", lambda: clock.now)
    return clock


def test_a_log_file_gets_a_line_a_minute_and_one_at_the_end(clock, capsys) -> None:
    shown = lines.Lines("sweep", "trial", 1200)
    shown._open()
    for second in range(150):
        clock.now = 100.0 + second
        shown.update(4.0 * second, {"running": "12", "best": "-0.0312"})
    shown.wait_for("compiling program 2 of 5")
    clock.now += 3
    shown._close()
    written = capsys.readouterr().err.splitlines()
    assert written == [
        "sweep: 240 of 1,200 trials, running 12, best -0.0312, 4.0 trials/s, 1:00 so far, 4:00 left",
        "sweep: 480 of 1,200 trials, running 12, best -0.0312, 4.0 trials/s, 2:00 so far, 3:00 left",
        "sweep: 596 of 1,200 trials, running 12, best -0.0312, 3.9 trials/s, 2:32 so far, 2:34 left, "
        "compiling program 2 of 5, 3 s",
    ]


def test_units_of_an_earlier_run_do_not_count_for_the_speed(clock) -> None:
    shown = Display("train", "epoch", 100)
    assert shown.speed == (0.0, None)
    shown.start_at(60)
    clock.now += 5
    shown.update(70, {})
    assert shown.speed == (2.0, 15.0)


def test_a_wait_shows_from_its_first_second_up_to_the_next_update(clock) -> None:
    shown = Display("sweep", "trial", 10)
    shown.wait_for("compiling program 1 of 2")
    assert shown.waiting == ""
    clock.now += 2
    shown.wait_for("compiling program 1 of 2")
    assert shown.waiting == "compiling program 1 of 2, 2 s"
    shown.update(1, {})
    assert shown.waiting == ""


def test_a_notebook_gets_a_table_with_its_text_escaped(clock) -> None:
    shown = Display("sweep", "trial", 1000)
    shown.start_at(0)
    clock.now += 10
    shown.update(250.5, {"best": "<b>0.9"})
    page = notebook.render(shown)
    assert "<th>trials</th><th>best</th><th>speed</th><th>time</th><th>left</th>" in page
    cells = "<td>250 of 1,000</td><td>&lt;b&gt;0.9</td><td>25.1 trials/s</td><td>10 s</td><td>30 s</td>"
    assert cells in page
    assert 'value="250.500" max="1000"' in page


def test_the_display_suits_the_output(monkeypatch) -> None:
    assert type(open_progress(**TRIALS | {"wanted": False})) is Display
    assert isinstance(open_progress(**TRIALS), lines.Lines)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    assert isinstance(open_progress(**TRIALS), terminal.Bar)
    kernel = SimpleNamespace(get_ipython=lambda: SimpleNamespace(kernel=object()))
    monkeypatch.setitem(sys.modules, "IPython", kernel)
    assert isinstance(open_progress(**TRIALS), notebook.Table)


def test_a_terminal_shows_what_the_run_waits_for(monkeypatch) -> None:
    fcntl, termios = (pytest.importorskip(name, reason="Windows opens no terminals") for name in ("fcntl", "termios"))
    ours, theirs = os.openpty()
    with os.fdopen(theirs, "w") as stream, monkeypatch.context() as patch:
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 150, 0, 0))
        patch.setattr(sys, "stderr", stream)
        with terminal.Bar("sweep", "trial", 40) as shown:
            shown.start_at(8)
            shown.wait_for("compiling program 2 of 5")
            shown._waits_since -= 3
            shown._show()
            shown.update(10, {"best": "-0.0312"})
            assert shown._bar.format_dict["initial"] == 8  # tqdm does not count them for the speed
        stream.flush()
        written = os.read(ours, 2**16).decode()
    os.close(ours)
    assert "compiling program 2 of 5, 3 s:  20%" in written
    assert re.search(r"25%.*10/40 .*best=-0.0312\]\s*$", written)


def test_a_sweep_says_which_program_it_waits_for(monkeypatch, capsys) -> None:
    waits = []
    monkeypatch.setattr(Display, "wait_for", lambda _, what: waits.append(what))

    def make_recipe(hypers):
        return nn.Recipe(nn.mlp([2, hypers["width"], 2]), nn.cross_entropy, optax.sgd(0.1))

    space = {"width": nn.choice(2, 3)}
    nn.sweep(make_recipe, space, XOR, key=jax.random.key(0), trials=2, epochs=1, validation=XOR, sampler="grid")
    assert waits == ["compiling program 1 of 2"] * 2 + ["", "compiling program 2 of 2", ""]
    assert re.fullmatch(r"sweep: 2 of 2 trials, running 0, best -\d\.\d{4}, .* so far\n", capsys.readouterr().err)


def test_a_sweep_that_resumes_waits_for_its_program_before_the_next_chunk(monkeypatch, tmp_path) -> None:
    """The seconds of the chunk would otherwise be those of the compiler."""
    with pytest.raises(InjectedError):
        sweep(tmp_path / "night", end_at=3)
    waits = []
    monkeypatch.setattr(Display, "wait_for", lambda _, what: waits.append(what))
    sweep(tmp_path / "night")
    assert waits[-2:] == ["compiling a program", ""]
