"""jaxnn: pure-functional neural networks on JAX.

A layer is a function of its parameters. A model is a pair of functions. Training is a function too, so a
hyperparameter sweep is a `jax.vmap` of it. See README.md for an example of twenty lines.

`nn.normal` and `nn.uniform` are search distributions for `sweep`; initial weights come from `nn.initializers`.
"""

from jaxnn import augment, datasets, executors, initializers, integrations, plots, sweeps
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
from jaxnn.batches import minibatches, shuffled_batches
from jaxnn.buffers import Buffer, Frozen, merge, partition
from jaxnn.compilation_cache import use_compilation_cache
from jaxnn.data import (
    Folds,
    Split,
    k_folds,
    train_test_split,
)
from jaxnn.devices import use_all_cores
from jaxnn.integrations.export import export
from jaxnn.integrations.safetensors import load_safetensors, save_safetensors
from jaxnn.integrations.tensorboard import tensorboard
from jaxnn.io.archive import CheckpointError
from jaxnn.io.checkpoint import load, save
from jaxnn.layers.attention import MultiHeadAttentionParams, attention, init_multi_head_attention, multi_head_attention
from jaxnn.layers.batch_norm import BatchNormParams, batch_norm, init_batch_norm, train_batch_norm
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
from jaxnn.layers.transposed_convolution import ConvTransposeParams, conv_transpose, init_conv_transpose
from jaxnn.losses.binary import binary_cross_entropy
from jaxnn.losses.classes import cross_entropy
from jaxnn.losses.focal import focal
from jaxnn.losses.regression import absolute_error, gaussian_nll, huber, squared_error
from jaxnn.models.chain import chain
from jaxnn.models.cnn import cnn
from jaxnn.models.freeze import freeze, unfreeze
from jaxnn.models.mlp import mlp
from jaxnn.models.model import Model
from jaxnn.models.resnet import resnet
from jaxnn.scaling import Scaling, min_max_scaling, scale, standard_scaling, unscale
from jaxnn.scores.classes import accuracy, balanced_accuracy, confusion_matrix
from jaxnn.scores.errors import log_loss, mean_absolute_error, negative
from jaxnn.scores.f_scores import f1, precision, recall
from jaxnn.scores.ranking import auc
from jaxnn.scores.regression import r_squared
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
from jaxnn.training.epoch import EpochInfo, TrainingState, init_training, judged_params
from jaxnn.training.evaluation import Evaluation, evaluate, predict
from jaxnn.training.fit import FitResult, advance, fit
from jaxnn.training.plateau import reduce_on_plateau
from jaxnn.training.recipe import Recipe
from jaxnn.training.stopping import StoppingRule, no_improvement, small_step
from jaxnn.training.train import TrainResult, train
from jaxnn.units import mask_units
from jaxnn.versions import show_versions
from jaxnn.weights import balanced_weights, weighted

__version__ = "0.2.0"

__all__ = [
    "Affine",
    "BatchNormParams",
    "Buffer",
    "CheckpointError",
    "ConvTransposeParams",
    "EpochInfo",
    "Evaluation",
    "FitResult",
    "Folds",
    "Frozen",
    "LSTMState",
    "Model",
    "MultiHeadAttentionParams",
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
    "auc",
    "augment",
    "avg_pool",
    "balanced_accuracy",
    "balanced_weights",
    "batch_norm",
    "binary_cross_entropy",
    "chain",
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
    "executors",
    "export",
    "f1",
    "fit",
    "flatten",
    "focal",
    "freeze",
    "gaussian_nll",
    "gelu",
    "global_avg_pool",
    "global_max_pool",
    "group_norm",
    "gru",
    "gru_cell",
    "huber",
    "hyperband",
    "init_batch_norm",
    "init_conv",
    "init_conv_transpose",
    "init_dense",
    "init_embedding",
    "init_group_norm",
    "init_gru",
    "init_layer_norm",
    "init_lstm",
    "init_multi_head_attention",
    "init_rms_norm",
    "init_training",
    "initializers",
    "integers",
    "integrations",
    "judged_params",
    "k_folds",
    "layer_norm",
    "leaky_relu",
    "load",
    "load_safetensors",
    "log_loss",
    "log_normal",
    "log_softmax",
    "log_uniform",
    "lstm",
    "lstm_cell",
    "mask_units",
    "max_pool",
    "mean_absolute_error",
    "median_stopping",
    "merge",
    "min_max_scaling",
    "minibatches",
    "mlp",
    "multi_head_attention",
    "negative",
    "no_improvement",
    "normal",
    "partition",
    "plots",
    "population_based",
    "precision",
    "predict",
    "quantized",
    "r_squared",
    "recall",
    "reduce_on_plateau",
    "relu",
    "resnet",
    "rms_norm",
    "save",
    "save_safetensors",
    "scale",
    "seeds",
    "show_versions",
    "shuffled_batches",
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
    "train_batch_norm",
    "train_test_split",
    "unfreeze",
    "uniform",
    "unscale",
    "use_all_cores",
    "use_compilation_cache",
    "weighted",
]
