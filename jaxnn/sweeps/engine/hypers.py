"""The hypers that `make_recipe` gets, and checks of how it uses them."""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import jax
from jaxtyping import Array

from jaxnn._checks.functions import NeedsValueError
from jaxnn.sweeps.space.distributions import Quantized
from jaxnn.training.optimizer import build_optimizer
from jaxnn.training.recipe import Recipe


class UnknownHyperError(ValueError):
    """Raised where `make_recipe` reads a hyper that the space lacks."""


class Hypers(dict):
    """A dict that names the space's hypers when a missing one is read."""

    def __missing__(self, name: str) -> Any:
        names = ", ".join(map(repr, list(self)))
        raise UnknownHyperError(f"sweep: make_recipe reads {name!r}, but the space has {names}")

    def pop(self, name: str, *default: Any) -> Any:
        if name in self or default:
            return super().pop(name, *default)
        return self[name]


class RecordedHypers(Hypers):
    """A dict that records which names are read; iterating and copying reads all of them."""

    def __init__(self, hypers: dict[str, Any]) -> None:
        super().__init__(hypers)
        self.read: set[str] = set()

    def __getitem__(self, name: str) -> Any:
        self.read.add(name)
        return super().__getitem__(name)

    def get(self, name: str, default: Any = None) -> Any:
        self.read.add(name)
        return super().get(name, default)

    def pop(self, name: str, *default: Any) -> Any:
        self.read.add(name)
        return super().pop(name, *default)

    def setdefault(self, name: str, default: Any = None) -> Any:
        self.read.add(name)
        return super().setdefault(name, default)

    def __contains__(self, name: Any) -> bool:
        self.read.add(name)
        return super().__contains__(name)

    def __iter__(self) -> Any:
        return iter(self.keys())

    def __or__(self, other: Any) -> Any:
        return dict(self) | other

    def copy(self) -> Any:
        return dict(self)

    def keys(self) -> Any:
        self.read.update(super().keys())
        return super().keys()

    def values(self) -> Any:
        self.read.update(super().keys())
        return super().values()

    def items(self) -> Any:
        self.read.update(super().keys())
        return super().items()


class RecipeMaker(NamedTuple):
    """Makes recipes of hypers, with an optimizer for a whole training.

    Attributes:
        make_recipe: the user's function.
        rows: the number of examples that a trial trains on.
        epochs: the epochs of a trial.
    """

    make_recipe: Callable[[dict[str, Any]], Recipe]
    rows: int
    epochs: int

    def __call__(self, hypers: Any) -> Recipe:
        """Calls `make_recipe`, and checks what it returns."""
        recipe = self.make_recipe(hypers if isinstance(hypers, Hypers) else Hypers(hypers))
        if not isinstance(recipe, Recipe):
            raise TypeError(f"sweep: make_recipe must return a Recipe, not {type(recipe).__name__}")
        return build_optimizer(recipe, self.rows, self.epochs)


def as_python_numbers(distributions: dict[str, Any], values: dict[str, float]) -> dict[str, float]:
    """Returns the traced hypers of a setting as Python numbers: ints where all values of a hyper are whole numbers.

    Code that needs an int then works with them, and fails only with a traced number, which names the hyper.
    """

    def is_whole(node: Any) -> bool:
        return isinstance(node, Quantized) and node.low.is_integer() and node.step.is_integer()

    return {path: int(value) if is_whole(distributions[path]) else value for path, value in values.items()}


def check_traced(
    compute: Callable[[dict[str, Any], Array], Any], values: dict[str, float], key: Array, names: Iterable[str]
) -> None:
    """Computes with one hyper after another traced; the error names one whose value Python needs.

    Args:
        compute: calls `make_recipe` and what it returns; it works with `values`.
        values: of all traced hypers, by path.
        key: passed on.
        names: the hypers to trace.
    """
    for name in names:
        try:
            jax.eval_shape(lambda value, key, name=name: compute({**values, name: value}, key), 0.5, key)
        except NeedsValueError as error:
            raise ValueError(f"sweep: {name!r} cannot be traced: {error}") from error
        except Exception as error:
            raise ValueError(
                f"sweep: make_recipe needs the value of {name!r} while it is traced, for a shape, an index, text or a "
                "Python branch: make it a choice(...); a width may be sizes(low, high) and a number of layers "
                "depth(low, high); for a schedule, multiply a fixed schedule by it (optax.scale_by_schedule)"
            ) from error


def check_sizes(
    compute: Callable[[dict[str, Any], Array], Any], values: dict[str, float], key: Array, names: tuple[str, ...]
) -> None:
    """Computes with traced sizes, depths and switches; the error says why a recipe that takes ints cannot."""
    try:
        jax.eval_shape(lambda key: compute(values, key), key)
    except Exception as error:
        raise ValueError(
            f"sweep: make_recipe works with the plain values of {', '.join(map(repr, names))}, but not inside the "
            f"compiled program, where they are traced: {error}"
        ) from error
