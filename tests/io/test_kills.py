"""Processes that are killed or interrupted, and resume; `python -m tests.helpers.kill_and_resume` does more kills."""

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from helpers import kill_and_resume

KILLS = {"train": 1, "stream": 1, "sweep": 2}
STATUS = {signal.SIGINT: 130, signal.SIGTERM: 143}


def test_killed_runs_give_the_same_bits_as_undisturbed_ones_in_other_processes():
    with ThreadPoolExecutor() as threads:
        reports = {kind: threads.submit(kill_and_resume.kill_repeatedly, kind, n, 3) for kind, n in KILLS.items()}
    assert {kind: report.result().kills for kind, report in reports.items()} == KILLS
    assert all(report.result().finished >= 1 for report in reports.values())


def test_an_interrupted_experiment_exits_with_the_status_of_its_signal(tmp_path, default_signals):
    processes = {number: start_experiment(tmp_path, number.name) for number in STATUS}
    for number, process in processes.items():
        journal = tmp_path / number.name / "journal.jsonl"
        while not (journal.exists() and journal.stat().st_size):
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.05)
        process.send_signal(number)
    for number, process in processes.items():
        _, errors = process.communicate()
        assert process.returncode == STATUS[number]
        assert f"make the same call again, with directory={str(tmp_path / number.name)!r}" in errors
        assert "Traceback" not in errors


def start_experiment(folder: Path, name: str) -> subprocess.Popen:
    """Starts an experiment that would take hours, with a run directory of this name."""
    command = [sys.executable, "-m", "experiments.digits", "--epochs", "9000", "--channels", "4", "--no-progress"]
    command += ["--run-directory", str(folder / name)]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    return subprocess.Popen(
        [*command, "--run-directory", str(folder / name)],
        cwd=folder,
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    )
