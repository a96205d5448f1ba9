"""Sweeps in blocks, which one process or the workers of an executor run with the same bits.

A *block* is a number of trials that follow one another, part of the definition of the sweep. Its trials have the
numbers and keys of the sweep, and it has a scheduler of its own. Its results depend on the sweep and its number alone.
A *span* is some blocks whose trials share the lanes of a worker; how many is the driver's affair and changes no bit.

    block.py       a block, and what a worker returns of one
    content.py     the results and kept parameters of a block as bytes: the same ones whoever ran it
    scheduler.py   one scheduler for each block of a span
    span.py        runs a span through the lanes; it keeps plan and programs for the next one
    job.py         the sweep as bytes (cloudpickle), and what cannot be sent
    worker.py      what runs in a worker: jobs by digest, the devices of the process, its end with the driver
    orphans.py     the end of a worker whose driver has died
    conditions.py  what decides bits on a worker: versions, instruction set, kind of device
    queue.py       asks the sampler for blocks, and tells it their results in the order of blocks
    calls.py       the questions to the sampler; the journal holds the answers of a study of Optuna
    collector.py   the blocks that are done, the programs and conditions that all of them share
    store.py       the directory: a file and a line in the journal for each block
    load.py        reads a directory without the code that made it
    pool.py        an executor, made anew when it breaks
    dispatch.py    runs all blocks on an executor, also where workers die
    extend.py      more trials than a result in memory has
    driver.py      runs all blocks in this process
    remote.py      replays a trial on an executor, where this process computes other bits
    watch.py       limits, signals and the progress bar
    options.py     `block=`, `ahead=` and `executor=`, checked
    sweep.py       `sweep(block=…)`, from the plan to the result
"""
