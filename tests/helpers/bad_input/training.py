"""Bad options, recipes and parameters of `fit`, `train`, `advance`, `predict` and `evaluate`.

`…` at the end of a message stands for the rest, such as the address of a function or the numbers of a key.
"""

import functools

import jax
import numpy as np
import optax

import jaxnn as nn
from helpers.bad_input.parts import KEY, KEYS, LABELS, SGD, X, classifier, make_params, replace_at

DATA, RECIPE = (X, LABELS), classifier()
PARAMS = make_params([4, 17, 3])
OUTPUT = PARAMS["output"]
STATE = nn.TrainingState(PARAMS, SGD.init(PARAMS), KEY, np.int32(0))
MOMENTUM = RECIPE._replace(optimizer=optax.sgd(0.1, momentum=0.9))
WIDE = MOMENTUM.optimizer.init(make_params([4, 16, 3]))
OPTIMIZER = (
    "Recipe: optimizer must be an optax transformation, such as optax.adam(0.01), "
    "or a function of the total steps that gives one, not "
)
PLATEAU = "reduce_on_plateau"
RULE = "stop must be a stopping rule, with init and update, not "
MAKES = "params must match those that model.init makes: "


def fit(recipe=RECIPE, data=DATA, **options):
    return lambda: nn.fit(recipe, data, **({"key": KEY, "epochs": 2} | options))


def train(data=DATA, recipe=RECIPE, **options):
    return lambda: nn.train(recipe, data, **({"key": KEY, "epochs": 2, "progress": False} | options))


def advance(epochs=1, data=DATA, params=PARAMS):
    return lambda: nn.advance(RECIPE, data, STATE._replace(params=params), epochs=epochs)


def predict(x=X, params=PARAMS, model=RECIPE.model, **options):
    return lambda: nn.predict(model, params, x, **options)


def evaluate(data=DATA, params=PARAMS, recipe=RECIPE, **options):
    return lambda: nn.evaluate(recipe, params, data, **options)


def with_output(weight=OUTPUT.weight, bias=OUTPUT.bias):
    return {**PARAMS, "output": nn.Affine(weight, bias)}


