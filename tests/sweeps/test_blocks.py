"""Sweeps in blocks in one process: the same bits however blocks are put together."""

import hashlib
import itertools

import jax
import numpy as np
import optax
import pytest

import jaxnn as nn
from helpers.block_sweeps import Listed, assert_same_table
from helpers.resumable_runs import TRAIN, VALIDATION, assert_same_bits, make_recipe
from jaxnn.io.runs.interrupts import CaughtSignal
from jaxnn.sweeps.blocks import driver
from jaxnn.sweeps.blocks.block import Block, BlockResult, SpanReport
from jaxnn.sweeps.blocks.collector import BlockCollector
from jaxnn.sweeps.blocks.conditions import check_versions, describe_conditions
from jaxnn.sweeps.blocks.content import pack_block, unpack_block
from jaxnn.sweeps.blocks.options import BlockOptions, divide
from jaxnn.sweeps.blocks.remote import choose_executor
from jaxnn.sweeps.blocks.span import SpanRunner
from jaxnn.sweeps.blocks.store import BlockStore
from jaxnn.sweeps.engine.make_plan import make_plan
from jaxnn.sweeps.results.best_trials import BestTrials
from jaxnn.sweeps.results.workers import Workers
from jaxnn.sweeps.space.space import Setting

WIDTHS = {"learning_rate": nn.log_uniform(1e-4, 1e-1), "width": nn.choice(5, 6)}
RATES = {"learning_rate": WIDTHS["learning_rate"]}
COMMON = {"validation": VALIDATION, "score": nn.accuracy, "progress": False}


def sweep(**options):
    return nn.sweep(
        make_recipe, options.pop("space", WIDTHS), TRAIN, key=jax.random.key(0),
        **(COMMON | {"trials": 30, "epochs": 9, "block": 8, "keep": 3, "scheduler": nn.asha()} | options),
    )  # fmt: skip


@pytest.fixture(scope="module")
def whole():
    return sweep()


@pytest.mark.parametrize("longest", [1, 3])
def test_spans_of_any_length_give_the_same_bits(whole, longest, monkeypatch):
    monkeypatch.setattr(driver, "LONGEST_SPAN", longest)
    assert_same_table(sweep(), whole)


def test_a_block_is_a_sweep_of_its_own_with_the_numbers_of_the_whole(whole):
    table = whole.table()
    assert [row["trial"] for row in table] == list(range(30))
    assert all(row["worker"] == table[0]["worker"] and ":" in row["worker"] for row in table)
    # ASHA compares the trials of a block alone: its first trials, of which there are fewer than three, all continue.
    epochs = {number: [trial.epochs for trial in whole.trials[number : number + 8]] for number in (0, 8, 16)}
    assert all(max(own) == 9 for own in epochs.values())
    assert len({tuple(own) for own in epochs.values()}) > 1


def test_trials_are_those_of_a_sweep_without_blocks_up_to_where_they_stop():
    options = {"trials": 12, "scheduler": None, "space": RATES}
    blocks, without = sweep(block=16, lanes=8, **options), sweep(block=None, lanes=16, **options)
    assert_same_table(blocks, without)
    assert "worker" not in without.table()[0]
    assert_same_bits(blocks.replay(9).curves, blocks.trials[9].curves)


