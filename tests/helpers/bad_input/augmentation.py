"""Bad augmentations, and bad images for them; `…` at the end of a message stands for the rest."""

import jax
import numpy as np

import jaxnn as nn
from helpers.bad_input.parts import IMAGES, KEY, LABELS, X, classifier, digits

A = nn.augment
RULE = "an augmentation must be a function of (key, x), or of (key, x, targets)"


def fit(augment, recipe=digits, data=(IMAGES, LABELS), **options):
    recipe = recipe()._replace(augment=augment, **options)
    return lambda: nn.fit(recipe, data, key=KEY, epochs=1)


def call(augment, x=IMAGES, key=KEY):
    # Traced, since shapes are all that is checked.
    return lambda: jax.eval_shape(augment, key, x)


AUGMENTATION_CALLS = {
    "not a function": (fit("flip"), TypeError, f"Recipe: {RULE}, not 'flip'"),
    "of x alone": (fit(lambda x: x), TypeError, f"Recipe: {RULE}, not of (x)"),
    "of any arguments": (fit(lambda *given: given), TypeError, f"Recipe: {RULE}, not of (*given)"),
    "a part that is not a function": (lambda: A.compose(A.flip(), 2), TypeError, f"augment.compose: {RULE}, not 2"),
    "another shape": (
        fit(lambda key, x: x[:, 1:], batch_size=5),
        ValueError,
        "fit: augment must keep the shape of x, (5, 8, 8, 1) for a batch, not (5, 7, 8, 1)",
    ),
    "another batch": (
        fit(lambda key, x: x[1:]),
        ValueError,
        "fit: augment must keep the shape of x, (15, 8, 8, 1) for a batch, not (14, 8, 8, 1)",
    ),
    "another structure": (
        fit(lambda key, x: (x, x)),
        ValueError,
        "fit: augment must keep the structure of x, PyTreeDef(*), not PyTreeDef((*, *))",
    ),
    "x without targets": (
        fit(lambda key, x, targets: x),
        TypeError,
        "Recipe: augment(key, x, targets) must return the pair (x, targets), not an array",
    ),
    "fewer targets": (
        fit(lambda key, x, targets: (x, targets[1:])),
        ValueError,
        "cross_entropy: labels must have shape (15,), one for each row of logits, not (14,)",
    ),
    "a table": (
        fit(A.flip(), classifier, (X, LABELS)),
        ValueError,
        "augment.flip: x must be images (batch, height, width, channels) or series (batch, length, channels), "
        "not of shape (15, 4)",
    ),
    "a pytree": (
        call(A.cutout(1), {"image": IMAGES}),
        ValueError,
        "augment.cutout: x must be images (batch, height, width, channels) or series (batch, length, channels), "
        "not dict",
    ),
    "pixels a float": (
        lambda: A.shift(1.5),
        TypeError,
        "augment.shift: pixels must be a whole number, not 1.5",
    ),
    "pixels negative": (lambda: A.shift(-1), ValueError, "augment.shift: pixels must be at least 0, not -1"),
    "pixels a traced float": (
        lambda: jax.eval_shape(lambda pixels: A.shift(pixels)(KEY, IMAGES), 0.5),
        TypeError,
        "augment.shift: pixels must be a whole number, such as those of nn.integers, not float32",
    ),
    "pixels as many as those of the image": (
        fit(A.shift(8)),
        ValueError,
        "augment.shift: images of 8 × 8 pixels must be larger than 8",
    ),
    "padding None": (lambda: A.crop(None), TypeError, "augment.crop: padding must be a whole number, not None"),
    "another fill": (
        lambda: A.shift(1, fill="wrap"),
        ValueError,
        "augment.shift: fill must be 'zero', 'edge' or 'reflect', not 'wrap'",
    ),
    "a rate above 1": (
        lambda: A.flip(1.5),
        ValueError,
        "augment.flip: rate, the probability, must lie in [0, 1], not 1.5",
    ),
    "a rate of None": (lambda: A.flip(None), TypeError, "augment.flip: rate must be a number, not None"),
    "the axis of channels": (
        call(A.flip(axis=3)),
        ValueError,
        "augment.flip: axis must be an axis of space of x (15, 8, 8, 1), from 1 to 2, not 3",
    ),
    "the axis of examples": (
        call(A.flip(axis=-4)),
        ValueError,
        "augment.flip: axis must be an axis of space of x (15, 8, 8, 1), from 1 to 2, not -4",
    ),
    "an axis too far": (
        call(A.flip(axis=-9)),
        ValueError,
        "augment.flip: axis must be an axis of space of x (15, 8, 8, 1), from 1 to 2, not -9",
    ),
    "size negative": (lambda: A.cutout(-1), ValueError, "augment.cutout: size must be at least 0, not -1"),
    "alpha 0": (lambda: A.mixup(0), ValueError, "augment.mixup: alpha must be positive, not 0.0"),
    "alpha NaN": (lambda: A.cutmix(np.nan), ValueError, "augment.cutmix: alpha must be positive, not nan"),
    "alpha a string": (lambda: A.mixup("a"), TypeError, "augment.mixup: alpha must be a number, not 'a'"),
}