TRAINING_CALLS = {
    "epochs 0": (fit(epochs=0), ValueError, "fit: epochs must be at least 1, not 0"),
    "epochs negative": (train(epochs=-1), ValueError, "train: epochs must be at least 1, not -1"),
    "epochs a float": (advance(epochs=2.0), TypeError, "advance: epochs must be a whole number, not 2.0"),
    "epochs NaN": (fit(epochs=np.nan), TypeError, "fit: epochs must be a whole number, not nan"),
    "epochs True": (train(epochs=True), TypeError, "train: epochs must be a whole number, not True"),
    "epochs a string": (fit(epochs="5"), TypeError, "fit: epochs must be a whole number, not '5'"),
    "epochs None": (advance(epochs=None), TypeError, "advance: epochs must be a whole number, not None"),
    "key a number": (train(key=0), TypeError, "key must be one jax.random.key, not 0; jax.random.key(0) makes one"),
    "key None": (fit(key=None), TypeError, "key must be one jax.random.key, not None"),
    "key of the old style": (
        fit(key=np.zeros(2, "u4")),
        TypeError,
        "key must be one jax.random.key, not an old-style key; jax.random.key(0) makes a key in place of "
        "jax.random.PRNGKey(0)",
    ),
    "a batch of keys": (
        train(key=KEYS),
        TypeError,
        "key must be one jax.random.key, not an array of 2 keys; take one of them, such as key[0]",
    ),
    "key of predict": (predict(key=1), TypeError, "key must be one jax.random.key, not 1; jax.random.key(1) makes one"),
    "key of init": (lambda: RECIPE.model.init(7), TypeError, "key must be one jax.random.key, not 7; …"),
    "recipe None": (fit(None), TypeError, "recipe must be a Recipe, not NoneType"),
    "recipe a model": (evaluate(recipe=RECIPE.model), TypeError, "recipe must be a Recipe, not Model"),
    "model None": (
        fit(RECIPE._replace(model=None)),
        TypeError,
        "Recipe: model must be a Model, a pair of functions (init, apply), not None",
    ),
    "model a recipe": (
        predict(model=RECIPE),
        TypeError,
        "predict: model must be a Model, a pair of functions (init, apply), not an object of type Recipe",
    ),
    "loss a string": (fit(RECIPE._replace(loss="mse")), TypeError, "Recipe: loss must be a function, not 'mse'"),
    "reduction None": (
        evaluate(recipe=RECIPE._replace(reduction=None)),
        TypeError,
        "Recipe: reduction must be a function, not None",
    ),
    "optimizer None": (fit(RECIPE._replace(optimizer=None)), TypeError, OPTIMIZER + "None"),
    "optimizer a number": (fit(RECIPE._replace(optimizer=0.1)), TypeError, OPTIMIZER + "0.1"),
    "optimizer not called": (
        fit(RECIPE._replace(optimizer=optax.adam)),
        TypeError,
        OPTIMIZER + "the function adam",
    ),
    "optimizer function that returns None": (
        fit(RECIPE._replace(optimizer=lambda steps: None)),
        TypeError,
        "Recipe: optimizer, called with the total steps, must give a transformation, not None",
    ),
    "ema 1": (
        fit(RECIPE._replace(ema=1)),
        ValueError,
        "Recipe: ema, the weight of the mean so far, must lie in [0, 1), not 1.0",
    ),
    "ema NaN": (
        train(recipe=RECIPE._replace(ema=np.nan)),
        ValueError,
        "Recipe: ema, the weight of the mean so far, must lie in [0, 1), not nan",
    ),
    "ema a string": (fit(RECIPE._replace(ema="0.9")), TypeError, "Recipe: ema must be a number, not '0.9'"),
    "ema an array": (
        fit(RECIPE._replace(ema=np.ones(2))),
        TypeError,
        "Recipe: ema must be a number, not an array of shape (2,)",
    ),
    "drop_last None": (
        fit(RECIPE._replace(drop_last=None)),
        TypeError,
        "Recipe: drop_last must be True or False, not None",
    ),
    "params a string": (
        fit(params="best"),
        ValueError,
        f"fit: {MAKES}params lack hidden_1.weight, hidden_1.bias, output.weight, output.bias; the model has no params",
    ),
    "params empty": (
        predict(params={}),
        ValueError,
        f"predict: {MAKES}params lack hidden_1.weight, hidden_1.bias, output.weight, output.bias",
    ),
    "params None": (predict(params=None), ValueError, f"predict: {MAKES}params lack hidden_1.weight, …"),
    "params a result": (
        predict(params=STATE),
        TypeError,
        "predict: params must be those of the result, its .params, not a TrainingState",
    ),
    "params of lanes": (
        predict(params=jax.tree.map(lambda leaf: leaf[None], PARAMS)),
        ValueError,
        "predict: params: hidden_1.weight must have shape (4, 17), as model.init makes it, not (1, 4, 17); its first "
        "axis holds lanes of a sweep, of which result.params(trial, lane=0) takes one",
    ),
    "params and x exchanged": (
        lambda: nn.predict(RECIPE.model, DATA[0], PARAMS),
        ValueError,
        f"predict: {MAKES}params lack hidden_1.weight, hidden_1.bias, output.weight, output.bias; the model has no "
        "params",
    ),
    "params of more layers": (
        advance(params=make_params([4, 17, 17, 3])),
        ValueError,
        f"advance: {MAKES}the model has no hidden_2.weight, hidden_2.bias",
    ),
    "params as tuples": (
        evaluate(params={**PARAMS, "output": tuple(OUTPUT)}),
        ValueError,
        f"evaluate: {MAKES}params lack output.weight, output.bias; the model has no output.0, output.1",
    ),
    "params in another structure": (
        predict(params={**PARAMS, "output": OUTPUT._asdict()}),
        TypeError,
        "predict: params must have the structure of those that model.init makes, PyTreeDef(…",
    ),
    "params of another width": (
        train(params=make_params([4, 16, 3])),
        ValueError,
        "train: params: hidden_1.weight must have shape (4, 17), as model.init makes it, not (4, 16)",
    ),
    "params with one bias": (
        evaluate(params=with_output(bias=np.zeros(1, "f"))),
        ValueError,
        "evaluate: params: output.bias must have shape (3,), as model.init makes it, not (1,)",
    ),
    "params of whole numbers": (
        fit(params=with_output(bias=np.zeros(3, int))),
        TypeError,
        "fit: params: output.bias must hold floating-point numbers, not int32",
    ),
    "params of complex numbers": (
        predict(params=with_output(bias=np.zeros(3, "c8"))),
        TypeError,
        "predict: params: output.bias must hold floating-point numbers, not complex64",
    ),
    "params of strings": (
        evaluate(params=with_output(bias="zeros")),
        TypeError,
        "evaluate: params: output.bias must be an array, not 'zeros'",
    ),
    "x None": (predict(None), ValueError, "predict: the data set is empty: {'x': None} holds no array"),
    "x complex": (predict(X + 0j), TypeError, "predict: x must hold real numbers, not complex64"),
    "x of objects": (predict(X.astype(object)), TypeError, "predict: x must hold real numbers, not object; …"),
    "x a pair": (predict(DATA), TypeError, "dense: x must be an array, not tuple"),
    "data None": (evaluate(None), TypeError, "evaluate: data must be a pair (x, targets), not NoneType"),
    "validation x alone": (
        train(validation=X),
        TypeError,
        "train: validation: data must be a pair (x, targets), not …",
    ),
    "validation too wide": (
        train(validation=(X[:, :2], LABELS)),
        ValueError,
        "dense: x (15, 2) has 2 features, but weight (4, 17) takes 4",
    ),
    "validation of no rows": (
        train(validation=(X[:0], LABELS[:0])),
        ValueError,
        "train: validation: the data set is empty: its arrays have 0 rows",
    ),
    "validation of NaN": (
        train(validation=(replace_at(X, (1, 1), np.nan), LABELS)),
        ValueError,
        "train: validation: x must be finite, but row 1, column 1 holds nan",
    ),
    "score without validation": (
        train(score=nn.accuracy),
        ValueError,
        "train: a score needs validation=(x, targets), on which it is computed",
    ),
    "score of which lower is better": (
        train(validation=DATA, score=nn.mean_absolute_error),
        ValueError,
        "train: of a score higher is better, but mean_absolute_error is an error; use "
        "nn.negative(nn.mean_absolute_error)",
    ),
    "score of which lower is better, with an option": (
        train(validation=DATA, score=functools.partial(nn.log_loss, where=None)),
        ValueError,
        "train: of a score higher is better, but log_loss is an error; use nn.negative(nn.log_loss)",
    ),
    "penalty a number": (
        fit(RECIPE._replace(penalty=0.1)),
        TypeError,
        "Recipe: penalty must be a function of the params, not 0.1",
    ),
    "score a string": (
        evaluate(score="accuracy"),
        TypeError,
        "evaluate: score must be a function of outputs and targets, not 'accuracy'",
    ),
    "score of an array": (
        train(validation=DATA, score=lambda outputs, labels: outputs),
        ValueError,
        "train: score must give one real number, not an array of shape (15, 3)",
    ),
    "a stopping rule not called": (fit(stop=nn.no_improvement), TypeError, f"fit: {RULE}<function no_improvement…"),
    "a stopping rule as a string": (train(stop="early"), TypeError, f"train: {RULE}'early'"),
    "params of shapes": (
        fit(params=jax.eval_shape(RECIPE.model.init, KEY)),
        TypeError,
        "fit: params: hidden_1.weight must be an array, not a shape, ShapeDtypeStruct(shape=(4, 17), dtype=float32)",
    ),
    "params as state": (
        lambda: nn.advance(RECIPE, DATA, PARAMS, epochs=1),
        TypeError,
        "advance: state must be a TrainingState, from init_training, not dict",
    ),
    "another optimizer's state": (
        lambda: nn.advance(RECIPE._replace(optimizer=optax.adam(0.1)), DATA, STATE, epochs=1),
        ValueError,
        "advance: state holds an optimizer state that the recipe's optimizer does not make",
    ),
    "an optimizer state of other shapes": (
        lambda: nn.advance(MOMENTUM, DATA, STATE._replace(optimizer_state=WIDE), epochs=1),
        ValueError,
        "advance: state: optimizer_state.0.trace.hidden_1.weight must have shape (4, 17), as the recipe's optimizer "
        "makes it, not (4, 16)",
    ),
    "a result as state": (
        train(state=PARAMS),
        TypeError,
        "train: state must be a TrainingState, from init_training, not dict",
    ),
    "a state with raw keys": (
        train(state=STATE._replace(key=0)),
        TypeError,
        "key must be one jax.random.key, not 0; …",
    ),
    "params beside a state": (
        train(state=STATE, params=PARAMS),
        ValueError,
        "train: give params or state, not both: state holds the parameters to go on with",
    ),
    "a state that has done all epochs": (
        train(state=STATE._replace(epoch=np.int32(2))),
        ValueError,
        "train: epochs counts from the start and must be more than the 2 of state, not 2",
    ),
    "a state of another width": (
        train(state=STATE._replace(params=make_params([4, 16, 3]))),
        ValueError,
        "train: params: hidden_1.weight must have shape (4, 17), as model.init makes it, not (4, 16)",
    ),
    "the state of another optimizer": (
        train(state=STATE._replace(optimizer_state=())),
        ValueError,
        "train: state holds an optimizer state that the recipe's optimizer does not make",
    ),
    "factor 1": (lambda: nn.reduce_on_plateau(1), ValueError, f"{PLATEAU}: factor must lie in (0, 1), not 1.0"),
    "factor a string": (lambda: nn.reduce_on_plateau("a"), TypeError, f"{PLATEAU}: factor must be a number, not 'a'"),
    "patience 0": (
        lambda: nn.reduce_on_plateau(patience=0),
        ValueError,
        f"{PLATEAU}: patience must be at least 1, not 0",
    ),
    "rtol 2": (lambda: nn.reduce_on_plateau(rtol=2.0), ValueError, f"{PLATEAU}: rtol must lie in [0, 1], not 2.0"),
    "atol NaN": (
        lambda: nn.reduce_on_plateau(atol=np.nan),
        ValueError,
        f"{PLATEAU}: atol must not be negative, not nan",
    ),
    "cooldown a float": (
        lambda: nn.reduce_on_plateau(cooldown=0.5),
        TypeError,
        f"{PLATEAU}: cooldown must be a whole number, not 0.5",
    ),
    "min_scale negative": (
        lambda: nn.reduce_on_plateau(min_scale=-0.1),
        ValueError,
        f"{PLATEAU}: min_scale must not be negative, not -0.1",
    ),
    "on_divergence unknown": (
        train(on_divergence="retry"),
        ValueError,
        "train: on_divergence must be 'stop' or 'restore', not 'retry'",
    ),
    "traced": (
        lambda: jax.eval_shape(lambda x: nn.train(RECIPE, (x, LABELS), key=KEY, epochs=1), X),
        TypeError,
        "train reports to the host and cannot be traced; use fit inside jax.jit, jax.vmap and jax.grad",
    ),
}
