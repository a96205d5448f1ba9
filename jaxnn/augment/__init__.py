"""Augmentation: random changes of the examples of a minibatch, in training only; see `Recipe.augment`.

An augmentation is a function `augment(key, x) -> x`, or `augment(key, x, targets) -> (x, targets)`; how many arguments
it takes says which. Those of this module take images (batch, height, width, channels), or series (batch, length,
channels), and draw anew for every example. Their numbers may be traced hypers of a sweep.

The training step looks up a minibatch, augments it, and calls the model. Images of uint8 therefore stay uint8 in
memory; a first part of the model may scale them, in training and in evaluation:

    >>> import jaxnn as nn, jax, optax
    >>> model = nn.chain(lambda x: x / 255, nn.cnn((8, 8, 1), (8,), 10))
    >>> augment = nn.augment.compose(nn.augment.shift(1), nn.augment.mixup(0.2))
    >>> recipe = nn.Recipe(model, nn.cross_entropy, optax.adam(0.01), batch_size=32, augment=augment)
    >>> noisy = recipe._replace(augment=lambda key, x: x + 0.1 * jax.random.normal(key, x.shape))
"""

from jaxnn.augment.calls import compose
from jaxnn.augment.cutout import cutout
from jaxnn.augment.flip import flip
from jaxnn.augment.mix import MixedTargets, compute_losses, cutmix, mixup
from jaxnn.augment.shift import crop, shift

__all__ = ["MixedTargets", "compose", "compute_losses", "crop", "cutmix", "cutout", "flip", "mixup", "shift"]
