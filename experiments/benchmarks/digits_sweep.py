"""Digits sweep: 256 trials of a CNN with 8 and 16 filters on 8×8 digits, 4 epochs of Adam in batches of 64."""

from experiments.benchmarks import problems
from experiments.benchmarks.harness import Case
from experiments.benchmarks.peers import equinox_models, flax_models, ours, plain_jax, torch_models

TILES = (1, 2, 4)


def cases(quick: bool) -> list[Case]:
    """One case, the peers timed on some of the trials; scikit-learn has no convolutions."""
    trials, epochs, examples = (4, 1, 128) if quick else (256, 4, 1408)
    problem = problems.digits(epochs=epochs, trials=trials, count=examples)
    # Ten steps: twice as many blow rounding up to a percent at the largest rates, for two runs of one tool as well.
    short = problem if quick else problems.digits(epochs=1, trials=8, count=640)

    def count(some: int) -> int:
        return min(some, trials)

    sides = [
        ours.sweep_side(problem, short),
        ours.sweep_side(problem, short, judge="epochs"),
        torch_models.eager_side(problem, short, count(8)),
        torch_models.stacked_side(problem, short, count(16), (2,) if quick else (2, 8)),
        flax_models.stepped_side(problem, short, count(8)),
        flax_models.fitted_side(problem, short, count(8)),
        equinox_models.ensemble_side(problem, short, count(16)),
        plain_jax.mapped_side(problem, short, count(16)),
        plain_jax.tiled_side(problem, short, count(8), (1,) if quick else TILES),
    ]
    title = f"digits sweep: {trials} CNNs of 8 and 16 filters, {epochs} epochs of {examples:,} digits, batch 64"
    return [Case("digits_sweep", title, sides, problems.work(problem))]
