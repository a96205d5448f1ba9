"""Checks of annotations that cost little where there are no arrays to check."""

import functools
import inspect
import threading
from collections.abc import Callable
from types import CodeType
from typing import Any, get_args

import jaxtyping
from beartype import BeartypeConf, beartype

_jaxtyped = jaxtyping.jaxtyped
_local_checks: dict[CodeType, tuple[threading.local, Callable[..., Any]]] = {}
# A TypeError, as jaxtyping raises.
_check = beartype(conf=BeartypeConf(violation_type=jaxtyping.TypeCheckError))


def install() -> None:
    """Checks the annotations of every function of jaxnn that is imported from now on.

    jaxtyping's own wrapper binds the arguments of each call, to compare the axes of arrays. That makes up half of the
    time of some tests, so functions whose annotations have no axes are checked by beartype alone.
    """
    jaxtyping.jaxtyped = _choose_checker  # the decorator that the hook adds
    jaxtyping.install_import_hook("jaxnn", "beartype.beartype")


def _choose_checker(*, typechecker: Any) -> Callable[[Any], Any]:
    def decorate(checked: Any) -> Any:
        if inspect.isfunction(checked):
            annotations = checked.__annotations__.values()
            if not any(map(_has_axes, annotations)):
                return _check_plain(checked) if any(map(_can_fail, annotations)) else checked
        return _jaxtyped(checked, typechecker=typechecker)

    return decorate


def _has_axes(annotation: Any) -> bool:
    """Returns whether an annotation is one of jaxtyping, or mentions one; text may."""
    if isinstance(annotation, str):
        return True
    return getattr(annotation, "__module__", "") == "jaxtyping" or any(map(_has_axes, get_args(annotation)))


def _can_fail(annotation: Any) -> bool:
    return annotation is not Any and annotation is not object


def _check_plain(function: Any) -> Any:
    """Returns the function with beartype's checks, which are made at the first call: many are never called."""
    if "<locals>" in function.__qualname__:
        return _check_local(function)
    make_checked = functools.cache(lambda: _check(function))

    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        return (function if jaxtyping.config.jaxtyping_disable else make_checked())(*args, **kwargs)

    return run


def _check_local(function: Any) -> Any:
    """Returns a function that is made inside another, with checks that all functions of the same code share.

    The code of a loop's body or a step is made into functions hundreds of times, and checks cost a millisecond to make.
    """

    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        if jaxtyping.config.jaxtyping_disable:
            return function(*args, **kwargs)
        code = function.__code__
        if code not in _local_checks:
            _local_checks[code] = _make_local_checks(function)
        current, checked = _local_checks[code]
        current.function = function
        return checked(*args, **kwargs)

    return run


def _make_local_checks(function: Any) -> tuple[threading.local, Callable[..., Any]]:
    """Returns a place for one of the functions of a code, and the checked call of the function in it."""
    current = threading.local()

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        function, current.function = current.function, None  # its variables may be freed after the call
        return function(*args, **kwargs)

    checked = _check(call)
    for wrapper in (call, checked):
        vars(wrapper).pop("__wrapped__", None)  # the first function, whose variables would live on
    return current, checked
