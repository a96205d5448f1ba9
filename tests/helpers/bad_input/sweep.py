"""Bad input to `sweep`, to spaces and to schedulers."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import scipy.stats

import jaxnn as nn
from helpers.bad_input.parts import KEY, LABELS, X, classifier, replace_at

DATA = (X, LABELS)
SPACE = {"learning_rate": nn.log_uniform(1e-3, 1.0)}


def make_recipe(hypers):
    return classifier()._replace(optimizer=optax.sgd(hypers["learning_rate"]))


def sweep(make=make_recipe, space=SPACE, data=DATA, **options):
    options = {"key": KEY, "epochs": 2, "trials": 2, "validation": DATA, "progress": False} | options
    return lambda: nn.sweep(make, space, data, **options)


EVALUATION = "sweep: give exactly one of validation=(x, targets) and folds=k to score the trials by"
FOLDS = (
    "sweep: folds must be a whole number, nn.Folds, or an object with split and get_n_splits, such as "
    "GroupKFold(5), not "
)
SAMPLER = "sweep: sampler must be 'random', 'grid', 'sobol', nn.integrations.optuna(study) or an object with init, not "
BOUNDS = "uniform: low must lie below high, not "
# Checks that need a recipe come last. Moving the data to the device compiles before them, so a first call warms up.
WARM_UP = sweep(space={"rate": nn.uniform(0, 1)})
SCHEDULER = (
    "sweep: scheduler must be asha(...), hyperband(...), median_stopping(...), population_based(...), "
    "an object with init, or None, not "
)


def with_numpy(outputs, labels):
    return np.asarray(outputs).mean() + labels.mean()


SWEEP_CALLS = {
    "one fold": (sweep(validation=None, folds=1), ValueError, "sweep: folds must be at least 2, not 1"),
    "folds a float": (sweep(validation=None, folds=2.0), TypeError, FOLDS + "2.0"),
    "folds a string": (sweep(validation=None, folds="five"), TypeError, FOLDS + "'five'"),
    "folds True": (sweep(validation=None, folds=True), TypeError, "sweep: folds must be a whole number, not True"),
    "more folds than rows": (
        sweep(validation=None, folds=16),
        ValueError,
        "sweep: folds must be at most the number of rows, 15, not 16",
    ),
    "folds and validation": (sweep(folds=3), ValueError, EVALUATION),
    "neither folds nor validation": (sweep(validation=None), ValueError, EVALUATION),
    "no repeats": (sweep(repeats=0), ValueError, "sweep: repeats must be at least 1, not 0"),
    "repeats fractional": (sweep(repeats=1.5), TypeError, "sweep: repeats must be a whole number, not 1.5"),
    "no trials": (sweep(trials=0), ValueError, "sweep: trials must be at least 1, not 0"),
    "trials True": (sweep(trials=True), TypeError, "sweep: trials must be a whole number, not True"),
    "trials a string": (sweep(trials="many"), TypeError, "sweep: trials must be a whole number, not 'many'"),
    "no epochs": (sweep(epochs=0), ValueError, "sweep: epochs must be at least 1, not 0"),
    "keep 0": (sweep(keep=0), ValueError, "sweep: keep must be at least 1, not 0"),
    "no lanes": (sweep(lanes=0), ValueError, "sweep: lanes must be at least 1, not 0"),
    "lanes a string": (sweep(lanes="many"), ValueError, "sweep: lanes must be \"auto\" or a number, not 'many'"),
    "odd lanes": (sweep(lanes=3), ValueError, "sweep: lanes must be a multiple of the number of devices, 2, not 3"),
    "unknown sampler": (sweep(sampler="tpe"), ValueError, SAMPLER + "'tpe'"),
    "scheduler a string": (sweep(scheduler="asha"), TypeError, SCHEDULER + "'asha'"),
    "scheduler not called": (sweep(scheduler=nn.asha), TypeError, SCHEDULER + "the function asha"),
    "key of a sweep None": (sweep(key=None), TypeError, "key must be one jax.random.key, not None"),
    "key of a sweep a number": (
        sweep(key=7),
        TypeError,
        "key must be one jax.random.key, not 7; …",
    ),
    "no function of hypers": (
        sweep(classifier()),
        TypeError,
        "sweep: make_recipe must be a function of the hypers, not an object of type Recipe",
    ),
    "score a string": (
        sweep(score="accuracy"),
        TypeError,
        "sweep: score must be a function of outputs and targets, not 'accuracy'",
    ),
    "score of which lower is better": (
        sweep(score=nn.log_loss),
        ValueError,
        "sweep: of a score higher is better, but log_loss is an error; use nn.negative(nn.log_loss)",
    ),
    "score that returns a string": (
        sweep(score=lambda outputs, labels: "good"),
        ValueError,
        "sweep: score must give one real number, not 'good'",
    ),
    "score with NumPy": (
        sweep(score=with_numpy),
        ValueError,
        "sweep: score must be written in functions of jax.numpy, it is compiled to be evaluated after every epoch; "
        'with evaluate_at="rungs" it may use NumPy',
    ),
    "metrics a function": (
        sweep(metrics=nn.accuracy),
        TypeError,
        "sweep: metrics must be a dict from names to functions, not <function accuracy…",
    ),
    "a metric without a name": (
        sweep(metrics={1: nn.accuracy}),
        TypeError,
        "sweep: the name of a metric must be a string, not 1",
    ),
    "a metric with a name of two words": (
        sweep(metrics={"my f1": nn.accuracy}),
        ValueError,
        "sweep: the name of a metric must be an identifier, like f1, not 'my f1'",
    ),
    "a metric called as a column": (
        sweep(metrics={"seconds": nn.accuracy}),
        ValueError,
        "sweep: a metric cannot be called 'seconds', which is the name of a column or curve",
    ),
    "a metric called as a hyper": (
        sweep(metrics={"learning_rate": nn.accuracy}),
        ValueError,
        "sweep: a metric cannot be called 'learning_rate', which is the name of a hyper",
    ),
    "a metric a string": (
        sweep(metrics={"f1": "f1"}),
        TypeError,
        "sweep: the metric 'f1' must be a function of outputs and targets, not 'f1'",
    ),
    "a metric of an array": (
        sweep(metrics={"f1": lambda outputs, labels: outputs[:, 0]}),
        ValueError,
        "sweep: f1 must give one real number, not an array of shape (15,)",
    ),
    "an unknown on_mismatch": (
        sweep(on_mismatch="ignore"),
        ValueError,
        'sweep: on_mismatch must be "raise" or "continue", not \'ignore\'',
    ),
    "save_every 0": (
        sweep(directory=".", save_every=0.0),
        ValueError,
        "sweep: save_every must be a positive number of seconds, not 0.0",
    ),
    "a missing parent": (
        sweep(directory="no/such/place"),
        FileNotFoundError,
        "sweep: directory='no/such/place' needs its parent, which does not exist",
    ),
    "sampler None": (sweep(sampler=None), TypeError, SAMPLER + "None"),
    "key of another kind": (
        sweep(key=jax.random.key(0, impl="rbg")),
        ValueError,
        "sweep: key must be a threefry key, not rbg, whose draws depend on the lane",
    ),
    "empty space": (sweep(space={}), ValueError, "space: must name at least one hyper, but is empty"),
    "space a list": (
        sweep(space=[("rate", 1)]),
        TypeError,
        "space: must be a dict from names to distributions and choices, not [('rate', 1)]",
    ),
    "space of lists": (
        sweep(space={"learning_rate": [0.1, 0.2]}),
        TypeError,
        "space: learning_rate must be choice(*values), or choice(value) for a constant, not [0.1, 0.2]",
    ),
    "space of SciPy": (
        sweep(space={"learning_rate": scipy.stats.loguniform(1e-4, 1.0)}),
        TypeError,
        "space: learning_rate must be a distribution of jaxnn, such as log_uniform(low, high), not a "
        "rv_continuous_frozen of scipy",
    ),
    "space of numbers": (sweep(space={1: nn.choice(2)}), TypeError, "space: a name must be a string, not 1"),
    "a missing hyper": (
        sweep(space={"rate": nn.uniform(0, 1)}),
        ValueError,
        "sweep: make_recipe reads 'learning_rate', but the space has 'rate'",
    ),
    "no recipe": (
        sweep(lambda hypers: hypers["learning_rate"]),
        TypeError,
        "sweep: make_recipe must return a Recipe, not float",
    ),
    "score of an array": (
        sweep(score=lambda outputs, labels: outputs[:, 0]),
        ValueError,
        "sweep: score must give one real number, not an array of shape (15,)",
    ),
    "data alone": (sweep(data=X), TypeError, "sweep: data must be a pair (x, targets), not ndarray"),
    "validation of different lengths": (
        sweep(validation=(X, LABELS[:3])),
        ValueError,
        "sweep: validation: every array needs one row for each example, but targets has 3, x has 15",
    ),
    "data of NaN": (
        sweep(data=(replace_at(X, (5, 2), np.nan), LABELS)),
        ValueError,
        "sweep: x must be finite, but row 5, column 2 holds nan",
    ),
    "data of complex numbers": (
        sweep(data=(jnp.asarray(X) + 0j, LABELS)),
        TypeError,
        "sweep: x must hold real numbers, not complex64",
    ),
    "label too large": (
        sweep(data=(X, replace_at(LABELS, 6, 3))),
        ValueError,
        "cross_entropy: labels must lie in 0 … 2 for 3 classes, but row 6 holds 3",
    ),
    "bounds in the wrong order": (lambda: nn.uniform(1, 0), ValueError, BOUNDS + "1.0 and 0.0"),
    "a bound of NaN": (lambda: nn.uniform(np.nan, 1), ValueError, "uniform: low must be finite, not nan"),
    "a bound a string": (lambda: nn.uniform("a", 1), TypeError, "uniform: low must be a number, not 'a'"),
    "a bound of True": (lambda: nn.uniform(0, True), TypeError, "uniform: high must be a number, not True"),
    "a fraction a string": (
        lambda: nn.population_based(perturbation_interval=1, quantile_fraction="a"),
        TypeError,
        "population_based: quantile_fraction must be a number, not 'a'",
    ),
    "the logarithm of 0": (
        lambda: nn.log_uniform(0, 1),
        ValueError,
        "log_uniform: low must be positive, since its logarithm is taken, not 0.0",
    ),
    "standard deviation 0": (lambda: nn.normal(0, 0), ValueError, "normal: std must be positive, not 0.0"),
    "step 0": (
        lambda: nn.quantized(0, 1, 0),
        ValueError,
        "quantized: step must be positive and at most high - low = 1.0, not 0.0",
    ),
    "fractional bounds of integers": (
        lambda: nn.integers(0.5, 2),
        ValueError,
        "integers: low and high must be whole numbers, not 0.5 and 2.0",
    ),
    "choice without values": (nn.choice, ValueError, "choice: there must be at least one value to choose from"),
    "grace period 0": (lambda: nn.asha(grace_period=0), ValueError, "asha: grace_period must be at least 1, not 0"),
    "reduction factor 1": (
        lambda: nn.hyperband(reduction_factor=1),
        ValueError,
        "hyperband: reduction_factor must be at least 2, not 1",
    ),
    "grace period fractional": (
        lambda: nn.median_stopping(grace_period=2.5),
        TypeError,
        "median_stopping: grace_period must be a whole number, not 2.5",
    ),
    "too large a fraction": (
        lambda: nn.population_based(perturbation_interval=1, quantile_fraction=0.6),
        ValueError,
        "population_based: quantile_fraction must lie in (0, 0.5], not 0.6",
    ),
}
