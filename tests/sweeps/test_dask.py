"""A sweep in blocks on a cluster of Dask, whose processes listen on this computer alone."""

import os
import signal

import pytest

import jaxnn as nn
from experiments import sweep_digits
from helpers.block_sweeps import assert_same_table, sweep

distributed = pytest.importorskip("distributed")


@pytest.fixture(scope="module")
def cluster():
    options = {"n_workers": 2, "threads_per_worker": 1, "host": "127.0.0.1", "dashboard_address": "127.0.0.1:0"}
    with distributed.LocalCluster(**options, silence_logs=50) as cluster:
        yield cluster


@pytest.mark.optimized  # workers compile as users do
def test_workers_of_dask_give_the_bytes_of_one_process_also_if_one_dies(cluster):
    killed = []

    def log(*_):
        if not killed:
            killed.extend(client.run(os.getpid).values())
            os.kill(killed[0], signal.SIGKILL)

    with distributed.Client(cluster) as client:
        spread = sweep(executor=client.get_executor(), log=log)
    assert len(killed) == 2
    assert_same_table(spread, sweep())


def test_the_sweep_of_digits_runs_on_a_cluster_by_its_address(cluster, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, choice in {"channels": nn.choice((2,)), "batch_size": nn.choice(64)}.items():
        monkeypatch.setitem(sweep_digits.SPACE, name, choice)
    clients = set(cluster.scheduler.clients)
    config = {"trials": 8, "epochs": 1, "ensemble": 1, "progress": False, "dask": cluster.scheduler_address}
    result = sweep_digits.main(sweep_digits.Config(**config))
    [worker] = {trial.worker for trial in result.sweep.trials}
    assert int(worker.split(":")[1]) in {nanny.pid for nanny in cluster.workers.values()}
    assert result.report.exists()
    assert set(cluster.scheduler.clients) == clients
    with pytest.raises(ValueError, match="give --workers or --dask, not both"):
        sweep_digits.main(sweep_digits.Config(**config, workers=2))
