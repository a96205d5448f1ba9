"""Drivers of sweeps in blocks that are killed or interrupted; `python -m tests.helpers.kill_workers` kills more."""

import signal

import pytest

from helpers import kill_workers


@pytest.fixture(autouse=True)
def _compile_in_half_the_time(monkeypatch):
    monkeypatch.setenv("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")


def test_a_driver_that_is_killed_leaves_no_worker_and_goes_on():
    assert kill_workers.kill_repeatedly("iris", "driver", kills=1, trials=96).kills == 1


def test_ctrl_c_ends_the_workers_and_says_how_to_go_on(tmp_path, default_signals):
    process = kill_workers.start("iris", tmp_path / "run")
    while not list((tmp_path / "run").glob("block-*")):
        assert process.poll() is None, process.stderr.read()
    workers = kill_workers.find_workers(process.pid)
    assert workers
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate()
    assert b"the blocks that are done are saved; make the same call again, with directory=" in errors
    assert b"Interrupted" in errors
    kill_workers.wait_for_end(workers)
    assert not list((tmp_path / "run").glob(".jaxnn-job-*"))
