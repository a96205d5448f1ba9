"""Scores and metrics: functions `score(outputs, targets, *, where=None)` that give one number for a data set.

The mask `where`, shape `(batch,)`, leaves examples out: shorter folds are padded with rows that must not count. All are
written in `jax.numpy`, so that they can be compiled as `score=` or `metrics=`; an option is set with
`functools.partial(nn.f1, average="macro")`. Of targets `(labels, weights)` they use the labels, and every example
counts the same. `weights=` gives each example its weight, as scikit-learn's `sample_weight=`; `weighted(nn.auc)` is the
score that takes them from the targets.
"""
