"""A sweep over residual networks: traced widths, dropout and augmentation, with ASHA and folds, bit for bit."""

import os
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

import jaxnn as nn
from helpers.residual_sweep import run_sweep
from helpers.resumable_runs import assert_same_bits, assert_same_sweep

TESTS = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def swept(tmp_path_factory) -> tuple[Path, nn.SweepResult]:
    """The sweep without a kill, and its directory."""
    directory = tmp_path_factory.mktemp("whole")
    return directory, run_sweep(directory)


def test_the_best_is_replayed_and_loaded_to_the_bit_and_predicts_as_its_narrow_network(swept) -> None:
    directory, result = swept
    assert {trial.status for trial in result.trials} == {"finished", "stopped"}
    best = result.best
    params = result.params(best.trial)
    widths = [params[block]["norm_2"].mean.value.shape[-1] for block in ("block_1", "block_2")]
    assert widths == [best.hypers["first"], best.hypers["second"]]
    assert_same_bits(result.replay(best.trial).params, params)
    loaded = nn.sweeps.load(directory).params(best.trial)
    assert jax.tree.structure(loaded) == jax.tree.structure(params)
    assert_same_bits(loaded, params)
    network = nn.resnet((8, 8, 1), widths, 10, blocks=1)
    x = nn.datasets.digits().data[0][:3]
    lanes = np.stack([nn.predict(network, result.params(best.trial, lane=lane), x) for lane in (0, 1)])
    np.testing.assert_allclose(lanes.mean(axis=0), result.predict(x), rtol=1e-5, atol=1e-6)


def test_a_sweep_that_was_killed_resumes_to_the_bits_of_one_that_was_not(swept, tmp_path) -> None:
    environment = os.environ | {
        # Those of this process.
        "JAX_NUM_CPU_DEVICES": "2",
        "JAX_DEFAULT_MATMUL_PRECISION": "highest",
        "JAX_DEBUG_KEY_REUSE": "1",
        "JAX_COMPILATION_CACHE_DIR": str(jax.config.jax_compilation_cache_dir),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0.2",
        "PYTHONPATH": os.pathsep.join([str(TESTS.parent), str(TESTS)]),
    }
    code = f"from helpers import residual_sweep; residual_sweep.print_trials({str(tmp_path)!r})"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None
        for _ in range(2):  # trials have ended, and others run
            assert process.stdout.readline()
        process.kill()
    statuses = [trial.status for trial in nn.sweeps.load(tmp_path).trials]
    assert "unfinished" in statuses
    ended = []
    resumed = run_sweep(tmp_path, log=lambda trial, _: ended.append(trial))
    assert_same_sweep(resumed, swept[1])
    assert 0 < len(ended) < 6


class GivenSettings(nn.sweeps.TrialSampler):
    """A sampler that returns given settings."""

    def __init__(self, settings):
        self.settings = settings

    def init(self, space, key, lanes):
        return self

    def ask(self, n):
        asked, self.settings = self.settings[:n], self.settings[n:]
        return asked


def test_the_bits_of_a_trial_do_not_depend_on_its_neighbours(swept) -> None:
    """The others have the settings of each other, and none stops early: the trial has another lane and start."""
    watched = max(trial.trial for trial in swept[1].trials if trial.status == "finished")
    assert watched >= 2  # it starts in a refilled lane
    settings = [trial.setting for trial in swept[1].trials]
    others = [setting for trial, setting in enumerate(settings) if trial != watched]
    others = others[1:] + others[:1]
    result = run_sweep(scheduler=None, sampler=GivenSettings([*others[:watched], settings[watched], *others[watched:]]))
    trial, expected = result.trials[watched], swept[1].trials[watched]
    assert trial.setting == expected.setting
    assert_same_bits(trial.curves, expected.curves)
    assert_same_bits(result.params(watched), swept[1].params(watched))
    assert [each.setting for each in result.trials if each.trial != watched] == others
