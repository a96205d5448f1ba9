"""The length of a chunk: as long as few lanes wait, frozen, for others."""

import numpy as np

# The share of a chunk's lane-epochs that may be wasted on frozen lanes. Longer chunks are fewer, and the host's work
# between two of them takes about half a millisecond.
_MAX_WASTE = 0.03


def choose_epochs(left: np.ndarray, longest: int) -> int:
    """Returns the length of the longest chunk that wastes little, for trials with `left` epochs before their limits."""
    most = min(longest, int(left.max()))
    if left.min() >= most:
        return most
    lengths = np.arange(1, most + 1)
    # A trial with t epochs left is frozen in every epoch after its t-th.
    ended = np.cumsum(np.bincount(left, minlength=len(lengths)))[: len(lengths)]
    frozen = np.cumsum(ended)
    return int(lengths[frozen <= _MAX_WASTE * lengths * len(left)].max())
