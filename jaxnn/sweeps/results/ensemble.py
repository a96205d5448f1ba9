"""Predictions of several trained networks: the mean over trials, and over the repeats and folds of each."""

from typing import Any

import jax
import jax.numpy as jnp

from jaxnn.sweeps.engine.preparation import apply_preparation
from jaxnn.training.evaluation import predict


def predict_mean(result: Any, best: int, x: Any) -> Any:
    """Returns the mean of the outputs of the best trials of a `SweepResult`, whose parameters were kept."""
    ranked = sorted(result.kept, key=lambda trial: -result.trials[trial].rank)
    if not 1 <= best <= len(ranked):
        raise ValueError(
            f"sweep: best must lie in 1 … {len(ranked)}, the trials whose parameters were kept, not {best}"
        )
    return _mean([_predict(result, trial, x) for trial in ranked[:best]])


def count_lanes(params: Any) -> int:
    """Returns the number of lanes on the first axis of parameters."""
    return len(jax.tree.leaves(params)[0])


def _predict(result: Any, trial: int, x: Any) -> Any:
    model, lanes = result.recipe_of(trial).model, range(count_lanes(result.kept[trial]))
    return _mean([predict(model, result.params(trial, lane=lane), _prepare(result, x, lane)) for lane in lanes])


def _prepare(result: Any, x: Any, lane: int) -> Any:
    """Prepares x as the training rows of a lane; the lanes of a trial are repeats × folds."""
    if not result.preparations:
        return x
    return apply_preparation("sweep: predict", result.preparations[lane % len(result.preparations)], x)


def _mean(outputs: list[Any]) -> Any:
    return jax.tree.map(lambda *leaves: jnp.mean(jnp.stack(leaves), axis=0), *outputs)
