"""What a row of the table of layers says, and how the rows that are alike are made."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

import jaxnn as nn


class Row(NamedTuple):
    """One function, and what it must do.

    Attributes:
        name: of the test.
        function: `function(params, x)`, batch first in every leaf of x.
        params, x: functions of a NumPy generator, giving arrays of float64 (or integers: labels).
        case: params, x and the outputs worked out by hand.
        reference: the same function from NumPy and SciPy.
        mistake: a wrong call, the type of its error and the words of it.
    """

    name: str
    function: Callable[[Any, Any], Any]
    params: Callable[[np.random.Generator], Any]
    x: Callable[[np.random.Generator], Any]
    case: tuple[Any, Any, Any]
    reference: Callable[[Any, Any], np.ndarray]
    mistake: tuple[Callable[[], Any], type[Exception], str]


def spread(*shape: int) -> Callable[[np.random.Generator], np.ndarray]:
    """Distinct numbers in (-2, 2), no two closer than a step and none near 0: finite differences meet no kink."""
    count = int(np.prod(shape))
    return lambda rng: (rng.permutation(count) + 0.5 - count / 2 + 0.25 * (count % 2)).reshape(shape) * 4 / count


def normal(**shapes: tuple[int, ...]) -> Callable[[np.random.Generator], dict[str, np.ndarray]]:
    return lambda rng: {name: rng.normal(size=shape) for name, shape in shapes.items()}


def nothing(rng: np.random.Generator) -> tuple[()]:
    return ()


def affine(weight: tuple[int, ...]) -> Callable[[np.random.Generator], nn.Affine]:
    return lambda rng: nn.Affine(**normal(weight=weight, bias=weight[-1:])(rng))


def logits_and_labels(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    return spread(5, 3)(rng), rng.integers(0, 3, 5)


def outputs_and_targets(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    outputs = spread(5, 2)(rng)
    return outputs, outputs + spread(5, 2)(rng)


def activation(name: str, reference: Callable, at: dict[float, float], function: Callable | None = None) -> Row:
    """A row for an elementwise function, from its values at a few points."""
    function = function or getattr(nn, name)
    case = (), np.array([list(at)]), np.array([list(at.values())])
    mistake = lambda: function("text"), TypeError, "Value 'text' with dtype <U4 is not a valid JAX array type"
    return Row(name, lambda _, x: function(x), nothing, spread(5, 2, 3), case, lambda _, x: reference(x), mistake)


def over_classes(name: str, reference: Callable, case: tuple[Any, Any], mistake: tuple) -> Row:
    """A row for a function of the last axis."""
    function = getattr(nn, name)
    mistake = lambda: function("text"), TypeError, mistake
    return Row(name, lambda _, x: function(x), nothing, spread(5, 3), ((), *case), lambda _, x: reference(x), mistake)


def loss(name: str, reference: Callable, data: Callable, case: tuple[Any, Any], mistake: tuple) -> Row:
    """A row for a loss of (outputs, targets)."""
    function = getattr(nn, name)
    return Row(name, lambda _, x: function(*x), nothing, data, ((), *case), lambda _, x: reference(x), mistake)
