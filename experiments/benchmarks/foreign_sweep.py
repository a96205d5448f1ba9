"""Sweeps of the CNN of the digits as modules of Flax and of Equinox, beside jaxnn's own and Flax one by one."""

from experiments.benchmarks import problems
from experiments.benchmarks.harness import Case
from experiments.benchmarks.peers import flax_models, foreign_models


def cases(quick: bool) -> list[Case]:
    """Returns a case without and one with batch norm; the modules are timed on some of the trials."""
    return [make_case(norm, quick) for norm in (False, True)]


def make_case(norm: bool, quick: bool) -> Case:
    """Returns a case; trials a second are the number of trials divided by the median."""
    trials, epochs, examples = (2, 1, 128) if quick else (256, 4, 1408)
    problem = problems.digits(epochs=epochs, trials=trials, count=examples)
    # Few steps: with a norm, rounding is soon a visible difference at the largest rates.
    short = problem if quick else problems.digits(epochs=1, trials=8, count=320)
    timed = min(32, trials)
    one_by_one = foreign_models.step_contender if norm else flax_models.step_contender
    contenders = [
        foreign_models.sweep_contender("jaxnn", problem, short, trials, norm),
        foreign_models.sweep_contender("Flax", problem, short, timed, norm),
        foreign_models.sweep_contender("Flax with nn.conv", problem, short, trials, norm),
        foreign_models.sweep_contender("Equinox", problem, short, timed, norm),
        one_by_one(problem, short, min(8, trials)),
    ]
    title = f"{trials} CNNs of 8 and 16 filters{' with batch norm' * norm}, {epochs} epochs of {examples:,} digits"
    return Case(f"foreign_sweep{'_norm' * norm}", f"modules in lanes: {title}", contenders)
