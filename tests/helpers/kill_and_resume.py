"""Kills trainings and sweeps at random moments, resumes them and compares the bits.

The command is `python -m tests.helpers.kill_and_resume --kills 100`.

Each kill is a SIGKILL to a real process. Files are written slowly, so that some kills come while a checkpoint is being
written. The result of each finished run must have the digest of a run without kills.
"""

import hashlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

import jax
import numpy as np
import optax

import jaxnn as nn
from jaxnn.io import files

Kind = Literal["train", "stream", "sweep", "journal", "sqlite", "blocks"]

# Seconds between two checkpoints.
_SAVE_EVERY = 0.15
# Seconds between the pieces of a file, which is written in about ten.
_PIECE_DELAY = 0.004
# The line that a process prints when it begins a checkpoint, and before its digest.
_READY = "ready"


class Report(NamedTuple):
    """The counts of one session, and what its runs ended with.

    Attributes:
        kills: processes that were killed.
        while_writing: those of them that were writing a checkpoint.
        finished: runs that finished.
        digest: of the result of every run.
    """

    kills: int
    while_writing: int
    finished: int
    digest: str


def run_to_end(kind: str, directory: str | None) -> str:
    """Runs a training, from arrays or a stream, or a sweep; returns the digest of its result, without the times.

    A sweep of the kind "journal" or "sqlite" has a study of Optuna in such a storage beside its directory; one of the
    kind "blocks" runs in blocks, with a study in a journal.
    """
    # As large as the digits data set, which takes scikit-learn a third of a process's short life to load.
    x = np.random.default_rng(0).random((1797, 64), np.float32)
    part, validation = nn.train_test_split(jax.random.key(1), (x, x[:, :10].argmax(axis=1)), test=0.2)
    common: dict[str, Any] = {"validation": validation, "score": nn.accuracy, "directory": directory, "progress": False}
    if kind in ("train", "stream"):
        recipe = nn.Recipe(nn.mlp([64, 32, 10], dropout=0.2), nn.cross_entropy, optax.adam(1e-3), batch_size=32)
        data, epochs = (part, 150) if kind == "train" else (nn.shuffled_batches(jax.random.key(2), part, 32), 60)
        training = nn.train(recipe, data, key=jax.random.key(0), epochs=epochs, save_every=_SAVE_EVERY, **common)
        return digest(training._replace(state=training.state._replace(key=jax.random.key_data(training.state.key))))

    def make_recipe(hypers: dict[str, Any]) -> nn.Recipe:
        optimizer = optax.adam(hypers["learning_rate"])
        return nn.Recipe(nn.mlp([64, hypers["width"], 10]), nn.cross_entropy, optimizer, batch_size=64)

    space = {"learning_rate": nn.log_uniform(1e-4, 1e-1), "width": nn.choice(8, 16)}
    study, sampler = None, "random"
    if kind != "sweep":
        from tests.helpers import optuna_storages

        study = optuna_storages.open_study("journal" if kind == "blocks" else kind, directory)
        sampler = nn.integrations.optuna(study, sampler=optuna_storages.tpe, ask_limit=16)
    result = nn.sweep(
        make_recipe, space, part, key=jax.random.key(0), trials=72, epochs=27, scheduler=nn.asha(grace_period=1),
        lanes=16, keep=3, save_every=_SAVE_EVERY, sampler=sampler,
        block=8 if kind == "blocks" else None, **common,
    )  # fmt: skip
    table = [
        {name: value for name, value in row.items() if name not in ("seconds", "worker")} for row in result.table()
    ]
    stored = "" if study is None else optuna_storages.describe_trials(study)
    return digest((repr(table), stored, [trial.curves for trial in result.trials], result.kept))


def digest(tree: Any) -> str:
    """Returns the SHA-256 digest of the bytes of all leaves."""
    total = hashlib.sha256()
    for leaf in jax.tree.leaves(tree):
        total.update(leaf.encode() if isinstance(leaf, str) else np.asarray(leaf).tobytes())
    return total.hexdigest()


