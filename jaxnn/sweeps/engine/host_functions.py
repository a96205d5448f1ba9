"""Scores and metrics that cannot be compiled, because they use NumPy or take no mask: computed on the host.

They are computed where a lane reaches its limit, at a rung or at its end. It is frozen there anyway, so no chunk is
shorter for it. The validation outputs come from a small compiled program for one lane.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxnn._kernels.program_cache import compile_function
from jaxnn.sweeps.engine.chunk_result import ChunkResult
from jaxnn.sweeps.engine.lanes import LaneReader, Lanes, ProgramSpec
from jaxnn.training.evaluation import Curves
from jaxnn.training.prepare import check_real_number
from jaxnn.training.tiles import apply_in_tiles

_COMPILED_CURVES = Curves._fields[:3]


class HostFunctions:
    """The functions of a program that the host computes."""

    def __init__(self, spec: ProgramSpec) -> None:
        self._spec = spec
        self._apply: Callable[..., Any] | None = None

    def evaluate(self, lanes: Lanes, limits: np.ndarray, result: ChunkResult) -> ChunkResult:
        """Returns the result of a chunk with the values of the lanes that reached their limit in it.

        Args:
            lanes: after the chunk.
            limits: the epoch at which each lane freezes; 0 for a free lane.
            result: of the chunk, with the curves of the compiled quantities.
        """
        spec, compiled = self._spec, result.curves
        names = *_COMPILED_CURVES, *spec.metrics
        curves = np.full((len(names), *compiled.shape[1:]), np.nan, compiled.dtype)
        for name, curve in zip((*_COMPILED_CURVES, *spec.compiled_metrics), compiled, strict=True):
            if name != "scores" or "score" not in spec.on_host:
                curves[names.index(name)] = curve
        # Losses are NaN where a lane is frozen. A lane that has reached its limit was in this chunk up to there.
        last = np.isfinite(compiled[0]).sum(axis=1) - 1
        at_end = np.asarray(lanes.state.epoch) >= limits
        if result.stopped is not None:
            at_end |= result.stopped > 0
        arrived = np.flatnonzero((limits > 0) & at_end & (result.diverged == 0) & (last >= 0))
        if not arrived.size:
            return result._replace(curves=curves)
        params = LaneReader(lanes, slice(0, len(limits))).read_params()
        values, fold = jax.device_get((lanes.values, lanes.fold))
        for lane in arrived.tolist():
            own_params, own_values = jax.tree.map(lambda leaf, lane=lane: leaf[lane], (params, values))
            for name, value in self._compute(own_params, own_values, int(fold[lane])).items():
                curves[names.index("scores" if name == "score" else name), lane, last[lane]] = value
        return result._replace(curves=curves)

    def _compute(self, params: Any, values: dict[str, Any], fold: int) -> dict[str, float]:
        """Returns the value of each function for one lane, from the outputs and targets of its own rows."""
        spec = self._spec
        rows = None if spec.folds is None else np.asarray(spec.folds.validation)[fold]
        counted = slice(None) if spec.folds is None else np.asarray(spec.folds.mask)[fold]
        x, targets = spec.data if spec.validation is None else spec.validation
        if self._apply is None:
            self._apply = compile_function(self._predict, params, values, x, rows)
        outputs = self._apply(params, values, x, rows)
        results = {}
        for name, function in spec.host_functions.items():
            result = function(_copy_rows(outputs, counted), _copy_rows(_copy_rows(targets, rows), counted))
            check_real_number("sweep", result, name)
            results[name] = float(result)
        return results

    def _predict(self, params: Any, values: dict[str, Any], x: Any, rows: Any) -> Any:
        if rows is not None:
            x = jax.tree.map(lambda leaf: jnp.asarray(leaf)[rows], x)
        return apply_in_tiles(self._spec.recipe_of(values).model.apply, params, x)


def _copy_rows(tree: Any, rows: Any) -> Any:
    """Returns some rows as NumPy arrays, which a function may change; None is all rows."""
    return jax.tree.map(lambda leaf: np.array(leaf if rows is None else np.asarray(leaf)[rows]), tree)
