"""Losses: functions `loss(outputs, targets)` with one value per example, shape `(batch,)`.

`Recipe.reduction` makes one number of them, by default the mean. Errors of several outputs add up; those of several
labels are averaged, as in PyTorch and Keras. An option of a loss is set with `functools.partial(nn.huber, delta=2.0)`,
and may be a traced hyper. Whole numbers, bools and narrow floats are computed in float32.

The per-example losses of optax can be used directly; its elementwise ones (`l2_loss`) need a sum over the last axis.
"""
