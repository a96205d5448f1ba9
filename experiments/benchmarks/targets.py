"""Targets: the ratio to a peer's time that jaxnn should reach, and whether it does."""

from collections.abc import Sequence
from typing import NamedTuple

from experiments.benchmarks.harness import Result, Row
from experiments.benchmarks.machine import PRODUCTS
from experiments.benchmarks.processes import ProcessResult, ProcessRow

# "The best JAX peer" is the fastest of these.
JAX_PEERS = ("Flax, jitted step", "Flax, jitted fit", "Equinox filter_vmap", "plain vmap", "plain vmap, tiled")


class Target(NamedTuple):
    """The fastest of these peers should take at least `minimum` times as long as jaxnn, if warm with a warm cache.

    With `slowest` it is the slowest of them.
    """

    case: str
    peers: tuple[str, ...]
    minimum: float = 0.0
    warm: bool = False
    slowest: bool = False


class TargetResult(NamedTuple):
    """A target, the measured ratio (None if the peer was left out), and whether it was reached."""

    case: str
    peer: str
    minimum: str
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
    Target("one_fit", ("import jax, optax",), minimum=1 / 4),
    Target("one_fit", ("import jax, optax",), minimum=1 / 2.5, warm=True),
)
# For every shape of `conv_alone`, without a loop.
CONV_TARGETS = {"PyTorch": 0.7, "lax.conv": 1.0}
# For every shape of `conv_alone`, in a loop.
CONV_IN_SCAN_TARGETS = {"PyTorch": 0.7, "lax.conv": 20.0}


def check_targets(results: Sequence[Result | ProcessResult]) -> list[TargetResult]:
    """Checks every target whose case was measured."""
    by_name = {result.name: result for result in results}
    return [_check(target, by_name[target.case]) for target in list_targets(results) if target.case in by_name]


def list_targets(results: Sequence[Result | ProcessResult]) -> list[Target]:
    """Returns TARGETS, and the targets of every shape of convolution and every number of lanes that was measured."""
    targets = list(TARGETS)
    for result in results:
        if result.name.startswith("conv_"):
            ratios = CONV_IN_SCAN_TARGETS if "_scan" in result.name else CONV_TARGETS
            targets += [Target(result.name, (peer,), ratio) for peer, ratio in ratios.items()]
        if result.name.startswith("streaming_"):
            targets.append(Target(result.name, ("loader alone", "training alone"), 1 / 1.15, slowest=True))
        if result.name.startswith("lanes_"):
            targets.append(Target(result.name, ("jitted fits",), 1))
    return targets


def _check(target: Target, result: Result | ProcessResult) -> TargetResult:
    ratios = {row.name: _median_ratio(row, target.warm) for row in result.rows if row.name in target.peers}
    kind = "the slower" if target.slowest else "best JAX peer"
    peer = target.peers[0] if len(target.peers) == 1 else kind
    case, minimum = target.case + ", warm cache" * target.warm, f"{target.minimum:.3g}×"
    if not ratios:
        return TargetResult(case, peer, minimum, None, None)
    best = (max if target.slowest else min)(ratios, key=ratios.__getitem__)
    name = peer if len(target.peers) == 1 else f"{kind} ({best})"
    return TargetResult(case, name, minimum, ratios[best], ratios[best] >= target.minimum)


def _median_ratio(row: Row | ProcessRow, warm: bool) -> float:
    if warm and isinstance(row, ProcessRow) and row.warm_ratio is not None:
        return row.warm_ratio[0]
    return row.ratio[0]
