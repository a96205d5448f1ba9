"""Data, and a splitter whose folds have unequal sizes."""

import numpy as np

import jaxnn as nn

FLOWERS = nn.datasets.iris()
COUNT = 60
ROWS = np.random.default_rng(0).permutation(150)[:COUNT]
X = np.asarray(nn.scale(nn.standard_scaling(FLOWERS.x), FLOWERS.x))[ROWS]
LABELS = FLOWERS.targets[ROWS]
# 41, 33 and 16 of the rows, in an order of their own: with batches of 8 they take 6, 5 and 2 steps.
ORDER = np.random.default_rng(1).permutation(COUNT)
SPLITS = [(ORDER[:41], ORDER[41:]), (ORDER[20:53], ORDER[:7]), (ORDER[-16:], ORDER[:30])]
SPACE = {"learning_rate": nn.log_uniform(1e-3, 1e-1)}


class Splitter:
    """A splitter without scikit-learn."""

    def __init__(self, splits=SPLITS):
        self.splits = splits

    def split(self, x, y=None, groups=None):
        return iter(self.splits)

    def get_n_splits(self, x=None, y=None, groups=None):
        return len(self.splits)
