"""A search space as parameters of Optuna, and settings as values of these, both ways.

Optuna tells parameters apart by name, and options by `==`. Two options of a choice may use the same path, which then
has two parameters, each with the options in its name. Options that are not plain values, or that `==` takes for equal,
such as True and 1, are named.
"""

from decimal import Decimal
from typing import Any, NamedTuple

import numpy as np
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from jaxnn.sweeps.results.tables import name_options
from jaxnn.sweeps.space.distributions import LogNormal, LogUniform, Normal, Quantized, Uniform
from jaxnn.sweeps.space.segments import divide_widths
from jaxnn.sweeps.space.space import NO_LABEL, Choice, Dimension, Setting, dimensions, split_row
from jaxnn.sweeps.space.whole import Sizes, Switches


class Parameter(NamedTuple):
    """A dimension of a space in Optuna."""

    name: str
    dimension: Dimension
    distribution: BaseDistribution

    def suggest(self, trial: Any) -> Any:
        """Returns the value that Optuna suggests."""
        given: Any = self.distribution
        if isinstance(given, CategoricalDistribution):
            return trial.suggest_categorical(self.name, given.choices)
        suggest = trial.suggest_int if isinstance(given, IntDistribution) else trial.suggest_float
        return suggest(self.name, given.low, given.high, log=given.log, step=given.step)

    def to_number(self, suggested: Any) -> float:
        """Returns a value of Optuna as a setting holds it; the option of a choice as its number."""
        node = self.dimension.node
        if isinstance(self.distribution, CategoricalDistribution):
            return float(self.distribution.choices.index(suggested))
        if isinstance(node, Normal | LogNormal):
            return float(node.at(np.array([suggested]))[0])
        return float(node.clip(float(suggested)))

    def to_suggested(self, number: float) -> Any:
        """Returns what Optuna would have suggested for the number of a setting."""
        node = self.dimension.node
        if isinstance(self.distribution, CategoricalDistribution):
            return self.distribution.choices[int(number)]
        if isinstance(self.distribution, IntDistribution):
            return int(number)
        if isinstance(node, Normal | LogNormal):
            from scipy.special import ndtr  # a dependency of jax, imported only for normal distributions

            value = np.log(number) if isinstance(node, LogNormal) else number
            return float(ndtr((value - node.mean) / node.std))
        return float(number)


class Parameters:
    """All parameters of a space."""

    def __init__(self, space: dict[str, Any]) -> None:
        self._columns = dimensions(space)
        self._tops = divide_widths(self._columns)
        self._all = [
            Parameter(_name(self._columns, i), each, _distribute(each)) for i, each in enumerate(self._columns)
        ]

    def suggest(self, trial: Any) -> tuple[Setting, dict[str, Any]]:
        """Asks a trial of Optuna for each parameter; returns the setting, and the parameters by name."""
        numbers: list[float | None] = []
        params = {}
        for parameter in self._all:
            active = all(numbers[column] == option for column, option in parameter.dimension.conditions)
            numbers.append(None)
            if active:
                params[parameter.name] = parameter.suggest(trial)
                numbers[-1] = parameter.to_number(params[parameter.name])
        return self._make_setting(numbers), params

    def distributions(self, params: dict[str, Any]) -> dict[str, BaseDistribution]:
        """Returns the distributions of parameters by name."""
        return {each.name: each.distribution for each in self._all if each.name in params}

    def params_of(self, setting: Setting) -> dict[str, Any]:
        """Returns the parameters of a setting by name."""
        options, params = dict(setting.choices), {}
        taken: list[float | None] = []
        for parameter in self._all:
            path, node, conditions = parameter.dimension
            taken.append(None)
            if all(taken[column] == option for column, option in conditions):
                taken[-1] = float(options[path] if isinstance(node, Choice) else setting.values[path])
                params[parameter.name] = parameter.to_suggested(taken[-1])
        return params

    def _make_setting(self, numbers: list[float | None]) -> Setting:
        labels = []
        for (path, node, _), number in zip(self._columns, numbers, strict=True):
            segments = self._tops[path, node] if isinstance(node, Sizes) else ()
            if number is None or not (isinstance(node, Choice) or len(segments) > 1):
                labels.append(NO_LABEL)
            else:
                labels.append(int(number) if isinstance(node, Choice) else int(np.searchsorted(segments, number)))
        choices, traced = split_row(self._columns, tuple(labels))
        return Setting(choices, {path: float(numbers[column] or 0.0) for path, column in traced})


def _name(columns: tuple[Dimension, ...], i: int) -> str:
    """Names the parameter of a dimension by its path, with the options that tell it from others of the same path."""
    path, node, conditions = columns[i]
    # Optuna has no normal distribution, so that its parameter is the quantile.
    name = f"{path} (quantile)" if isinstance(node, Normal | LogNormal) else path
    if sum(each.path == path for each in columns) == 1:
        return name
    options = [_name_categories(columns[column].node)[option] for column, option in conditions]
    return f"{name} [{', '.join(map(str, options))}]"


def _name_categories(node: Choice | Switches) -> tuple[Any, ...]:
    """Returns options as Optuna stores them: plain values as they are, if it can tell them apart."""
    values = node.values if isinstance(node, Choice) else ()
    is_plain = all(value is None or isinstance(value, bool | int | float | str) for value in values)
    if values and is_plain and len(set(values)) == len(values):
        return values
    return name_options(node)


def _distribute(dimension: Dimension) -> BaseDistribution:
    node = dimension.node
    if isinstance(node, Choice | Switches):
        return CategoricalDistribution(_name_categories(node))
    if isinstance(node, Normal | LogNormal):
        return FloatDistribution(0.0, 1.0)
    if isinstance(node, Uniform | LogUniform):
        return FloatDistribution(node.low, node.high, log=isinstance(node, LogUniform))
    step = Decimal(str(node.step))
    # In decimal numbers, since Optuna refuses 0.1 × 3 = 0.30000000000000004 as the third step above 0.
    high = Decimal(str(node.low)) + step * (node.points - 1)
    if isinstance(node, Quantized) and (node.low != int(node.low) or node.step != int(node.step)):
        return FloatDistribution(node.low, float(high), step=node.step)
    log = isinstance(node, Sizes) and node.log and node.step == 1  # Optuna has no logarithmic steps
    return IntDistribution(int(node.low), int(high), log=log, step=int(step))
