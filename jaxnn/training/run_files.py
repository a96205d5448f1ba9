"""The run directory of a training: what describes the training, how it goes on from a checkpoint, and its table.

A run may go on to more epochs than those with which it started. Its description stays that of the start: every call
describes itself with the number of epochs in the directory. Each checkpoint records the epoch limit of its call.
"""

from collections.abc import Callable, Iterable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.stages import Traced
from jaxtyping import Array

from jaxnn._kernels.digest import digest_program
from jaxnn.io.runs import Run
from jaxnn.io.runs.fingerprint import describe, describe_arrays, describe_environment, describe_state
from jaxnn.training.evaluation import Curves
from jaxnn.training.loop import LoopConfig, LoopState
from jaxnn.training.recipe import Recipe
from jaxnn.training.state_check import check_fixed_optimizer


def describe_training(
    config: LoopConfig, program: str, loop: LoopState, options: dict[str, Any], arrays: dict[str, Any]
) -> dict[str, Any]:
    """Describes everything that decides the bits of a training.

    Args:
        config: the functions.
        program: the digest of what they compute.
        loop: the initial state.
        options: plain values, by name.
        arrays: the arrays that the caller gave, by name.
    """
    parts = {f"recipe.{name}": describe(part) for name, part in config.recipe._asdict().items()}
    functions = {"recipe.traced": program}
    functions |= {"score": describe(config.score), "stop": describe(config.stop)}
    described = {"kind": "train"} | options | parts | functions | {"initial state": describe_state(loop)}
    return described | describe_arrays("", arrays) | describe_environment()


def digest_traces(traces: Iterable[Traced]) -> str:
    """Returns one digest of what traced functions compute."""
    return " ".join(digest_program(traced.jaxpr).text for traced in traces)


def adapt_epochs(
    recipe: Recipe, epochs: int, describe_with: Callable[[int], dict[str, Any]]
) -> Callable[[dict[str, Any], dict[str, Any]], dict[str, Any]]:
    """Returns the `adapt` of `open_run`: a run goes on to `epochs` epochs, which may be more than at its start.

    Args:
        recipe: as the user gave it.
        epochs: the epoch limit of this call.
        describe_with: describes this call as if it had another epoch limit.
    """

    def adapt(saved: dict[str, Any], checkpoint: dict[str, Any]) -> dict[str, Any]:
        if saved["kind"] != "train" or saved["epochs"] == epochs == _get_limit(checkpoint, saved):
            return describe_with(epochs)
        if checkpoint["epoch"] > epochs:
            raise ValueError(
                f"train: the run in the directory has done {checkpoint['epoch']} epochs, more than epochs={epochs}. "
                "Make the same call, or give another directory"
            )
        check_fixed_optimizer("train", recipe, epochs)
        return describe_with(saved["epochs"])

    return adapt


def restore_loop(run: Run, epochs: int, init_with: Callable[[int], LoopState]) -> LoopState:
    """Returns the loop state from which a run goes on, with curves for `epochs` epochs.

    Args:
        run: a new run, or one that resumes.
        epochs: the epoch limit of this call.
        init_with: returns the loop state before the first epoch, for an epoch limit.
    """
    if run.resumed_from is None:
        return init_with(epochs)
    loop = run.restore(init_with(_get_limit(run.resumed_from, run.configuration)))
    return loop._replace(curves=jax.tree.map(lambda curve: _resize(curve, epochs), loop.curves))


def _get_limit(checkpoint: dict[str, Any], configuration: dict[str, Any]) -> int:
    """Returns the epoch limit of the call that saved a checkpoint."""
    return checkpoint.get("limit", configuration["epochs"])


def _resize(curve: Array, epochs: int) -> Array:
    """Returns the beginning of a curve, or the curve followed by zeros."""
    resized = np.zeros(epochs, curve.dtype)
    known = min(epochs, len(curve))
    resized[:known] = curve[:known]
    return jnp.asarray(resized)


def curves_by_name(loop: LoopState) -> dict[str, np.ndarray]:
    """Returns the curves; without a validation part only that of the loss."""
    named = zip(("loss", "validation_loss", "score"), loop.curves[:3], strict=True)
    return {name: np.asarray(curve) for name, curve in named if curve is not None}


def cut_curves(loop: LoopState, first: int) -> Curves:
    """Returns the curves of the epochs that ran; NaN for the `first` ones, which ran before this training."""
    curves = jax.tree.map(lambda curve: np.array(curve)[: int(loop.state.epoch)], loop.curves)
    for curve in jax.tree.leaves(curves):
        curve[:first] = np.nan
    return curves


def make_tables(loop: LoopState, first: int) -> dict[str, str]:
    """Returns the curves as CSV, a row for each epoch that ran after the first `first`."""
    curves, epochs = curves_by_name(loop), int(loop.state.epoch)
    rows = zip(range(first + 1, epochs + 1), *(curve[first:epochs] for curve in curves.values()), strict=True)
    lines = [",".join(["epoch", *curves]), *(",".join(map(str, row)) for row in rows)]
    return {"curves.csv": "\n".join(lines) + "\n"}
