"""Kills workers and drivers of sweeps in blocks at random moments, and compares the bits.

The command is `python -m tests.helpers.kill_workers --kills 20`.

Each kill is a SIGKILL to a real process. A sweep whose worker was killed goes on by itself. A sweep whose driver was
killed leaves no worker behind, and the same call goes on. Each result must have the digest of one process.
"""

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

Kind = Literal["iris", "cnn"]
Victim = Literal["worker", "driver"]
# Seconds in which a worker notices that its driver has died, on a busy machine.
_PATIENCE = 30


class Report(NamedTuple):
    """The kills of a session, and the sweeps that finished with the right bits."""

    kills: int
    finished: int


def run_to_end(kind: str, directory: str | None, executor: Any, trials: int) -> str:
    """Runs a sweep in blocks; returns the digest of its result, without times and workers."""
    from tests.helpers.kill_and_resume import digest

    x = np.random.default_rng(0).random((300, 64), np.float32)
    split = nn.train_test_split(jax.random.key(1), (x, x[:, :10].argmax(axis=1)), test=0.2)
    make = make_iris if kind == "iris" else make_cnn
    result = nn.sweep(
        make, {"learning_rate": nn.log_uniform(1e-4, 1e-1)}, split.train, key=jax.random.key(0), trials=trials,
        epochs=27, validation=split.test, score=nn.accuracy, scheduler=nn.asha(), block=8, keep=3, lanes=8,
        directory=directory, executor=executor, progress=False,
    )  # fmt: skip
    hidden = ("seconds", "worker")
    table = [{name: value for name, value in row.items() if name not in hidden} for row in result.table()]
    return digest((repr(table), [trial.curves for trial in result.trials], result.kept))


def make_iris(hypers: dict[str, Any]) -> nn.Recipe:
    """Returns the recipe of a small network."""
    return nn.Recipe(nn.mlp([64, 8, 10]), nn.cross_entropy, optax.adam(hypers["learning_rate"]), batch_size=30)


def make_cnn(hypers: dict[str, Any]) -> nn.Recipe:
    """Returns the recipe of a small CNN."""
    cnn = nn.cnn((8, 8, 1), (4, 8), 10)
    model = nn.Model(cnn.init, lambda params, x, **options: cnn.apply(params, x.reshape(-1, 8, 8, 1), **options))
    return nn.Recipe(model, nn.cross_entropy, optax.adam(hypers["learning_rate"]), batch_size=30)


def start(kind: str, directory: Path | None, *, workers: bool = True, trials: int = 240) -> subprocess.Popen:
    """Starts a process that runs a sweep and prints the digest of the result."""
    root = str(Path(__file__).parents[2])
    environment = os.environ | {
        "JAX_COMPILATION_CACHE_DIR": str(Path(tempfile.gettempdir()) / f"jaxnn-faults-{os.getuid()}"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_NUM_CPU_DEVICES": "2",
        "PYTHONPATH": root,
    }
    command = [sys.executable, __file__, kind, str(directory or ""), "workers" if workers else "", str(trials)]
    return subprocess.Popen(
        command, bufsize=0, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, cwd=root
    )


def wait_for_digest(process: subprocess.Popen) -> str:
    """Waits until a process ends, and returns the digest that it printed."""
    output, errors = process.communicate(timeout=300)
    if process.returncode:
        raise AssertionError(f"a sweep failed with {process.returncode}:\n{errors.decode()}")
    return output.split()[-1].decode()


def find_workers(driver: int) -> list[int]:
    """Returns the processes that a driver has started to run spans."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((path / "stat").read_text().rsplit(")", 1)[1].split()[1])
            if parent == driver and b"spawn_main" in (path / "cmdline").read_bytes():
                found.append(int(path.name))
        except (OSError, IndexError):
            continue  # it has ended
    return found


def wait_for_end(processes: list[int]) -> None:
    """Waits until orphans have ended.

    Raises:
        AssertionError: some live on.
    """
    deadline = time.monotonic() + _PATIENCE
    while any(_is_alive(process) for process in processes):
        if time.monotonic() > deadline:
            raise AssertionError(f"workers {processes} outlive their driver")
        time.sleep(0.05)


def _is_alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def kill_repeatedly(
    kind: Kind, victim: Victim, kills: int, *, seed: int = 1, trials: int = 240, show: Any = lambda _: None
) -> Report:
    """Kills until there were `kills`, and checks the result of each sweep that finishes.

    Raises:
        AssertionError: other bits than those of one process, a sweep that could not go on, or a worker that lives on.
    """
    expected = wait_for_digest(start(kind, None, workers=False, trials=trials))
    generator, done, finished = random.Random(seed), 0, 0
    with tempfile.TemporaryDirectory() as folder:
        while True:
            directory = Path(folder) / f"run-{finished}"
            process = start(kind, directory, trials=trials)
            while done < kills and _wait(process, directory, generator):
                done += _kill(process, victim, generator)
                if victim == "driver":
                    break
            show(f"{kind}: {done} kills of a {victim}, {finished} finished")
            if process.poll() == -signal.SIGKILL:
                process.communicate()
                continue
            actual = wait_for_digest(process)
            if actual != expected:
                raise AssertionError(f"{kind}: after {done} kills {directory} ends with {actual}, not {expected}")
            finished += 1
            if done >= kills:
                return Report(done, finished)


def _wait(process: subprocess.Popen, directory: Path, generator: random.Random) -> bool:
    """Waits for a random moment, one after another block once there are some; returns False if the process has ended.

    A block that is killed again and again before any other ends would rightly be given up.
    """
    count = len(list(directory.glob("block-*")))
    if count or generator.random() < 0.8:
        while process.poll() is None and len(list(directory.glob("block-*"))) <= count:
            time.sleep(0.01)
        delay = generator.uniform(0, 1)
    else:
        delay = generator.uniform(0, 6)
    try:
        process.wait(delay)
    except subprocess.TimeoutExpired:
        return True
    return False


def _kill(process: subprocess.Popen, victim: Victim, generator: random.Random) -> int:
    """Kills the driver or one of its workers; returns the number of kills."""
    workers = find_workers(process.pid)
    if victim == "driver":
        process.send_signal(signal.SIGKILL)
        process.wait()
        wait_for_end(workers)
        return 1
    if not workers:
        return 0
    try:
        os.kill(generator.choice(workers), signal.SIGKILL)
    except ProcessLookupError:
        return 0
    return 1


def main(
    kills: int = 20,
    kinds: tuple[Kind, ...] = ("iris", "cnn"),
    victims: tuple[Victim, ...] = ("worker", "driver"),
    seed: int = 0,
) -> None:
    """Kills workers, then drivers.

    Args:
        kills: of each victim, in sweeps of each kind.
        kinds: the networks.
        victims: which process is killed.
        seed: of the random moments.
    """
    for kind in kinds:
        for victim in victims:
            started = time.monotonic()
            report = kill_repeatedly(
                kind, victim, kills, seed=seed, show=lambda line: print(f"\r{line}", end="", flush=True)
            )
            print(f"\n{kind}, {victim}: {report}, {time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    if sys.argv[1:2] in (["iris"], ["cnn"]):
        made = nn.executors.processes(2) if sys.argv[3] else None
        print(run_to_end(sys.argv[1], sys.argv[2] or None, made, int(sys.argv[4])))
    else:
        import tyro

        tyro.cli(main)
