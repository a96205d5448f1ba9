"""Targets: how many times a peer's time jaxnn's is to be, and whether it is."""

from collections.abc import Sequence
from typing import NamedTuple

from experiments.benchmarks.harness import Result, Row
from experiments.benchmarks.machine import PRODUCTS

# Of which "the best JAX peer" is the fastest.
JAX_PEERS = ("Flax, jitted step", "Flax, jitted fit", "Equinox filter_vmap", "plain vmap", "plain vmap, tiled")


class Target(NamedTuple):
    """The fastest of these peers is to take at least `least` times as long as jaxnn."""

    case: str
    peers: tuple[str, ...]
    least: float = 0.0


class Verdict(NamedTuple):
    """A target, what was measured (None where the peer was left out), and whether it was reached."""

    case: str
    against: str
    wanted: str
    measured: float | None
    reached: bool | None


TARGETS = (
    Target("iris_sweep", ("scikit-learn MLPClassifier",), 100),
    Target("iris_sweep", ("PyTorch eager",), 120),
    Target("iris_sweep", JAX_PEERS, 5),
    Target("iris_sweep", JAX_PEERS, 3),
    Target("digits_sweep", ("PyTorch eager",), 5),
    Target("digits_sweep", JAX_PEERS, 5),
    Target("digits_sweep", ("plain vmap",), 12),
    Target("digits_sweep", (PRODUCTS,), 0.4),
    Target("mnist_cnn", ("PyTorch eager",), 1),
    Target("mnist_cnn", ("Flax, jitted step", "Equinox, jitted step"), 2),
    Target("digits_cnn", ("PyTorch eager",), 3),
    Target("iris_fit", ("PyTorch eager",), 20),
    Target("cold_start", ("import jax, optax",), least=1 / 4),
    Target("cold_start_cached", ("import jax, optax",), least=1 / 2.5),
)
# Of every shape of `conv_alone`.
CONV_TARGETS = {"PyTorch": 0.7, "lax.conv": 1.0}
CONV_IN_SCAN_TARGETS = {"PyTorch": 0.7, "lax.conv": 20.0}


def judge(results: Sequence[Result]) -> list[Verdict]:
    """A verdict for every target whose case was measured."""
    named = {result.name: result for result in results}
    return [_ratio(target, named[target.case]) for target in all_targets(results) if target.case in named]


def all_targets(results: Sequence[Result]) -> list[Target]:
    """Those above, and those of every shape of convolution and every number of lanes that was measured."""
    found = list(TARGETS)
    for result in results:
        if result.name.startswith("conv_"):
            wanted = CONV_IN_SCAN_TARGETS if "_scan" in result.name else CONV_TARGETS
            found += [Target(result.name, (peer,), ratio) for peer, ratio in wanted.items()]
        if result.name.startswith("lanes_"):
            found.append(Target(result.name, ("jitted fits",), 1))
    return found


def _ratio(target: Target, result: Result) -> Verdict:
    rows = [row for row in result.rows if row.name in target.peers]
    against = target.peers[0] if len(target.peers) == 1 else "best JAX peer"
    wanted = f"{target.least:.3g}×"
    if not rows:
        return Verdict(target.case, against, wanted, None, None)
    best = min(rows, key=_middle)
    name = against if len(target.peers) == 1 else f"best JAX peer ({best.name})"
    return Verdict(target.case, name, wanted, _middle(best), _middle(best) >= target.least)


def _middle(row: Row) -> float:
    return row.ratio[0]
