"""Training: the recipe, `fit` as a pure function, and `train` under a host loop."""