def write_slowly() -> None:
    """Makes `jaxnn.io.files.write` slow: in pieces, and with a line of output when a checkpoint begins."""

    class SlowFile:
        def __init__(self, file: Any) -> None:
            self.file = file

        def __enter__(self) -> "SlowFile":
            return self

        def __exit__(self, *_: object) -> None:
            self.file.close()

        def __getattr__(self, name: str) -> Any:
            return getattr(self.file, name)

        def write(self, content: bytes) -> None:
            for start in range(0, len(content), len(content) // 10 + 1):
                self.file.write(content[start : start + len(content) // 10 + 1])
                self.file.flush()
                time.sleep(_PIECE_DELAY)

    def slow_open(path: Path, mode: str) -> Any:
        if "checkpoint" in str(path) or "block-" in str(path):
            print(_READY, flush=True)
        return SlowFile(open(path, mode)) if mode == "wb" else open(path, mode)

    files.open = slow_open  # type: ignore[attr-defined]


def start(kind: Kind, directory: Path | None) -> subprocess.Popen:
    """Starts a process that runs to the end and prints the digest of the result."""
    # Compiled once for all processes; otherwise they would spend most of their time compiling.
    cache = Path(tempfile.gettempdir()) / f"jaxnn-faults-{os.getuid()}"
    environment = os.environ | {
        "JAX_COMPILATION_CACHE_DIR": str(cache),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_NUM_CPU_DEVICES": "2",
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }
    command = [sys.executable, __file__, kind, str(directory) if directory else ""]
    # Unbuffered: `communicate` would miss what `readline` has read ahead.
    return subprocess.Popen(command, bufsize=0, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)


def wait_for_digest(process: subprocess.Popen) -> str:
    """Waits until a process ends, and returns the digest that it printed."""
    output, errors = process.communicate(timeout=300)
    if process.returncode:
        raise AssertionError(f"a run failed with {process.returncode}:\n{errors.decode()}")
    return output.split()[-1].decode()


def kill_repeatedly(kind: Kind, kills: int, seed: int = 0, show_progress: Any = lambda _: None) -> Report:
    """Kills and resumes runs until `kills` processes were killed, and checks the result of each run that finishes.

    Raises:
        AssertionError: a result that differs from that of a run without kills, or a run that could not be resumed.
    """
    expected = wait_for_digest(start(kind, None))
    generator, done, writing, finished, started = random.Random(seed), 0, 0, 0, time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder) / "run-0"
        while True:
            process = start(kind, directory)
            if done < kills and _kill(process, generator):
                done += 1
                writing += any(directory.glob(".checkpoint*.new")) or any(directory.glob(".block-*.new"))
                seconds = time.monotonic() - started
                show_progress(f"{kind}: {done} kills, {finished} finished, {seconds:.0f} s")
                continue
            actual = wait_for_digest(process)
            if actual != expected:
                raise AssertionError(f"{kind}: after {done} kills {directory} ends with {actual}, not {expected}")
            finished += 1
            directory = Path(folder) / f"run-{finished}"
            if done >= kills:
                return Report(done, writing, finished, expected)


def _kill(process: subprocess.Popen, generator: random.Random) -> bool:
    """Kills a process at a random moment; returns False if it has ended by then."""
    assert process.stdout is not None
    if generator.random() < 0.8:
        process.stdout.readline()  # returns at its first checkpoint, or its end
        delay = generator.expovariate(1 / 0.3)
    else:
        delay = generator.uniform(0, 4)
    try:
        process.wait(delay)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.communicate()
        return True
    return False


def main(kills: int = 100, kinds: tuple[Kind, ...] = get_args(Kind), seed: int = 0) -> None:
    """Kills and resumes trainings, trainings on streams, then sweeps, without and with a study of Optuna.

    Args:
        kills: how many processes of each kind to kill.
        kinds: the kinds of runs.
        seed: of the random moments.
    """
    for kind in kinds:
        print(kind, kill_repeatedly(kind, kills, seed, lambda line: print(f"\r{line}", end="", flush=True)))


if __name__ == "__main__":
    if sys.argv[1:2] and sys.argv[1] in get_args(Kind):
        write_slowly()
        final = run_to_end(sys.argv[1], sys.argv[2] or None)
        print(_READY, final, sep="\n")
    else:
        import tyro

        tyro.cli(main)
