"""A CNN with batch norm and augmentation.

A CNN learns handwritten digits of 8×8 pixels, from a thousand of them or from a generator
of batches, and becomes a file that runs without this library. The same code trains on
images of 28×28 or 32×32 pixels.
"""

# %% Data

from functools import partial
from pathlib import Path

import jax
import jax.export
import numpy as np
import optax

import jaxnn as nn

digits = nn.datasets.digits()
train, test = nn.train_test_split(
    jax.random.key(0), digits.data, test=0.4, stratify=digits.targets
)
print(train[0].shape, test[0].shape)

# %% The network
# `nn.cnn` is (convolution, norm, activation, max-pooling) for each number of filters, and
# dense layers after it. `norm="batch"` adds batch norms. Their running means and variances
# are `nn.Buffer`s among the params, so that `nn.predict`, `nn.save` and a sweep need
# nothing else. `nn.resnet` makes residual networks.

model = nn.cnn((8, 8, 1), (12, 24), 10, norm="batch", dropout=0.2)
params = model.init(jax.random.key(0))
print(jax.tree.map(lambda leaf: leaf.shape, params))

# %% Augmentation
# `augment` changes each minibatch at random, in training only. `nn.augment` has shifts,
# crops, flips, cut-outs, mixup and cutmix; `augment.compose` puts several together. Digits
# are not flipped: a mirrored 3 is no 3.

augment = nn.augment.compose(nn.augment.shift(1), nn.augment.mixup(0.1))

# %% Schedule, weight decay, label smoothing, a mean of the weights
# An optimizer may be a function of the total steps. Weights decay here, and biases and
# norms do not. `ema` keeps a moving mean of the parameters, which is what is evaluated.


def make_optimizer(steps):
    rate = optax.warmup_cosine_decay_schedule(0.0, 0.02, steps // 10, steps)
    mask = partial(jax.tree.map, lambda leaf: leaf.ndim > 1)
    return optax.adamw(rate, weight_decay=1e-3, mask=mask)


recipe = nn.Recipe(
    model,
    partial(nn.cross_entropy, label_smoothing=0.1),
    make_optimizer,
    batch_size=64,
    augment=augment,
    ema=0.9,
)
result = nn.train(
    recipe,
    train,
    key=jax.random.key(1),
    epochs=8,
    validation=test,
    score=nn.accuracy,
)
print(result.scores.round(3))

# %% Where it errs

outputs = nn.predict(model, result.params, test[0])
drawing, [[axes]] = nn.plots.figure()
nn.plots.confusion(axes, nn.confusion_matrix(outputs, test[1]), digits.classes)
nn.plots.save(drawing, "confusion.png")

# %% Freeze a part
# `nn.freeze` makes a model in which the named parts learn nothing and start where an
# earlier training ended, batch norms included: the rest learns on. `nn.unfreeze` gives the
# params of the model itself.

frozen = nn.freeze(model, ["conv_*", "norm_*"], params=result.params)
recipe = nn.Recipe(frozen, nn.cross_entropy, optax.adam(0.003), batch_size=64)
tuned = nn.train(recipe, train, key=jax.random.key(2), epochs=3)
outputs = nn.predict(model, nn.unfreeze(tuned.params), test[0])
print(f"{nn.accuracy(outputs, test[1]):.3f}")

# %% Batches from a generator
# `nn.train` takes batches as they come: a generator needs `steps=`, the number of batches
# of an epoch. Augmentation works as before.


def draw_batches():
    draws = np.random.default_rng(0)
    while True:
        rows = draws.integers(0, len(train[1]), 64)
        yield train[0][rows], train[1][rows]


streamed = nn.Recipe(model, nn.cross_entropy, optax.adam(0.01), augment=augment)
result = nn.train(
    streamed,
    draw_batches(),
    key=jax.random.key(3),
    epochs=6,
    steps=20,
    validation=test,
    score=nn.accuracy,
)
print(result.scores.round(2))

# %% Take it along
# `nn.export` makes one file of the network and its parameters (extra `export`), which needs
# JAX alone to run. Weights for PyTorch and Keras: see [PyTorch](from_pytorch.md).

program = nn.export(model, result.params, (8, 8, 1))
Path("digits.jax").write_bytes(program)
run = jax.jit(jax.export.deserialize(Path("digits.jax").read_bytes()).call)
difference = run(test[0]) - nn.predict(model, result.params, test[0])
print(abs(difference).max() < 1e-4)
