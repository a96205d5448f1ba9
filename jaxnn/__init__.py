"""jaxnn: pure-functional neural networks on JAX.

A layer is a function of its parameters. A model is a pair of functions. Training is a function too, so a
hyperparameter sweep is a `jax.vmap` of it. See README.md for the twenty lines that show it.
"""

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
from jaxnn.initializers import glorot_uniform, he_normal, lecun_normal, standard_normal, zeros
from jaxnn.layers import (
    Affine,
    Norm,
    conv,
    dense,
    dropout,
    flatten,
    init_conv,
    init_dense,
    init_layer_norm,
    layer_norm,
    max_pool,
    mean_pool,
)
from jaxnn.losses import absolute_residuals, cross_entropy, squared_residuals
from jaxnn.models import Model, cnn, mlp
from jaxnn.scores import accuracy, confusion_matrix, r_squared
from jaxnn.stopping import StoppingRule, no_improvement, small_step
from jaxnn.training import (
    Evaluation,
    Fit,
    Info,
    Recipe,
    TrainingState,
    advance,
    evaluate,
    fit,
    init_training,
    predict,
)

__version__ = "0.1.0"
