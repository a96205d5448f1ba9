"""Runs all blocks of a sweep in this process."""

import contextlib

from jaxnn.sweeps.blocks.block import SpanReport
from jaxnn.sweeps.blocks.collector import BlockCollector
from jaxnn.sweeps.blocks.conditions import describe_conditions
from jaxnn.sweeps.blocks.queue import BlockQueue
from jaxnn.sweeps.blocks.span import SpanRunner, name_worker
from jaxnn.sweeps.blocks.watch import Watch

# The most blocks of a span: lanes that wait for the last trials of a span are free only at its end.
LONGEST_SPAN = 8


def run_here(runner: SpanRunner, queue: BlockQueue, collector: BlockCollector, watch: Watch) -> None:
    """Runs all blocks in this process, up to the last, a limit or a signal."""
    worker, conditions = name_worker(), describe_conditions()
    while blocks := queue.take(LONGEST_SPAN):
        collector.check_conditions(worker, conditions)
        before, chunks = collector.trials, []
        with contextlib.closing(runner.run(blocks)) as steps:
            for step in steps:
                chunks += [] if step.chunk is None else [step.chunk]
                if step.ended:
                    collector.add(SpanReport(step.ended, runner.records, chunks, worker, conditions, 0.0))
                    chunks = []
                    for block in step.ended:
                        queue.mark_done(block.number)
                watch.show(before + step.progress)
                if watch.has_ended():
                    return
