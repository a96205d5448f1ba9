"""What an estimator says of a parameter that it does not have."""

import difflib
import functools
import inspect
from collections.abc import Callable
from typing import Any, TypeVar, cast

Init = TypeVar("Init", bound=Callable[..., None])

# Parameters of MLPClassifier and of other libraries by our names.
_OTHER_NAMES = {
    "hidden_layer_sizes": "hidden_sizes",
    "layers": "hidden_sizes",
    "learning_rate_init": "learning_rate",
    "lr": "learning_rate",
    "alpha": "weight_decay",
    "solver": "optimizer",
    "max_iter": "epochs",
    "n_epochs": "epochs",
    "max_epochs": "epochs",
    "tol": "tolerance",
    "n_iter_no_change": "patience",
    "seed": "random_state",
    "module": "model",
}


def names_unknown(init: Init) -> Init:
    """Decorates an `__init__`, so that its error about an unknown keyword names the class, and parameters like it."""
    known = list(inspect.signature(init).parameters)[1:]

    @functools.wraps(init)
    def checked(self: Any, *args: Any, **keywords: Any) -> None:
        for name in keywords:
            if name not in known:
                raise TypeError(f"{type(self).__name__}: there is no parameter {name!r}; {_suggest(name, known)}")
        init(self, *args, **keywords)

    return cast(Init, checked)


def _suggest(name: str, known: list[str]) -> str:
    if _OTHER_NAMES.get(name) in known:
        return f"here it is {_OTHER_NAMES[name]}"
    near = difflib.get_close_matches(name, known)
    return f"did you mean {' or '.join(near)}?" if near else f"the parameters are {', '.join(known)}"
