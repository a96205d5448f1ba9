"""jaxnn: pure-functional neural networks on JAX.

A layer is a function of its parameters. A model is a pair of functions. Training is a function too, so a
hyperparameter sweep is a `jax.vmap` of it. See README.md for an example of twenty lines.

`nn.normal` and `nn.uniform` are search distributions for `sweep`; initial weights come from `nn.initializers`.
"""

from jaxnn import datasets, initializers, plots, sweeps
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
from jaxnn.buffers import Buffer
from jaxnn.compilation_cache import use_compilation_cache
from jaxnn.data import (
    Folds,
    Split,
    k_folds,
    minibatches,
    train_test_split,
)
from jaxnn.devices import use_all_cores
from jaxnn.integrations.safetensors import load_safetensors, save_safetensors
from jaxnn.integrations.tensorboard import tensorboard
from jaxnn.io.checkpoint import CheckpointError, load, save
from jaxnn.layers.attention import AttentionParams, attention, init_attention, multi_head_attention
from jaxnn.layers.convolution import conv, init_conv
from jaxnn.layers.dense import Affine, dense, flatten, init_dense
from jaxnn.layers.dropout import dropout, stochastic_depth
from jaxnn.layers.embedding import embedding, init_embedding
from jaxnn.layers.group_norm import group_norm, init_group_norm
from jaxnn.layers.gru import gru, gru_cell, init_gru
from jaxnn.layers.lstm import LSTMState, init_lstm, lstm, lstm_cell
from jaxnn.layers.norms import NormParams, init_layer_norm, init_rms_norm, layer_norm, rms_norm
from jaxnn.layers.pooling import avg_pool, global_avg_pool, global_max_pool, max_pool
from jaxnn.layers.recurrent import RecurrentParams
from jaxnn.layers.transposed_convolution import conv_transpose
from jaxnn.losses import absolute_error, cross_entropy, squared_error
from jaxnn.models.cnn import cnn
from jaxnn.models.mlp import mlp
from jaxnn.models.model import Model
from jaxnn.scaling import Scaling, min_max_scaling, scale, standard_scaling, unscale
from jaxnn.scores import accuracy, confusion_matrix, r_squared
from jaxnn.sweeps import (
    SweepResult,
    asha,
    choice,
    depth,
    hyperband,
    integers,
    log_normal,
    log_uniform,
    median_stopping,
    normal,
    population_based,
    quantized,
    seeds,
    sizes,
    sweep,
    switch,
    uniform,
)
from jaxnn.training.epoch import EpochInfo, TrainingState, init_training
from jaxnn.training.evaluation import Evaluation, evaluate, predict
from jaxnn.training.fit import FitResult, advance, fit
from jaxnn.training.plateau import reduce_on_plateau
from jaxnn.training.recipe import Recipe
from jaxnn.training.stopping import StoppingRule, no_improvement, small_step
from jaxnn.training.train import TrainResult, train
from jaxnn.units import mask_units

__version__ = "0.1.0"

__all__ = [
    "Affine",
    "AttentionParams",
    "Buffer",
    "CheckpointError",
    "EpochInfo",
    "Evaluation",
    "FitResult",
    "Folds",
    "LSTMState",
    "Model",
    "NormParams",
    "Recipe",
    "RecurrentParams",
    "Scaling",
    "Split",
    "StoppingRule",
    "SweepResult",
    "TrainResult",
    "TrainingState",
    "absolute_error",
    "accuracy",
    "advance",
    "argmax",
    "asha",
    "attention",
    "avg_pool",
    "choice",
    "cnn",
    "confusion_matrix",
    "conv",
    "conv_transpose",
    "cross_entropy",
    "datasets",
    "dense",
    "depth",
    "dropout",
    "elu",
    "embedding",
    "evaluate",
    "fit",
    "flatten",
    "gelu",
    "global_avg_pool",
    "global_max_pool",
    "group_norm",
    "gru",
    "gru_cell",
    "hyperband",
    "init_attention",
    "init_conv",
    "init_dense",
    "init_embedding",
    "init_group_norm",
    "init_gru",
    "init_layer_norm",
    "init_lstm",
    "init_rms_norm",
    "init_training",
    "initializers",
    "integers",
    "k_folds",
    "layer_norm",
    "leaky_relu",
    "load",
    "load_safetensors",
    "log_normal",
    "log_softmax",
    "log_uniform",
    "lstm",
    "lstm_cell",
    "mask_units",
    "max_pool",
    "median_stopping",
    "min_max_scaling",
    "minibatches",
    "mlp",
    "multi_head_attention",
    "no_improvement",
    "normal",
    "plots",
    "population_based",
    "predict",
    "quantized",
    "r_squared",
    "reduce_on_plateau",
    "relu",
    "rms_norm",
    "save",
    "save_safetensors",
    "scale",
    "seeds",
    "sigmoid",
    "silu",
    "sizes",
    "small_step",
    "softmax",
    "softplus",
    "squared_error",
    "standard_scaling",
    "stochastic_depth",
    "sweep",
    "sweeps",
    "switch",
    "tanh",
    "tensorboard",
    "train",
    "train_test_split",
    "uniform",
    "unscale",
    "use_all_cores",
    "use_compilation_cache",
]
