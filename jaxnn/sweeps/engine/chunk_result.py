"""What the host reads after a chunk."""

from typing import NamedTuple

import numpy as np


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
