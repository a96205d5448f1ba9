"""jaxnn: pure-functional neural networks on JAX.

A layer is a function of its parameters. A model is a pair of functions. Training is a function too, so a
hyperparameter sweep is a `jax.vmap` of it. See README.md for the twenty lines that show it.
"""

from jaxnn import datasets, plots, sweeps
from jaxnn.activations import (
    argmax,
    elu,
    gelu,
    leaky_relu,
    log_softmax,
    relu,
    sigmoid,
    silu,
    softmax,
    softplus,
    tanh,
)
from jaxnn.convolution import conv, init_conv, max_pool, mean_pool
from jaxnn.data import (
    Folds,
    Scaling,
    Split,
    k_folds,
    min_max_scaling,
    minibatches,
    scale,
    standard_scaling,
    train_test_split,
)
from jaxnn.devices import use_all_cores
from jaxnn.initializers import glorot_uniform, he_normal, lecun_normal, standard_normal, zeros
from jaxnn.integrations.safetensors import load_safetensors, save_safetensors
from jaxnn.integrations.tensorboard import tensorboard
from jaxnn.io.checkpoint import CheckpointError, load, save
from jaxnn.layers import (
    Affine,
    Norm,
    dense,
    dropout,
    flatten,
    init_dense,
    init_layer_norm,
    layer_norm,
)
from jaxnn.losses import absolute_residuals, cross_entropy, squared_residuals
from jaxnn.models import Model, cnn, mlp
from jaxnn.scores import accuracy, confusion_matrix, r_squared
from jaxnn.sweeps import (
    Sweep,
    asha,
    choice,
    hyperband,
    integers,
    log_normal,
    log_uniform,
    median_stopping,
    normal,
    population_based,
    quantized,
    sweep,
    uniform,
)
from jaxnn.training.evaluation import Evaluation, evaluate, predict
from jaxnn.training.fit import (
    Fit,
    Info,
    TrainingState,
    advance,
    fit,
    init_training,
)
from jaxnn.training.recipe import Recipe
from jaxnn.training.stopping import StoppingRule, no_improvement, small_step
from jaxnn.training.train import Training, train

__version__ = "0.1.0"

__all__ = [
    "Affine",
    "CheckpointError",
    "Evaluation",
    "Fit",
    "Folds",
    "Info",
    "Model",
    "Norm",
    "Recipe",
    "Scaling",
    "Split",
    "StoppingRule",
    "Sweep",
    "Training",
    "TrainingState",
    "absolute_residuals",
    "accuracy",
    "advance",
    "argmax",
    "asha",
    "choice",
    "cnn",
    "confusion_matrix",
    "conv",
    "cross_entropy",
    "datasets",
    "dense",
    "dropout",
    "elu",
    "evaluate",
    "fit",
    "flatten",
    "gelu",
    "glorot_uniform",
    "he_normal",
    "hyperband",
    "init_conv",
    "init_dense",
    "init_layer_norm",
    "init_training",
    "integers",
    "k_folds",
    "layer_norm",
    "leaky_relu",
    "lecun_normal",
    "load",
    "load_safetensors",
    "log_normal",
    "log_softmax",
    "log_uniform",
    "max_pool",
    "mean_pool",
    "median_stopping",
    "min_max_scaling",
    "minibatches",
    "mlp",
    "no_improvement",
    "normal",
    "plots",
    "population_based",
    "predict",
    "quantized",
    "r_squared",
    "relu",
    "save",
    "save_safetensors",
    "scale",
    "sigmoid",
    "silu",
    "small_step",
    "softmax",
    "softplus",
    "squared_residuals",
    "standard_normal",
    "standard_scaling",
    "sweep",
    "sweeps",
    "tanh",
    "tensorboard",
    "train",
    "train_test_split",
    "uniform",
    "use_all_cores",
    "zeros",
]
