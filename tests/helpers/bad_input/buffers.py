"""Bad models with buffers; `…` at the end of a message stands for the rest."""

import jax
import numpy as np
import optax

import jaxnn as nn
from helpers.bad_input.parts import KEY
from helpers.running_mean import MODEL, Params, train_apply

X = np.ones((6, 2), "f")
DATA = (X, np.ones((6, 1), "f"))
PARAMS = Params(np.ones((2, 1), "f"), nn.Buffer(np.zeros(2, "f")), nn.Buffer(np.int32(0)))
OPTIMIZER = optax.sgd(0.1)
STATE = nn.TrainingState(PARAMS, OPTIMIZER.init(PARAMS), KEY, np.int32(0))
RETURNS = "train_apply must return params as it takes them"


def recipe(train_apply=MODEL.train_apply, batch_size=4, **options):
    return nn.Recipe(MODEL._replace(train_apply=train_apply), nn.squared_error, OPTIMIZER, batch_size, **options)


def fit(train_apply=MODEL.train_apply, params=None, **options):
    return lambda: nn.fit(recipe(train_apply, **options), DATA, key=KEY, epochs=2, params=params)


def returning(change):
    """Returns a `train_apply` that changes what it returns."""

    def changed(params, x, *, key, where=None):
        return change(*train_apply(params, x, key=key, where=where))

    return changed


def with_mean(value):
    return returning(lambda outputs, params: (outputs, params._replace(mean=value(params.mean.value))))


def fit_with(**changed):
    """Returns a call of `fit` whose model makes other params."""

    def init(key):
        return MODEL.init(key)._replace(**{name: make(key) for name, make in changed.items()})

    model = MODEL._replace(init=init)
    return lambda: nn.fit(recipe()._replace(model=model), DATA, key=KEY, epochs=2)


CONSTANT = nn.Model(
    lambda key: nn.Buffer(np.zeros((), "f")),
    lambda params, x, *, key=None: x[:, :1],
    lambda params, x, *, key, where=None: (x[:, :1], params),
)
CONSTANTS = (
    "the model has buffers (mean, steps), but no train_apply, which gives their new values; for constants it is "
    "lambda params, x, *, key, where=None: (apply(params, x, key=key), params)"
)
BUFFER_CALLS = {
    "no train_apply": (fit(None), ValueError, f"fit: {CONSTANTS}"),
    "no train_apply in advance": (
        lambda: nn.advance(recipe(None, None), DATA, STATE, epochs=1),
        ValueError,
        f"advance: {CONSTANTS}",
    ),
    "no train_apply in train": (
        lambda: nn.train(recipe(None), DATA, key=KEY, epochs=1, progress=False),
        ValueError,
        f"train: {CONSTANTS}",
    ),
    "train_apply a string": (
        fit("train"),
        TypeError,
        "Recipe: train_apply of the model must be a function or None, not 'train'",
    ),
    "train_apply returns outputs alone": (
        fit(returning(lambda outputs, params: outputs)),
        TypeError,
        "fit: train_apply must return a pair (outputs, params), not ShapeDtypeStruct",
    ),
    "train_apply returns the values of buffers": (
        fit(with_mean(lambda mean: mean)),
        ValueError,
        f"fit: {RETURNS}; those returned lack mean.value",
    ),
    "train_apply returns other shapes": (
        fit(with_mean(lambda mean: nn.Buffer(mean[None]))),
        ValueError,
        f"fit: {RETURNS}: mean.value must be float32 of shape (2,), not float32 of shape (1, 2)",
    ),
    "train_apply returns other types": (
        fit(with_mean(lambda mean: nn.Buffer(mean.astype(int)))),
        ValueError,
        f"fit: {RETURNS}: mean.value must be float32 of shape (2,), not int32 of shape (2,)",
    ),
    "train_apply returns another structure": (
        fit(returning(lambda outputs, params: (outputs, tuple(params)))),
        ValueError,
        f"fit: {RETURNS}; those returned lack mean.value, steps.value, weight",
    ),
    "train_apply without where": (
        fit(lambda params, x, *, key: train_apply(params, x, key=key)),
        TypeError,
        "<lambda>() got an unexpected keyword argument 'where'",
    ),
    "the outputs of train_apply have no axis of examples": (
        fit(returning(lambda outputs, params: (outputs[:3], params))),
        ValueError,
        "squared_error: outputs and targets must have the same shape (batch, outputs), not (3, 1) and (4, 1)",
    ),
    "a counter without a mark": (
        fit_with(steps=lambda key: np.int32(0)),
        TypeError,
        "fit: params: steps holds int32, which has no gradient; mark numbers that are not learned as nn.Buffer",
    ),
    "a key in a buffer": (
        fit_with(steps=lambda key: nn.Buffer(key)),
        TypeError,
        "fit: params: steps.value must hold numbers, not keys; train_apply gets a key",
    ),
    "nothing to learn": (
        lambda: nn.fit(recipe()._replace(model=CONSTANT), DATA, key=KEY, epochs=2),
        ValueError,
        "fit: the model has nothing to learn: model.init makes no params but buffers",
    ),
    "a counter of floats": (
        fit(params=PARAMS._replace(steps=nn.Buffer(np.float32(0)))),
        TypeError,
        "fit: params: steps.value must hold whole numbers, not float32",
    ),
    "params without their buffers": (
        lambda: nn.predict(MODEL, PARAMS._replace(mean=None), X),
        ValueError,
        "predict: params must match those that model.init makes: params lack mean.value",
    ),
    "a mask with buffers": (
        lambda: nn.fit(
            recipe()._replace(optimizer=optax.adamw(0.1, mask=jax.tree.map(lambda leaf: leaf.ndim > 1, PARAMS))),
            DATA,
            key=KEY,
            epochs=2,
            params=PARAMS,
        ),
        ValueError,
        "Recipe: the optimizer does not take the learned params, which have None in the places of buffers; give masks "
        "and labels as functions, lambda params: jax.tree.map(…, params): pytree structure error…",
    ),
}
