"""Kills trainings and sweeps at random moments, resumes them and compares the bits.

The command is `python -m tests.helpers.kill_and_resume --kills 100`.

Each kill is a SIGKILL to a real process, some of them in the middle of a checkpoint that is being written (slowly, so
that there is a middle). When a run has come to its end, its digest must be that of a run that nobody disturbed.
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
from typing import Any, Literal, NamedTuple

import jax
import numpy as np
import optax

import jaxnn as nn
from jaxnn.io import checkpoint

Kind = Literal["train", "sweep"]

# Seconds between two checkpoints, and how long the pieces of one take to be written.
_EVERY, _PIECE = 0.15, 0.004
_READY = "ready"


class Report(NamedTuple):
    """How many processes were killed, how many of them while they wrote a checkpoint, and how many runs ended."""

    kills: int
    while_writing: int
    finished: int


def work(kind: str, directory: str | None) -> str:
    """The digest of a training's, or a sweep's, whole outcome, seconds aside."""
    # As large as the digits, which take scikit-learn a third of a short life to load.
    x = np.random.default_rng(0).random((1797, 64), np.float32)
    part, validation = nn.train_test_split(jax.random.key(1), (x, x[:, :10].argmax(axis=1)), test=0.2)
    common: dict[str, Any] = {"validation": validation, "score": nn.accuracy, "directory": directory, "progress": False}
    if kind == "train":
        recipe = nn.Recipe(nn.mlp([64, 32, 10], dropout=0.2), nn.cross_entropy, optax.adam(1e-3), batch_size=32)
        training = nn.train(recipe, part, key=jax.random.key(0), epochs=150, save_every=_EVERY, **common)
        return digest(training._replace(state=training.state._replace(key=jax.random.key_data(training.state.key))))

    def make_recipe(hypers: dict[str, Any]) -> nn.Recipe:
        optimizer = optax.adam(hypers["learning_rate"])
        return nn.Recipe(nn.mlp([64, hypers["width"], 10]), nn.cross_entropy, optimizer, batch_size=64)

    space = {"learning_rate": nn.log_uniform(1e-4, 1e-1), "width": nn.choice(8, 16)}
    found = nn.sweep(
        make_recipe, space, part, key=jax.random.key(0), trials=72, epochs=27, scheduler=nn.asha(first=1), lanes=16,
        keep=3, save_every=_EVERY, **common,
    )  # fmt: skip
    table = [{name: value for name, value in row.items() if name != "seconds"} for row in found.table()]
    return digest((repr(table), [outcome.curves for outcome in found.outcomes], found.kept))


def digest(tree: Any) -> str:
    """Of every leaf, its bytes."""
    whole = hashlib.sha256()
    for leaf in jax.tree.leaves(tree):
        whole.update(leaf.encode() if isinstance(leaf, str) else np.asarray(leaf).tobytes())
    return whole.hexdigest()


def write_slowly() -> None:
    """Files that are written whole, in pieces from now on; a checkpoint first says that work is under way."""

    class Slow:
        def __init__(self, file: Any) -> None:
            self.file = file

        def __enter__(self) -> "Slow":
            return self

        def __exit__(self, *_: object) -> None:
            self.file.close()

        def __getattr__(self, name: str) -> Any:
            return getattr(self.file, name)

        def write(self, content: bytes) -> None:
            for start in range(0, len(content), len(content) // 10 + 1):
                self.file.write(content[start : start + len(content) // 10 + 1])
                self.file.flush()
                time.sleep(_PIECE)

    def slow_open(path: Path, mode: str) -> Any:
        if "checkpoint" in str(path):
            print(_READY, flush=True)
        return Slow(open(path, mode)) if mode == "wb" else open(path, mode)

    checkpoint.open = slow_open  # type: ignore[attr-defined]


def start(kind: Kind, directory: Path | None) -> subprocess.Popen:
    """A process that does the work and prints its digest."""
    # Compiled once for all processes; otherwise they would spend most of their lives on that.
    cache = Path(tempfile.gettempdir()) / f"jaxnn-faults-{os.getuid()}"
    environment = os.environ | {
        "JAX_COMPILATION_CACHE_DIR": str(cache),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_NUM_CPU_DEVICES": "2",
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }
    command = [sys.executable, __file__, kind, str(directory) if directory else ""]
    # Without a buffer: what one line's reader took ahead would be lost to `communicate`.
    return subprocess.Popen(command, bufsize=0, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)


def outcome(process: subprocess.Popen) -> str:
    """The digest that a process ends with."""
    said, complaint = process.communicate(timeout=300)
    if process.returncode:
        raise AssertionError(f"a run failed with {process.returncode}:\n{complaint.decode()}")
    return said.split()[-1].decode()


def torment(kind: Kind, kills: int, seed: int = 0, say: Any = lambda _: None) -> Report:
    """Kill and resume until there were so many kills, then let the last run end; every end must be the undisturbed one.

    Raises:
        AssertionError: an end that is another, or a run that could not be resumed.
    """
    expected = outcome(start(kind, None))
    generator, done, writing, finished, started = random.Random(seed), 0, 0, 0, time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder) / "run-0"
        while True:
            process = start(kind, directory)
            if done < kills and _kill(process, generator):
                done += 1
                writing += any(directory.glob(".checkpoint*.new"))
                say(f"{kind}: {done} kills, {finished} ends, {time.monotonic() - started:.0f} s")
                continue
            found = outcome(process)
            if found != expected:
                raise AssertionError(f"{kind}: after {done} kills {directory} ends with {found}, not {expected}")
            finished += 1
            directory = Path(folder) / f"run-{finished}"
            if done >= kills:
                return Report(done, writing, finished)


def _kill(process: subprocess.Popen, generator: random.Random) -> bool:
    """Kill a process at some moment of its life; False if it has ended by then."""
    assert process.stdout is not None
    if generator.random() < 0.8:
        process.stdout.readline()  # its first checkpoint, or its end
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


def main(kills: int = 100, kinds: tuple[Kind, ...] = ("train", "sweep"), seed: int = 0) -> None:
    """Kill trainings, then sweeps, so many times each.

    Args:
        kills: of each kind.
        kinds: of runs.
        seed: of the moments.
    """
    for kind in kinds:
        print(kind, torment(kind, kills, seed, lambda line: print(f"\r{line}", end="", flush=True)))


if __name__ == "__main__":
    if sys.argv[1:2] in (["train"], ["sweep"]):
        write_slowly()
        found = work(sys.argv[1], sys.argv[2] or None)
        print(_READY, found, sep="\n")
    else:
        import tyro

        tyro.cli(main)
