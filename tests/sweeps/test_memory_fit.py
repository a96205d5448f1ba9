"""Programs that exceed the memory get half the lanes, which resumed sweeps and replays keep."""

import json
import pickle
from concurrent.futures import ThreadPoolExecutor

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxnn as nn
from jaxnn.sweeps.engine.device import Device
from jaxnn.sweeps.engine.lane_count import LaneCount
from jaxnn.sweeps.engine.make_plan import make_plan
from jaxnn.sweeps.engine.memory_fit import fit_memory, fit_program
from jaxnn.sweeps.engine.program import Program
from jaxnn.sweeps.space.space import Setting

MIB = 2**20
SMALL, LARGE = (Device("gpu", "described", size, 3e12) for size in (16 * MIB, 2**50))
SPACE = {"rate": nn.log_uniform(1e-3, 0.1)}
SETTING = Setting((), {"rate": 0.01})
X = np.linspace(-1, 1, 32, dtype=np.float32)[:, None]
# The plan of lanes counts what training needs. It does not count the evaluation of so many rows.
MANY = np.linspace(-1, 1, 2**16, dtype=np.float32)[:, None]


def make_recipe(hypers):
    return nn.Recipe(nn.mlp([1, 8, 1]), nn.squared_error, optax.sgd(hypers["rate"]))


def absolute_median(outputs, targets):
    return -jnp.median(jnp.abs(outputs - targets))


OPTIONS = {
    "key": jax.random.key(0), "trials": 64, "epochs": 2, "validation": (MANY, 2 * MANY), "score": absolute_median,
    "lanes": "auto", "folds": None, "stratify": "auto", "evaluate_at": "epochs", "repeats": 1,
}  # fmt: skip


@pytest.fixture(scope="module")
def executor():
    with ThreadPoolExecutor(1) as executor:
        yield executor


def make_program(executor, device, **options):
    plan = make_plan(make_recipe, SPACE, (X, 2 * X), has_scheduler=False, **{**OPTIONS, **options})
    plan = plan._replace(device=device)
    return plan, plan.make_program(SETTING, executor)


def test_lanes_are_halved_until_their_memory_fits():
    asked = []

    def memory_of_lanes(count):
        asked.append(tuple(count))
        return 10 * MIB + count.width * MIB

    assert fit_memory(LaneCount(64, 16), memory_of_lanes, 19 * MIB) == LaneCount(8, 8)
    assert asked == [(64, 16), (32, 16), (16, 16), (8, 8)]
    assert fit_memory(LaneCount(64, 16), memory_of_lanes, 74 * MIB) == LaneCount(64, 16)
    # Nothing fits: the fewest lanes for one trial remain, and the sweep shows the error.
    assert fit_memory(LaneCount(64, 16), memory_of_lanes, MIB, least=20) == LaneCount(20, 1)


def test_a_program_that_exceeds_the_memory_is_compiled_for_fewer_lanes(executor):
    plan, program = make_program(executor, SMALL)
    assert program.count_memory() > SMALL.memory
    fitted = fit_program(plan, SETTING, program, executor)
    assert fitted.count_memory() <= SMALL.memory
    assert 1 < fitted.lane_count.tile < program.lane_count.tile
    assert plan.lane_counts == {(): fitted.lane_count}
    assert fit_program(plan, SETTING, fitted, executor) is fitted
    assert plan.make_program(SETTING).lane_count == fitted.lane_count


def test_lanes_that_the_user_chose_are_not_halved(executor):
    plan, program = make_program(executor, SMALL, lanes=len(jax.devices()) * 64)
    assert program.count_memory() > SMALL.memory
    assert fit_program(plan, SETTING, program, executor) is program


def test_an_allocation_that_fails_halves_the_lanes_and_warns(executor, monkeypatch):
    def allocate(program):
        if program.width > 8:
            jnp.zeros((2**15, 2**15, 2**14)).block_until_ready()

    plan, program = make_program(executor, LARGE, validation=(X, X))
    monkeypatch.setattr(Program, "rehearse", allocate)
    with pytest.warns(UserWarning, match="lanes find too little free memory.*lanes= sets a number that fits"):
        fitted = fit_program(plan, SETTING, program, executor)
    assert fitted.lane_count == LaneCount(8, 8)


def test_a_rehearsal_changes_nothing(executor):
    _, program = make_program(executor, LARGE, validation=(X, X))
    program.rehearse()
    columns = program.empty()
    assert all(not np.asarray(leaf).any() for leaf in jax.tree.leaves(columns))


def test_a_resumed_sweep_and_a_replay_keep_the_lanes(tmp_path, monkeypatch):
    def sweep(device):
        monkeypatch.setattr("jaxnn.sweeps.engine.make_plan.describe_device", lambda: device)
        return nn.sweep(
            make_recipe, SPACE, (X, 2 * X), key=jax.random.key(0), trials=64, epochs=2, validation=(MANY, 2 * MANY),
            score=absolute_median, directory=tmp_path / "sweep", progress=False,
        )  # fmt: skip

    halved = sweep(SMALL)
    [count] = halved.plan.lane_counts.values()
    lines = (tmp_path / "sweep" / "journal.jsonl").read_text(encoding="utf-8").splitlines()
    [event] = [event for event in map(json.loads, lines) if event["event"] == "program"]
    assert (event["lanes"], event["lane_count"]) == (count.width * len(jax.devices()), list(count))
    # A device with more memory would have more lanes.
    again = sweep(LARGE)
    assert again.plan.lane_counts == halved.plan.lane_counts
    replayed = again.replay(3)
    np.testing.assert_array_equal(replayed.curves.scores, halved.trials[3].curves.scores)
    assert pickle.loads(pickle.dumps(halved)).plan.lane_counts == halved.plan.lane_counts
