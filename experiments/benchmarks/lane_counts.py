"""Lane counts: sweeps with few and many lanes, beside one training after another through a jitted fit."""

import jax

from experiments.benchmarks import problems
from experiments.benchmarks.harness import Case
from experiments.benchmarks.peers import jaxnn_models
from experiments.benchmarks.problems import Problem

IRIS = (2, 4, 8, 32, 512)  # numbers of lanes for the iris networks
DIGITS = (2, 8)  # numbers of lanes for the CNNs


def cases(quick: bool) -> list[Case]:
    """Returns a case for each network and each number of lanes that is a multiple of the number of devices."""
    if quick:
        small = problems.iris(epochs=20, trials=8)
        return [_make_case("iris", lanes, small, small) for lanes in _select_divisible((4,))]
    iris, digits = problems.iris(epochs=500, trials=512), problems.digits(epochs=4, trials=64)
    short_iris, short_digits = problems.iris(epochs=20, trials=8), problems.digits(epochs=1, trials=8, count=640)
    return [
        *(_make_case("iris", lanes, iris, short_iris) for lanes in _select_divisible(IRIS)),
        *(_make_case("digits", lanes, digits, short_digits) for lanes in _select_divisible(DIGITS)),
    ]


def _select_divisible(lanes: tuple[int, ...]) -> list[int]:
    return [count for count in lanes if count % len(jax.devices()) == 0]


def _make_case(name: str, lanes: int, problem: Problem, short: Problem) -> Case:
    network = "networks 4-16-3" if name == "iris" else "CNNs on digits"
    title = f"lanes: {len(problem.rates)} {network} through {lanes} lanes, {problem.epochs} epochs"
    contenders = [
        jaxnn_models.sweep_contender(problem, short, lanes=lanes),
        jaxnn_models.fits_contender(problem, short),
    ]
    return Case(f"lanes_{name}_{lanes}", title, contenders)
