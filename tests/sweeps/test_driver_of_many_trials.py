"""What the driver of a very large sweep does for a block and holds of a trial, the last ones as well as the first."""

import sys
import tracemalloc
from concurrent.futures import Executor, Future

import jax
import numpy as np
import pytest

import jaxnn as nn
from helpers.block_sweeps import RATES, make_recipe
from helpers.resumable_runs import TRAIN, VALIDATION
from jaxnn.report import live
from jaxnn.sweeps.blocks.block import BlockResult, SpanReport
from jaxnn.sweeps.blocks.conditions import describe_conditions
from jaxnn.sweeps.blocks.content import pack_block
from jaxnn.sweeps.engine.run import ChunkStats
from jaxnn.sweeps.engine.trial import TrialResult, name_curves

EPOCHS = 100
BLOCK = 16


class AtOnce(Executor):
    """Workers that take no time: every trial ends with the same curves. Counts what the driver calls in between."""

    def __init__(self):
        self._max_workers = 2
        self.calls, self._is_at_work = 0, False
        self._conditions = describe_conditions()
        params = jax.eval_shape(make_recipe({"learning_rate": 0.1}).model.init, jax.random.key(0))
        self._params = jax.tree.map(lambda leaf: np.zeros((1, *leaf.shape), leaf.dtype), params)
        self._table = np.linspace(0, 1, 3 * EPOCHS, dtype=np.float32).reshape(3, 1, EPOCHS)

    def submit(self, fn, task):
        self._is_at_work = True
        blocks = [self._run(block) for block in task.blocks]
        future = Future()
        future.set_result(SpanReport(blocks, [], [ChunkStats(1, 1.0, 0, 0, 1.0, 1.0)], "here:1", self._conditions, 1.0))
        self._is_at_work = False
        return future

    def count(self, frame, event, argument):
        self.calls += event == "call" and not self._is_at_work

    def _run(self, block):
        curves = name_curves(self._table, ())
        results = [
            TrialResult(trial, setting, "finished", EPOCHS, 0.5, 0.0, 1.0, curves, (), EPOCHS)
            for trial, setting in block.members
        ]
        content = pack_block(results, {results[0].trial: self._params})
        seconds = np.ones(len(results))
        return BlockResult(block.number, block.start, content, seconds, 0.5, {"finished": len(results)})


@pytest.fixture(autouse=True)
def _no_page_before_the_end(monkeypatch):
    monkeypatch.setattr(live, "_WAIT", np.inf)  # its cost depends on the time


def sweep(executor, blocks, directory):
    return nn.sweep(
        make_recipe, RATES, TRAIN, key=jax.random.key(0), trials=blocks * BLOCK, epochs=EPOCHS, block=BLOCK,
        validation=VALIDATION, score=nn.accuracy, executor=executor, directory=directory, progress=False,
    )  # fmt: skip


def count_calls(blocks, directory):
    """Returns how many Python functions the driver calls."""
    executor = AtOnce()
    sys.setprofile(executor.count)
    try:
        sweep(executor, blocks, directory)
    finally:
        sys.setprofile(None)
    return executor.calls


def test_a_block_costs_the_driver_as_much_after_many_others(tmp_path):
    sweep(AtOnce(), 2, tmp_path / "imports")
    few, some, many = (count_calls(blocks, tmp_path / f"{blocks}") for blocks in (4, 16, 64))
    assert (many - some) / 48 == pytest.approx((some - few) / 12, rel=0.05)


def measure_peak(blocks, directory):
    """Returns the most bytes that the driver holds at once."""
    executor = AtOnce()
    tracemalloc.start()
    try:
        sweep(executor, blocks, directory)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_the_driver_holds_little_more_of_a_trial_than_its_curves(tmp_path):
    sweep(AtOnce(), 2, tmp_path / "imports")
    some, many = (measure_peak(blocks, tmp_path / f"{blocks}") for blocks in (16, 64))
    of_trial, of_curves = (many - some) / (48 * BLOCK), 3 * EPOCHS * 4
    assert of_trial < of_curves + 3200  # objects, more of them in blocks so small, and the text of the page
