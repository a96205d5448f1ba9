"""Iris sweep: 1,024 trials of a 4-16-3 network, 500 full-batch epochs of Adam each, learning rates log-spaced."""

from experiments.benchmarks import problems
from experiments.benchmarks.harness import Case
from experiments.benchmarks.peers import equinox_models, flax_models, ours, plain_jax, sklearn_models, torch_models

TILES = (16, 32, 64, 128, 256)


def cases(quick: bool) -> list[Case]:
    """One case; tools that train one model after the other are timed on some of the trials, for seconds a round."""
    trials, epochs = (8, 20) if quick else (1024, 500)
    problem = problems.iris(epochs=epochs, trials=trials)
    short = problem if quick else problems.iris(epochs=20, trials=8)

    def count(some: int) -> int:
        return min(some, trials)

    sides = [
        ours.sweep_side(problem, short),
        ours.sweep_side(problem, short, judge="epochs"),
        sklearn_models.side(problem, short, count(64)),
        torch_models.eager_side(problem, short, count(32)),
        torch_models.stacked_side(problem, short, count(256), (4,) if quick else (16, 64, 128)),
        flax_models.stepped_side(problem, short, count(64)),
        flax_models.fitted_side(problem, short, count(256)),
        equinox_models.ensemble_side(problem, short, trials),
        plain_jax.mapped_side(problem, short, trials),
        plain_jax.tiled_side(problem, short, trials, (2,) if quick else TILES),
        sklearn_models.optuna_side(problem, count(32)),
    ]
    title = f"iris sweep: {trials:,} trials of 4-16-3, {epochs} full-batch epochs of Adam, 120 flowers"
    return [Case("iris_sweep", title, sides, problems.work(problem))]
