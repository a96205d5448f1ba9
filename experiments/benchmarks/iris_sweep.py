"""Iris sweep: 1,024 trials of a 4-16-3 network, 500 full-batch epochs of Adam each, learning rates log-spaced."""

from experiments.benchmarks import problems
from experiments.benchmarks.harness import Case
from experiments.benchmarks.peers import (
    equinox_models,
    flax_models,
    jaxnn_models,
    plain_jax,
    sklearn_models,
    torch_models,
)

TILES = (16, 32, 64, 128, 256)


def cases(quick: bool) -> list[Case]:
    """Returns one case; tools that train one model after the other are timed on some trials, for seconds a round."""
    trials, epochs = (8, 20) if quick else (1024, 500)
    problem = problems.iris(epochs=epochs, trials=trials)
    short = problem if quick else problems.iris(epochs=20, trials=8)

    def limit(count: int) -> int:
        return min(count, trials)

    contenders = [
        jaxnn_models.sweep_contender(problem, short),
        jaxnn_models.sweep_contender(problem, short, evaluate_at="epochs"),
        sklearn_models.classifier_contender(problem, short, limit(64)),
        torch_models.eager_contender(problem, short, limit(32)),
        torch_models.stacked_contender(problem, short, limit(256), (4,) if quick else (16, 64, 128)),
        flax_models.step_contender(problem, short, limit(64)),
        flax_models.fit_contender(problem, short, limit(256)),
        equinox_models.ensemble_contender(problem, short, trials),
        plain_jax.mapped_contender(problem, short, trials),
        plain_jax.tiled_contender(problem, short, trials, (2,) if quick else TILES),
        sklearn_models.optuna_contender(problem, limit(32)),
    ]
    title = f"iris sweep: {trials:,} trials of 4-16-3, {epochs} full-batch epochs of Adam, 120 flowers"
    return [Case("iris_sweep", title, contenders, problems.compute_cost(problem))]
