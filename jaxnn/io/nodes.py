"""The types of the inner nodes of a pytree, by which a file says what its arrays are parts of.

The names of leaves alone cannot tell an `Affine` without biases from a dict whose only array is called "weight".
"""

from typing import Any

import jax


def list_nodes(tree: Any) -> dict[str, str]:
    """Returns the names of the NamedTuples of this library in a tree, by their paths, joined by slashes.

    Other nodes are not listed: a file is read without the code that made them, as dicts by the names of their parts.

    Example:
        >>> from jaxnn import Affine
        >>> list_nodes({"output": Affine(1.0, None), "mine": {"weight": 2.0}})
        {'output': 'Affine'}
    """
    found: dict[str, str] = {}
    _collect(tree, (), found)
    return found


def _collect(node: Any, path: tuple[Any, ...], found: dict[str, str]) -> None:
    kind = type(node)
    if isinstance(node, tuple) and hasattr(node, "_fields") and kind.__module__.startswith("jaxnn."):
        found[jax.tree_util.keystr(path, simple=True, separator="/")] = kind.__name__
    for inner, child in jax.tree_util.tree_leaves_with_path(node, is_leaf=lambda each: each is not node):
        # A leaf is its own only child; None has none.
        if inner and child is not None:
            _collect(child, path + inner, found)
