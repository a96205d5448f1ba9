"""What the host reads after a chunk: one table, since each array that is read costs a tenth of a millisecond."""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from jaxnn.sweeps.engine.lanes import Lanes, ProgramSpec
from jaxnn.training.evaluation import Curves


class ChunkResult(NamedTuple):
    """What the host reads after a chunk.

    Attributes:
        diverged: the epoch in which a loss of each lane was not finite; 0 without one.
        curves: (quantity, lane, epoch), in the order of `Curves`, the metrics in that of the spec; NaN where a lane was
            frozen or not evaluated.
        stopped: the epoch after which the stopping rule ended each lane, 0 before that; None without a rule.
    """

    diverged: np.ndarray
    curves: np.ndarray
    stopped: np.ndarray | None = None

    @property
    def has_ends(self) -> bool:
        """Whether a lane diverged, or its rule ended it."""
        return bool(self.diverged.any() or (self.stopped is not None and self.stopped.any()))


def pack_result(spec: ProgramSpec, lanes: Lanes, curves: Curves) -> Array:
    """Packs the ends and curves of a chunk in a table with a row for each lane; a stopping rule's ends are negative."""
    ended = lanes.diverged
    if spec.stop is not None:
        ended = jnp.where(ended > 0, ended, -lanes.stopping.epoch)
    metrics = [curves.metrics[name] for name in spec.compiled_metrics]
    return jnp.concatenate([ended[:, None].astype(float), *curves[:3], *metrics], axis=1)


def unpack_result(spec: ProgramSpec, numbers: Array, epochs: int) -> ChunkResult:
    """Unpacks what `pack_result` packed, for the epochs of the chunk."""
    table = np.asarray(numbers)
    ended = table[:, 0].astype(np.int32)
    curves = table[:, 1:].reshape(len(table), -1, spec.max_epochs)[..., :epochs].swapaxes(0, 1)
    # A copy, of which trials keep views: it holds no epochs beyond this chunk.
    curves = np.array(curves, order="C")
    if spec.stop is None:
        return ChunkResult(ended, curves)
    return ChunkResult(ended.clip(min=0), curves, (-ended).clip(min=0))
