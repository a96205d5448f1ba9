"""The parameters that the classifier and the regressor share, as scikit-learn wants them: stored, and not checked."""

from typing import Any

from sklearn.base import BaseEstimator

from jaxnn.integrations.sklearn.keywords import names_unknown


class Parameters(BaseEstimator):
    """An estimator with the parameters of a network, see `NetworkClassifier`."""

    model: Any
    dropout: Any
    optimizer: Any
    learning_rate: Any
    weight_decay: Any
    batch_size: Any
    epochs: int
    early_stopping: Any
    validation_fraction: Any
    patience: Any
    tolerance: Any
    warm_start: Any
    precision: Any
    random_state: Any
    verbose: Any
    callbacks: Any

    @names_unknown
    def __init__(
        self,
        hidden_sizes=(100,),
        *,
        model=None,
        activation="relu",
        dropout=0.0,
        optimizer="adam",
        learning_rate=1e-3,
        weight_decay=1e-4,
        batch_size="auto",
        epochs=200,
        early_stopping=False,
        validation_fraction=0.1,
        patience=10,
        tolerance=1e-4,
        warm_start=False,
        precision="float32",
        random_state=None,
        verbose=0,
        callbacks=None,
    ):
        self.hidden_sizes = hidden_sizes
        self.model = model
        self.activation = activation
        self.dropout = dropout
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.batch_size = batch_size
        self.epochs = epochs
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.tolerance = tolerance
        self.warm_start = warm_start
        self.precision = precision
        self.random_state = random_state
        self.verbose = verbose
        self.callbacks = callbacks
