"""Directories in which a run is impossible, and interruptions: other processes, full disks, signals."""

import json
import os
import resource
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import jax
import pytest

import jaxnn as nn
from helpers.errors import error_message
from helpers.resumable_runs import RECIPE, TRAIN, VALIDATION, InjectedError, assert_same_bits, sweep, train
from jaxnn.io.runs import open_run


def test_unusable_directories_are_refused_before_compilation(tmp_path, compilations):
    file = tmp_path / "file"
    file.touch()
    with compilations() as programs:
        words = error_message(NotADirectoryError, lambda: train(file))
        assert words == f"train: directory={str(file)!r} is a file"
        words = error_message(FileNotFoundError, lambda: sweep(tmp_path / "missing" / "run"))
        assert words.startswith("sweep: directory=")
        assert words.endswith("/missing/run' needs its parent, which does not exist")
        with pytest.raises(ValueError, match=r"save_every must be a positive number of seconds, not 0\.0"):
            train(tmp_path, save_every=0.0)
        for path in (read_only(tmp_path), Path("/proc/self")):
            assert "cannot be" in error_message(type(denied(path)), lambda path=path: train(path))
    assert not any("advance" in program for program in programs)


def read_only(tmp_path):
    """Returns a directory that is not writable; the superuser can write everywhere except in /proc."""
    path = tmp_path / "read-only"
    path.mkdir()
    path.chmod(stat.S_IRUSR | stat.S_IXUSR)
    return path if os.getuid() else Path("/proc/self")


def denied(path):
    with pytest.raises(OSError, match="lock") as error:
        (path / "lock").touch()
    return error.value


def test_a_directory_in_use_is_refused(tmp_path):
    with open_run("train", tmp_path, lambda: {"kind": "train"}, every=60.0):
        message = error_message(BlockingIOError, lambda: train(tmp_path))
    assert message == f"train: directory={str(tmp_path)!r} is in use by process {os.getpid()}"
    holder = (
        "import fcntl, os, sys; file = os.open(sys.argv[1], os.O_RDONLY); fcntl.flock(file, fcntl.LOCK_EX); "
        "print(1, flush=True); input()"
    )
    (tmp_path / "lock").unlink()  # it only names the process; the lock is on the directory
    command = [sys.executable, "-c", holder, tmp_path]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        error_message(BlockingIOError, lambda: train(tmp_path))
        process.kill()
        process.wait()
        assert train(tmp_path).epochs == 40


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Limits the size of files in bytes: as on a full disk, a write fails half way."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize(("room", "full"), [(3_000, "checkpoint-000003.npz"), (20_000, "journal.jsonl")])
def test_a_full_disk_loses_nothing_that_was_saved(tmp_path, room, full):
    with pytest.raises(InjectedError):
        train(tmp_path, end_at=5, epochs=400)
    with largest_file(room):
        message = error_message(OSError, lambda: train(tmp_path, epochs=400))
    assert f"train: {tmp_path / full} could not be written: File too large" in message
    assert not list(tmp_path.glob(".*"))
    assert_same_bits(train(tmp_path, epochs=400), train(epochs=400))


def test_files_of_others_are_kept(tmp_path):
    with pytest.raises(TypeError, match="directory must be a path or None, not ''"):
        train("")
    (tmp_path / "curves.csv").write_text("mine")
    message = error_message(ValueError, lambda: train(tmp_path))
    assert message == f"train: directory={str(tmp_path)!r} holds no run, but a curves.csv: give another directory"
    assert (tmp_path / "curves.csv").read_text() == "mine"
    run = tmp_path / "run"
    train(run)
    (run / "checkpoint-best.npz").write_text("mine")
    (run / ".notes.new").write_text("mine")
    train(run)
    assert (run / "checkpoint-best.npz").read_text() == (run / ".notes.new").read_text() == "mine"


SIGNALLED = """
import os, signal, sys
sys.path.insert(0, sys.argv[1])
import jax, optax, jaxnn as nn
if sys.argv[3] == "ignored": signal.signal(signal.SIGTERM, signal.SIG_IGN)
if sys.argv[3] == "closed": os.close(2)
flowers = nn.datasets.iris()
recipe = nn.Recipe(nn.mlp([4, 5, 3]), nn.cross_entropy, optax.adam(0.01), batch_size=50)
log = lambda epoch, _: os.kill(os.getpid(), signal.SIGTERM) if epoch == 20 else None
try:
    training = nn.train(recipe, flowers.data, key=jax.random.key(0), epochs=400, directory=sys.argv[2], log=log,
                        progress=False)
except KeyboardInterrupt:
    print("saved")
else:
    print("finished")
"""


@pytest.mark.parametrize(("how", "outcome"), [("ignored", "finished"), ("closed", "saved")])
def test_a_signal_without_a_terminal(tmp_path, how, outcome, default_signals):
    """Signals that `nohup` ignores stay ignored, and a closed stderr does not prevent saving."""
    root = str(Path(__file__).parents[2])
    command = [sys.executable, "-c", SIGNALLED, root, str(tmp_path / "run"), how]
    process = subprocess.run(command, capture_output=True, text=True, check=False)
    assert process.stdout.strip() == outcome, process.stderr
    assert len(list((tmp_path / "run").glob("checkpoint-*.npz"))) == 1


def test_an_ignored_ctrl_c_stays_ignored_after_another_signal(tmp_path, default_signals):
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with pytest.raises(KeyboardInterrupt):
        nn.train(
            RECIPE, TRAIN, key=jax.random.key(0), epochs=400, directory=tmp_path, progress=False,
            log=lambda epoch, _: os.kill(os.getpid(), signal.SIGTERM) if epoch == 20 else None,
        )  # fmt: skip
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_saves_and_the_message_names_the_directory(tmp_path, number, capfd, default_signals):
    handlers = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)]

    def log(epoch, _values):
        if epoch == 20:
            os.kill(os.getpid(), number)

    with pytest.raises(KeyboardInterrupt) as interrupt:
        nn.train(
            RECIPE, TRAIN, key=jax.random.key(0), epochs=400, validation=VALIDATION, directory=tmp_path, log=log,
            progress=False,
        )  # fmt: skip
    assert interrupt.value.signal == number
    assert str(interrupt.value) == (
        f"train: the run is saved and can be resumed; make the same call again, with directory={str(tmp_path)!r}"
    )
    assert "train: saving after the current chunk; Ctrl-C ends at once" in capfd.readouterr().err
    assert [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)] == handlers
    checkpoint = json.loads((tmp_path / "journal.jsonl").read_text().splitlines()[-1])
    assert 20 <= checkpoint["epoch"] < 400
    assert len((tmp_path / "curves.csv").read_text().splitlines()) == checkpoint["epoch"] + 1
    assert_same_bits(train(tmp_path, epochs=400), train(epochs=400))


def test_in_another_thread_signal_handlers_are_unchanged(tmp_path, trained):
    done = []
    before = signal.getsignal(signal.SIGINT)
    thread = threading.Thread(target=lambda: done.append((train(tmp_path), signal.getsignal(signal.SIGINT))))
    thread.start()
    thread.join()
    assert_same_bits(done[0][0], trained)
    assert done[0][1] is before
