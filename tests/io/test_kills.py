"""Processes that are killed or interrupted, and resume; `python -m tests.helpers.kill_and_resume` does more kills."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from helpers import kill_and_resume


@pytest.mark.parametrize("kind", ["train", "sweep"])
def test_a_run_killed_six_times_gives_the_same_bits(kind):
    report = kill_and_resume.kill_repeatedly(kind, kills=6, seed=3)
    assert report.kills == 6
    assert report.finished >= 1


def test_two_processes_give_the_same_bytes():
    processes = [kill_and_resume.start("train", None) for _ in range(2)]
    first, second = map(kill_and_resume.wait_for_digest, processes)
    assert first == second


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_experiment_exits_with_the_status_of_its_signal(tmp_path, number, status, default_signals):
    directory = tmp_path / "run"
    command = ["experiments.digits", "--epochs", "9000", "--channels", "4", "--no-progress"]
    command += ["--run-directory", str(directory)]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen(
        [sys.executable, "-m", *command], cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True
    ) as process:
        journal = directory / "journal.jsonl"
        while not (journal.exists() and journal.stat().st_size):
            assert process.poll() is None, process.stderr.read()
        process.send_signal(number)
        errors = process.stderr.read()
    assert process.returncode == status
    assert f"make the same call again, with directory={str(directory)!r}" in errors
    assert "Traceback" not in errors
