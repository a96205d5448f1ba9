"""How an augmentation is called: with the key and x, or with the targets too; and one after another."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
from jaxtyping import Array

# augment(key, x) -> x, or augment(key, x, targets) -> (x, targets)
Augmentation = Callable[..., Any]


def takes_targets(caller: str, augment: Any) -> bool:
    """Returns whether an augmentation takes the targets too.

    Raises:
        TypeError: not a function of (key, x) or of (key, x, targets).
    """
    rule = f"{caller}: an augmentation must be a function of (key, x), or of (key, x, targets)"
    if not callable(augment):
        raise TypeError(f"{rule}, not {augment!r}")
    parameters = inspect.signature(augment).parameters.values()
    by_place = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    needed = [each for each in parameters if each.default is each.empty and each.kind in by_place]
    if len(needed) not in (2, 3):
        raise TypeError(f"{rule}, not of ({', '.join(map(str, parameters))})")
    return len(needed) == 3


def call_augmentation(augment: Augmentation, key: Array, x: Any, targets: Any) -> tuple[Any, Any]:
    """Returns x and targets after an augmentation of either form."""
    if not takes_targets("Recipe", augment):
        return augment(key, x), targets
    augmented = augment(key, x, targets)
    if not isinstance(augmented, tuple) or len(augmented) != 2:
        actual = "an array" if isinstance(augmented, Array) else type(augmented).__name__
        raise TypeError(f"Recipe: augment(key, x, targets) must return the pair (x, targets), not {actual}")
    return augmented


def compose(*augmentations: Augmentation) -> Augmentation:
    """Makes one augmentation of several, which are applied from left to right, each with a key of its own.

    Args:
        augmentations: functions of (key, x), or of (key, x, targets).

    Returns:
        A function of (key, x, targets) if one of them takes the targets, else of (key, x).

    Raises:
        TypeError: something else than such a function.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxnn import augment
        >>> both = compose(augment.flip(), augment.shift(2))
        >>> both(jax.random.key(0), jnp.ones((16, 8, 8, 1))).shape
        (16, 8, 8, 1)
    """
    with_targets = [takes_targets("augment.compose", augment) for augment in augmentations]
    return _ComposeWithTargets(augmentations) if any(with_targets) else _Compose(augmentations)


@dataclass(frozen=True)
class _ComposeWithTargets:
    augmentations: tuple[Augmentation, ...]

    def __call__(self, key: Array, x: Any, targets: Any) -> tuple[Any, Any]:
        for augment, own_key in zip(self.augmentations, jax.random.split(key, len(self.augmentations)), strict=True):
            x, targets = call_augmentation(augment, own_key, x, targets)
        return x, targets


@dataclass(frozen=True)
class _Compose:
    augmentations: tuple[Augmentation, ...]

    def __call__(self, key: Array, x: Any) -> Any:
        return _ComposeWithTargets(self.augmentations)(key, x, None)[0]
