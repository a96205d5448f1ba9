"""Compiled programs on disk: found by the next process, private, and bounded."""

import os
import subprocess
import sys
from pathlib import Path

import jax
import pytest

import jaxnn as nn

SCRIPT = """
import sys, jax, numpy as np, optax, jaxnn as nn
events = []
jax.monitoring.register_event_listener(lambda event, **_: events.append(event))
assert jax.config.jax_compilation_cache_dir is None, "importing jaxnn sets nothing"
print(nn.use_compilation_cache(sys.argv[1]))
x = np.linspace(0, 1, 8, dtype=np.float32)[:, None]
sweep = nn.sweep(
    lambda hypers: nn.Recipe(nn.mlp([1, 1]), nn.squared_error, optax.sgd(hypers["rate"])),
    {"rate": nn.log_uniform(1e-3, 0.1)}, (x, x), key=jax.random.key(0), trials=2, epochs=2, validation=(x, x),
    progress=False, lanes=2 * jax.device_count(),
)
print(sum("cache_hits" in event for event in events), sum("cache_misses" in event for event in events))
print(repr(sweep.curves("losses").tolist()))
"""


@pytest.fixture
def unchanged_options():
    names = ("compilation_cache_dir", "persistent_cache_min_compile_time_secs", "persistent_cache_min_entry_size_bytes")
    before = {f"jax_{name}": getattr(jax.config, f"jax_{name}") for name in names}
    yield
    for name, value in before.items():
        jax.config.update(name, value)


def run(directory: Path) -> list[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("JAX_")}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SCRIPT, directory],
        capture_output=True, text=True, check=False, env=environment,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_the_second_process_compiles_nothing_and_computes_the_same_bits(tmp_path) -> None:
    first, second = (run(tmp_path / "programs") for _ in range(2))
    (_, misses), (hits, none) = (map(int, lines[1].split()) for lines in (first, second))
    assert misses > 2
    assert (hits, none) == (misses + int(first[1].split()[0]), 0)
    assert first[0] == second[0]
    assert first[2] == second[2]
    assert Path(first[0]).parent == tmp_path / "programs"
    assert {Path(path).stat().st_mode & 0o777 for path in (tmp_path / "programs", first[0])} == {0o700}


def test_a_directory_that_others_can_write_to_is_refused(tmp_path, unchanged_options) -> None:
    for mode in (0o770, 0o707, 0o777):
        tmp_path.chmod(mode)
        with pytest.raises(PermissionError, match=rf"others can write to .* \(mode {mode:o}\)"):
            nn.use_compilation_cache(tmp_path)
    tmp_path.chmod(0o755)
    assert nn.use_compilation_cache(tmp_path).parent == tmp_path


def test_the_default_is_in_the_users_cache(tmp_path, monkeypatch, unchanged_options) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert nn.use_compilation_cache().parent == tmp_path / "jaxnn"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert nn.use_compilation_cache().parent == tmp_path / "home" / ".cache" / "jaxnn"


def test_programs_that_were_used_longest_ago_are_deleted(tmp_path, unchanged_options) -> None:
    programs = nn.use_compilation_cache(tmp_path)
    for age, name in enumerate(["newest", "middle", "oldest"]):
        (programs / name).write_bytes(bytes(100))
        os.utime(programs / name, (1e9 - age, 1e9 - age))
    other = tmp_path / "notes.txt"
    other.write_bytes(bytes(1000))
    nn.use_compilation_cache(tmp_path, max_bytes=250)
    assert sorted(path.name for path in programs.iterdir()) == ["middle", "newest"]
    nn.use_compilation_cache(tmp_path, max_bytes=0)
    assert list(programs.iterdir()) == []
    assert other.exists(), "only programs are deleted"
    with pytest.raises(ValueError, match="max_bytes"):
        nn.use_compilation_cache(tmp_path, max_bytes=-1)
