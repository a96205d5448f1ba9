"""The rows of the table of layers, and functions that make similar rows."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

import jaxnn as nn


class Row(NamedTuple):
    """A function and what the tests compare it with.

    Attributes:
        name: the name of the function, and of the test's parameter; options follow a comma.
        function: `function(params, x)`, batch first in every leaf of x.
        params, x: functions of a NumPy generator that draw float64 arrays, or integers for labels.
        case: params, x and the outputs computed by hand.
        reference: the same function by NumPy and SciPy.
        bad_input: a call with bad input, the type of its error and the error's message.
    """

    name: str
    function: Callable[[Any, Any], Any]
    params: Callable[[np.random.Generator], Any]
    x: Callable[[np.random.Generator], Any]
    case: tuple[Any, Any, Any]
    reference: Callable[[Any, Any], np.ndarray]
    bad_input: tuple[Callable[[], Any], type[Exception], str]


def spaced(*shape: int) -> Callable[[np.random.Generator], np.ndarray]:
    """Draws distinct, evenly spaced numbers in (-2, 2), away from 0, so that finite differences cross no kink."""
    count = int(np.prod(shape))
    return lambda rng: (rng.permutation(count) + 0.5 - count / 2 + 0.25 * (count % 2)).reshape(shape) * 4 / count


def normal(**shapes: tuple[int, ...]) -> Callable[[np.random.Generator], dict[str, np.ndarray]]:
    return lambda rng: {name: rng.normal(size=shape) for name, shape in shapes.items()}


def nothing(rng: np.random.Generator) -> tuple[()]:
    return ()


def affine(weight: tuple[int, ...]) -> Callable[[np.random.Generator], nn.Affine]:
    return lambda rng: nn.Affine(**normal(weight=weight, bias=weight[-1:])(rng))


def batch_norms(features: int) -> Callable[[np.random.Generator], nn.BatchNormParams]:
    """Draws parameters of a batch norm, with positive running variances."""

    def draw(rng: np.random.Generator) -> nn.BatchNormParams:
        scale, bias, mean, variance = rng.normal(size=(4, features))
        return nn.BatchNormParams(scale, bias, nn.Buffer(mean), nn.Buffer(0.5 + variance**2))

    return draw


def logits_and_labels(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    return spaced(5, 3)(rng), rng.integers(0, 3, 5)


def outputs_and_targets(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    outputs = spaced(5, 2)(rng)
    return outputs, outputs + spaced(5, 2)(rng)


def activation(name: str, reference: Callable, at: dict[float, float], function: Callable | None = None) -> Row:
    """Makes the row of an elementwise function from its values at a few points."""
    function = function or getattr(nn, name)
    case = (), np.array([list(at)]), np.array([list(at.values())])
    bad_input = lambda: function("text"), TypeError, "Value 'text' with dtype <U4 is not a valid JAX array type"
    return Row(name, lambda _, x: function(x), nothing, spaced(5, 2, 3), case, lambda _, x: reference(x), bad_input)


def over_classes(name: str, reference: Callable, case: tuple[Any, Any], message: str) -> Row:
    """Makes the row of a function over the last axis; `message` is that of its error for a string."""
    function = getattr(nn, name)
    bad_input = lambda: function("text"), TypeError, message
    return Row(name, lambda _, x: function(x), nothing, spaced(5, 3), ((), *case), lambda _, x: reference(x), bad_input)


def loss(
    name: str,
    reference: Callable,
    data: Callable,
    case: tuple[Any, Any],
    bad_input: tuple,
    function: Callable | None = None,
) -> Row:
    """Makes the row of a loss of (outputs, targets)."""
    function = function or getattr(nn, name)
    return Row(name, lambda _, x: function(*x), nothing, data, ((), *case), lambda _, x: reference(x), bad_input)
