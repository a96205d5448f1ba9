"""A small sweep in blocks, which one process or workers run, and comparisons of its results."""

import multiprocessing
import os

import jax
import optax

import jaxnn as nn
from helpers.resumable_runs import TRAIN, VALIDATION, InjectedError, assert_same_bits

RATES = {"learning_rate": nn.log_uniform(1e-4, 1e-1)}
DEADLY = 99  # a width that ends the process of a worker
WIDTHS = RATES | {"width": nn.choice(5, DEADLY)}


def make_recipe(hypers):
    width = hypers.get("width", 5)
    if width == DEADLY and multiprocessing.parent_process() is not None:
        os._exit(1)
    return nn.Recipe(nn.mlp([4, width, 3]), nn.cross_entropy, optax.adam(hypers["learning_rate"]))


def sweep(directory=None, *, make=make_recipe, space=RATES, data=TRAIN, **options):
    """Sweeps iris networks in blocks of eight trials."""
    common = {
        "validation": VALIDATION, "score": nn.accuracy, "trials": 30, "epochs": 9, "block": 8, "keep": 3,
        "scheduler": nn.asha(), "progress": False,
    }  # fmt: skip
    return nn.sweep(make, space, data, key=jax.random.key(0), directory=directory, **(common | options))


def assert_same_table(left, right):
    """Asserts that two sweeps have the same trials and kept parameters; only times and workers may differ."""
    trials = ([trial._replace(seconds=0.0, worker="") for trial in result.trials] for result in (left, right))
    assert_same_bits(*trials)
    assert_same_bits(left.kept, right.kept)


def end_after(trials):
    """Returns a log that ends the sweep after some trials, as a process that is killed does."""
    seen = []

    def log(trial, _):
        seen.append(trial)
        if len(seen) > trials:
            raise InjectedError

    return log


class Listed(nn.sweeps.TrialSampler):
    """Proposes listed settings, or learning rates that depend on all calls so far; it is its own TrialSampler."""

    def __init__(self, settings=(), ask_limit=None):
        self.settings, self.ask_limit, self.calls = list(settings), ask_limit, []

    def init(self, space, key, lanes):
        return self

    def ask(self, n):
        self.calls.append(("ask", n))
        if self.settings:
            asked, self.settings = self.settings[:n], self.settings[n:]
            return asked
        return [{"learning_rate": 1e-3 * (1 + len(self.calls)) + 1e-5 * i} for i in range(n)]

    def tell(self, results):
        self.calls.append(("tell", [(result.trial, result.score) for result in results]))
