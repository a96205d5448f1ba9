"""Lane counts: however few or many lanes a sweep is given, beside one training after another through a jitted fit."""

import jax

from experiments.benchmarks import problems
from experiments.benchmarks.harness import Case
from experiments.benchmarks.peers import ours
from experiments.benchmarks.problems import Problem

IRIS, DIGITS = (2, 4, 8, 32, 512), (2, 8)


def cases(quick: bool) -> list[Case]:
    """A case for each network and number of lanes that the devices can share."""
    if quick:
        small = problems.iris(epochs=20, trials=8)
        return [_case("iris", lanes, small, small) for lanes in _shared((4,))]
    iris, digits = problems.iris(epochs=500, trials=512), problems.digits(epochs=4, trials=64)
    short = problems.iris(epochs=20, trials=8), problems.digits(epochs=1, trials=8, count=640)
    found = [_case("iris", lanes, iris, short[0]) for lanes in _shared(IRIS)]
    return found + [_case("digits", lanes, digits, short[1]) for lanes in _shared(DIGITS)]


def _shared(lanes: tuple[int, ...]) -> list[int]:
    return [count for count in lanes if count % len(jax.devices()) == 0]


def _case(name: str, lanes: int, problem: Problem, short: Problem) -> Case:
    network = "networks 4-16-3" if name == "iris" else "CNNs on digits"
    title = f"lanes: {len(problem.rates)} {network} through {lanes} lanes, {problem.epochs} epochs"
    sides = [ours.sweep_side(problem, short, lanes=lanes), ours.fits_side(problem, short)]
    return Case(f"lanes_{name}_{lanes}", title, sides)
