"""A sweep in blocks on a cluster of Dask, whose processes listen on this computer alone."""

import os
import signal

import pytest

from helpers.block_sweeps import assert_same_table, sweep

distributed = pytest.importorskip("distributed")
# Workers compile as users do.
pytestmark = pytest.mark.optimized


def test_workers_of_dask_give_the_bytes_of_one_process_also_if_one_dies():
    killed = []

    def log(*_):
        if not killed:
            killed.extend(client.run(os.getpid).values())
            os.kill(killed[0], signal.SIGKILL)

    options = {"n_workers": 2, "threads_per_worker": 1, "host": "127.0.0.1", "dashboard_address": "127.0.0.1:0"}
    with distributed.LocalCluster(**options, silence_logs=50) as cluster, distributed.Client(cluster) as client:
        spread = sweep(executor=client.get_executor(), log=log)
    assert len(killed) == 2
    assert_same_table(spread, sweep())
