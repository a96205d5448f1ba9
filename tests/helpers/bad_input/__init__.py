"""Tables of bad input: each call or data set with the type and the message of its error, for test_bad_input.py."""

from helpers.bad_input.augmentation import AUGMENTATION_CALLS
from helpers.bad_input.buffers import BUFFER_CALLS
from helpers.bad_input.data import DATA_CALLS
from helpers.bad_input.estimators import ESTIMATOR_CALLS
from helpers.bad_input.exports import EXPORT_CALLS
from helpers.bad_input.fit_types import FIT_TYPES
from helpers.bad_input.fit_values import FIT_VALUES
from helpers.bad_input.folds import FOLD_CALLS
from helpers.bad_input.foreign import FOREIGN_CALLS
from helpers.bad_input.layers import LAYER_CALLS
from helpers.bad_input.sequences import SEQUENCE_CALLS
from helpers.bad_input.stream import STREAM_CALLS
from helpers.bad_input.sweep import SWEEP_CALLS, WARM_UP
from helpers.bad_input.training import TRAINING_CALLS
from helpers.bad_input.weights import WEIGHT_CALLS

FIT_DATA = [*FIT_VALUES, *FIT_TYPES]
TABLES = {
    "layers": LAYER_CALLS,
    "training": TRAINING_CALLS,
    "buffers": BUFFER_CALLS,
    "data": DATA_CALLS,
    "sweep": SWEEP_CALLS,
    "folds": FOLD_CALLS,
    "sequences": SEQUENCE_CALLS,
    "augmentation": AUGMENTATION_CALLS,
    "foreign": FOREIGN_CALLS,
    "estimators": ESTIMATOR_CALLS,
    "exports": EXPORT_CALLS,
    "stream": STREAM_CALLS,
    "weights": WEIGHT_CALLS,
}
CALLS = {f"{table}: {name}": row for table, rows in TABLES.items() for name, row in rows.items()}

__all__ = ["CALLS", "FIT_DATA", "WARM_UP"]