@pytest.mark.parametrize(
    "options",
    [
        {"scheduler": nn.population_based(perturbation_interval=3), "lanes": 8},
        {"scheduler": nn.hyperband(), "keep_epoch": "best", "repeats": 2},
        {
            "scheduler": nn.median_stopping(),
            "validation": None,
            "folds": 3,
            "first": [{"learning_rate": 0.01}],
        },
    ],
    ids=["populations", "best epochs of repeats", "folds and a first setting"],
)
def test_every_scheduler_decides_by_blocks(options, monkeypatch):
    options = {"trials": 20, "epochs": 6, "space": RATES} | options
    one_span = sweep(**options)
    monkeypatch.setattr(driver, "LONGEST_SPAN", 1)
    assert_same_table(sweep(**options), one_span)
    assert all(parent // 8 == trial.trial // 8 for trial in one_span.trials for _, parent, _ in trial.copies)


def test_a_block_has_the_same_bytes_alone_and_in_a_span(whole):
    runner = SpanRunner(whole.plan, nn.asha(), 3, whole.programs)
    settings = [trial.setting for trial in whole.trials]
    blocks = [Block(number, 8 * number, settings[8 * number : 8 * number + 8]) for number in range(4)]
    digests = []
    for part in ([blocks], [[block] for block in reversed(blocks)]):
        ended = itertools.chain.from_iterable(step.ended for span in part for step in runner.run(span))
        digests.append({block.number: hashlib.sha256(block.content).hexdigest() for block in ended})
    assert digests[0] == digests[1]


def test_the_content_of_a_block_holds_every_bit(whole):
    results = list(whole.trials[8:16])
    content = unpack_block(pack_block(results, {}), np.array([result.seconds for result in results]), results[0].worker)
    assert_same_bits(content.results, results)


def test_the_values_of_a_setting_may_have_any_order(whole):
    first, second = (trial._replace(setting=Setting((), values)) for trial, values in zip(
        whole.trials, ({"learning_rate": 0.1, "decay": 0.2}, {"decay": 0.3, "learning_rate": 0.4}), strict=False
    ))  # fmt: skip
    again = unpack_block(pack_block([first, second], {}), np.zeros(2)).results
    assert [trial.setting for trial in again] == [first.setting, second.setting]


def test_of_equal_scores_the_lower_trial_is_kept(whole):
    results = [result._replace(score=0.5) for result in whole.trials[:4]]
    for order in itertools.permutations(results):
        best = BestTrials(2)
        for result in order:
            best.add(result, lambda result=result: result.trial)
        assert best.kept == {0: 0, 1: 1}


def test_a_time_limit_leaves_the_other_blocks_unfinished(monkeypatch):
    monkeypatch.setattr(driver, "LONGEST_SPAN", 1)
    result = sweep(seconds=1e-6)
    assert len(result.trials) == 30
    assert {trial.status for trial in result.trials} >= {"unfinished"}


def test_an_exception_carries_the_blocks_that_are_done(monkeypatch):
    monkeypatch.setattr(driver, "LONGEST_SPAN", 1)

    def log(trial, _):
        if trial == 15:
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine") as caught:
        sweep(log=log)
    ended = [trial.trial for trial in caught.value.sweep_result.trials if trial.status != "unfinished"]
    assert ended == list(range(16))


def test_settings_with_other_shapes_fail_alone():
    def make(hypers):
        return nn.Recipe(nn.mlp([hypers["inputs"], 3]), nn.cross_entropy, optax.sgd(hypers["learning_rate"]))

    space = {"learning_rate": nn.uniform(0.0, 0.1), "inputs": nn.choice(4, 5)}
    with pytest.warns(UserWarning, match="trials failed"):
        result = nn.sweep(make, space, TRAIN, key=jax.random.key(0), trials=10, epochs=2, block=4, **COMMON)
    assert {(dict(t.setting.choices)["inputs"], t.status) for t in result.trials} == {(0, "finished"), (1, "failed")}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"block": 0}, "block must be at least 1"),
        ({"ahead": 0}, "ahead must be at least 1"),
        ({"block": None, "ahead": 2}, "give block= or executor= too"),
        ({"keep_states": True}, r"keep_states=True .* cannot train on; call sweep with more epochs=, .* first="),
    ],
)
def test_options_that_blocks_do_not_take(options, message):
    with pytest.raises(ValueError, match=message):
        sweep(**options)


def test_a_sampler_that_learns_little_is_named():
    with pytest.warns(
        UserWarning, match="64 of 320 trials are always drawn before their results are known, block=32 × a"
    ):
        plan = divide(make_plan_of(320), BlockOptions(1024, 2), Listed(ask_limit=32))
    assert plan.block == 32
    assert divide(make_plan_of(640), BlockOptions(8, 8, is_fixed=True), Listed(ask_limit=32)).block == 8


def test_workers_of_other_versions_and_processors_are_named():
    own = describe_conditions()
    check_versions("here:1", own)
    with pytest.raises(ValueError, match=r"the worker there:2 has other versions .*: optax was .* and is 0\.0"):
        check_versions("there:2", own | {"optax": "0.0"})
    collector = BlockCollector(make_plan_of(8), BlockStore(None, None, CaughtSignal()), None)
    collector.check_conditions("here:1", own)
    with pytest.raises(ValueError, match=r"there:2 computes other bits than here:1: instructions was .* and is SSE4_2"):
        collector.check_conditions("there:2", own | {"instructions": "SSE4_2"})


def test_a_block_that_is_replaced_counts_no_more(whole):
    """The last block of an earlier call runs again with more trials, and its scheduler may stop the best one."""
    collector = BlockCollector(make_plan_of(16), BlockStore(None, None, CaughtSignal()), None)

    def add(number, results, best):
        results = [result._replace(trial=8 * number + place) for place, result in enumerate(results)]
        block = BlockResult(
            number, 8 * number, pack_block(results, {}), np.ones(len(results)), best, {"finished": len(results)}
        )  # fmt: skip
        collector.add(SpanReport([block], [], [], "here:1", describe_conditions(), 1.0))

    add(0, whole.trials[:8], 0.5)
    add(1, whole.trials[:4], 0.9)
    assert (collector.trials, collector.best) == (12, 0.9)
    add(1, whole.trials[:8], 0.4)
    assert (collector.trials, collector.best) == (16, 0.5)


@pytest.mark.skipif(jax.default_backend() != "cpu", reason="only programs for CPUs differ on one device and several")
def test_a_process_with_one_device_learns_how_to_have_the_bits_of_its_workers(monkeypatch):
    conditions = describe_conditions() | {"devices": "several"}
    monkeypatch.setattr(jax, "local_devices", lambda: jax.devices()[:1])
    with pytest.warns(UserWarning, match=r"devices was several and is one; nn.use_all_cores\(\) after the imports"):
        choose_executor(Workers(conditions), None)


def make_plan_of(trials):
    return make_plan(
        make_recipe, RATES, TRAIN, key=jax.random.key(0), epochs=1, validation=VALIDATION, folds=None, stratify=None,
        score=None, evaluate_at="epochs", repeats=1, lanes="auto", trials=trials, has_scheduler=False, block=1024,
    )  # fmt: skip
