"""Bad batches of `train` that stream; `…` at the end of a message stands for the rest."""

import numpy as np
import optax

import jaxnn as nn
from helpers.bad_input.parts import KEY, LABELS, X, classifier, replace_at

BATCH = X[:6], LABELS[:6]
ITERATOR = "train: a generator, or another iterator, "


RECIPE = classifier()


def train(batches, recipe=RECIPE, **options):
    return lambda: nn.train(recipe, batches, **({"key": KEY, "epochs": 2, "progress": False} | options))


def following(batch):
    """Returns a list of a good batch and another one."""
    return [BATCH, batch]


class Tensor:
    def __array__(self, *_, **__):
        raise RuntimeError("can't convert a tensor on a GPU")


STREAM_CALLS = {
    "batches for fit": (
        lambda: nn.fit(RECIPE, iter([BATCH]), key=KEY, epochs=2),
        TypeError,
        "fit: data must be a pair (x, targets), not list_iterator; batches that stream are for train",
    ),
    "no batches": (train([]), ValueError, "train: the iterable of batches is empty"),
    "no batches of a function": (train(lambda epoch: []), ValueError, "train: the iterable of batches is empty"),
    "a function of nothing iterable": (
        train(lambda epoch: None),
        TypeError,
        "train: a function of the epoch must return an iterable of batches, not NoneType",
    ),
    "a generator without steps": (
        train(batch for batch in [BATCH] * 4),
        ValueError,
        f"{ITERATOR}is read once, so an epoch needs steps=, …",
    ),
    "a generator in a directory": (
        train(iter([BATCH] * 4), steps=2, directory="runs"),
        ValueError,
        f"{ITERATOR}cannot be read again, so a run in a directory cannot be resumed with it; …",
    ),
    "more steps than batches": (
        train([BATCH] * 3, steps=4),
        ValueError,
        "train: steps=4 batches make an epoch, but there are 3",
    ),
    "a generator that ends early": (
        train(iter([BATCH]), steps=4),
        ValueError,
        "train: the batches of epoch 1 ended after 1, fewer than steps=4",
    ),
    "steps 0": (train([BATCH], steps=0), ValueError, "train: steps must be at least 1, not 0"),
    "steps a float": (train([BATCH], steps=2.0), TypeError, "train: steps must be a whole number, not 2.0"),
    "steps of arrays": (
        train((X, LABELS), steps=2),
        ValueError,
        "train: steps= is for an iterable of batches; an epoch of arrays takes every example once",
    ),
    "targets missing": (
        train([(X,)]),
        TypeError,
        "train: batch 1 of epoch 1 must be a pair (x, targets), not a tuple of 1 parts",
    ),
    "batches of x alone": (
        train(iter([X]), steps=1),
        TypeError,
        "train: batch 1 of epoch 1 must be a pair (x, targets), not ndarray",
    ),
    "batches as dicts": (
        train(iter([{"x": X}]), steps=1),
        TypeError,
        "train: batch 1 of epoch 1 must be a pair (x, targets), not dict",
    ),
    "no x": (
        train([((), LABELS)]),
        TypeError,
        "train: batch 1 of epoch 1: x must be an array, or a pytree of arrays, not ()",
    ),
    "text as x": (
        train([("text", LABELS)]),
        TypeError,
        "train: batch 1 of epoch 1: x must be a NumPy or JAX array, not str",
    ),
    "a tensor that NumPy cannot read": (
        train([(Tensor(), LABELS)]),
        TypeError,
        "train: batch 1 of epoch 1: x must be an array that NumPy can read: can't convert a tensor on a GPU",
    ),
    "NaN": (
        train(following((replace_at(X[:6], (5, 2), np.nan), LABELS[:6]))),
        ValueError,
        "train: batch 2 of epoch 1: x must be finite, but row 5, column 2 holds nan",
    ),
    "targets of another length": (
        train([(X[:6], LABELS[:5])]),
        ValueError,
        "train: batch 1 of epoch 1: every array needs one row for each example, but targets has 5, x has 6",
    ),
    "labels that do not fit the loss": (
        train([(X[:6], np.full(6, 3))]),
        ValueError,
        "cross_entropy: labels must lie in 0 … 2 for 3 classes, but row 0 holds 3",
    ),
    "x that does not fit the model": (
        train([(X[:6, :3], LABELS[:6])]),
        ValueError,
        "dense: x (6, 3) has 3 features, but weight (4, 17) takes 4",
    ),
    "another shape": (
        train(following((X[:6, :3], LABELS[:6]))),
        ValueError,
        "train: batch 2 of epoch 1: x must be float32 of shape ('rows', 4), as in the first batch, not float32 of "
        "shape ('rows', 3)",
    ),
    "another type": (
        train(following((X[:6], LABELS[:6].astype("f")))),
        ValueError,
        "train: batch 2 of epoch 1: targets must be int32 of shape ('rows',), as in the first batch, not float32 of "
        "shape ('rows',)",
    ),
    "another structure": (
        train(following((X[:6], {"labels": LABELS[:6]}))),
        ValueError,
        "train: batch 2 of epoch 1 must have the structure of the first batch, PyTreeDef(…",
    ),
    "more rows": (
        train(following((X[:7], LABELS[:7]))),
        ValueError,
        "train: batch 2 of epoch 1 has 7 rows, but only a batch with fewer than the 6 of the first may differ",
    ),
    "another batch size in the recipe": (
        train([BATCH], classifier()._replace(batch_size=5)),
        ValueError,
        "train: the first batch has 6 rows, but batch_size=5 in the Recipe; leave it out, …",
    ),
    "a schedule without steps": (
        train(lambda epoch: [BATCH], classifier()._replace(optimizer=lambda steps: optax.sgd(0.1))),
        ValueError,
        "train: the optimizer is a function of the total steps: give steps=, the batches of an epoch",
    ),
    "an iterator as the validation part": (
        train([BATCH], validation=iter([BATCH])),
        TypeError,
        "train: validation must be arrays (x, targets), not list_iterator; put its batches together first",
    ),
    "shuffled batches of x alone": (
        lambda: nn.shuffled_batches(KEY, X, 5),
        TypeError,
        "shuffled_batches: data must be a pair (x, targets), not ndarray",
    ),
    "shuffled batches larger than the data": (
        lambda: nn.shuffled_batches(KEY, (X, LABELS), 16),
        ValueError,
        "shuffled_batches: batch_size must be at most the number of examples, 15, not 16",
    ),
    "shuffled batches of other lengths": (
        lambda: nn.shuffled_batches(KEY, (X, LABELS[:3]), 2),
        ValueError,
        "shuffled_batches: every array needs one row for each example, but targets has 3, x has 15",
    ),
    "shuffled batches without a key": (
        lambda: nn.shuffled_batches(0, (X, LABELS), 2),
        TypeError,
        "key must be one jax.random.key, not 0; …",
    ),
}
