"""use_all_cores makes every core a device, and raises an error when it is called too late."""

import os
import subprocess
import sys

PROGRAM = """
import os, warnings
os.sched_getaffinity = lambda _: range(3)  # three cores, independent of this machine
import jax, numpy as np, optax
import jaxnn as nn

if {early}:
    assert nn.use_all_cores() == 3
assert len(jax.devices()) == (3 if {early} else 1)
if {early}:
    assert nn.use_all_cores() == 3  # a second call changes nothing
else:
    try:
        nn.use_all_cores()
    except RuntimeError as error:
        assert "already started with 1 of 3 cores" in str(error), error
    else:
        raise AssertionError("no error, although JAX has started")

def make_recipe(hypers):
    return nn.Recipe(nn.mlp([1, 1]), nn.squared_error, optax.sgd(hypers["rate"]))

line = np.linspace(0, 1, 8, dtype=np.float32)[:, None], np.ones((8, 1), np.float32)
with warnings.catch_warnings(record=True) as warned:
    warnings.simplefilter("always")
    for _ in range(2):
        nn.sweep(
            make_recipe, {{"rate": nn.uniform(0, 1)}}, line, key=jax.random.key(0), trials=4, epochs=2,
            validation=line, progress=False,
        )
print(*[str(warning.message) for warning in warned], sep="\\n")
"""


def run(*, early: bool) -> str:
    environment = {name: value for name, value in os.environ.items() if name != "XLA_FLAGS"}
    program = [sys.executable, "-c", PROGRAM.format(early=early)]
    done = subprocess.run(program, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_before_jax_starts_every_core_becomes_a_device_and_a_sweep_does_not_warn():
    assert run(early=True) == ""


def test_after_jax_has_started_it_is_an_error_and_a_sweep_warns_once_of_idle_cores():
    assert run(early=False).splitlines() == [
        "sweep: 1 of 3 cores are at work, the others are idle; call nn.use_all_cores() before JAX starts"
    ]
