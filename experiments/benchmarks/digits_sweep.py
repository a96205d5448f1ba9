"""Digits sweep: 256 trials of a CNN with 8 and 16 filters on 8×8 digits, 4 epochs of Adam, batch size 64."""

from experiments.benchmarks import problems
from experiments.benchmarks.harness import Case
from experiments.benchmarks.peers import equinox_models, flax_models, jaxnn_models, plain_jax, torch_models

TILES = (1, 2, 4)


def cases(quick: bool) -> list[Case]:
    """Returns one case; the peers are timed on some of the trials. scikit-learn has no convolutions."""
    trials, epochs, examples = (4, 1, 128) if quick else (256, 4, 1408)
    problem = problems.digits(epochs=epochs, trials=trials, count=examples)
    # Ten steps: after twenty, rounding differs by up to a percent at the largest rates, even between runs of one tool.
    short = problem if quick else problems.digits(epochs=1, trials=8, count=640)

    def limit(count: int) -> int:
        return min(count, trials)

    contenders = [
        jaxnn_models.sweep_contender(problem, short),
        jaxnn_models.sweep_contender(problem, short, evaluate_at="epochs"),
        torch_models.eager_contender(problem, short, limit(8)),
        torch_models.stacked_contender(problem, short, limit(16), (2,) if quick else (2, 8)),
        flax_models.step_contender(problem, short, limit(8)),
        flax_models.fit_contender(problem, short, limit(8)),
        equinox_models.ensemble_contender(problem, short, limit(16)),
        plain_jax.mapped_contender(problem, short, limit(16)),
        plain_jax.tiled_contender(problem, short, limit(8), (1,) if quick else TILES),
    ]
    title = f"digits sweep: {trials} CNNs of 8 and 16 filters, {epochs} epochs of {examples:,} digits, batch 64"
    return [Case("digits_sweep", title, contenders, problems.compute_cost(problem))]
