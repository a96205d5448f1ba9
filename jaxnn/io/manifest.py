"""A bound on what the manifest of a checkpoint makes its reader allocate, checked before it is read.

Python keeps seventy bytes for a list that takes three in JSON. In the files that `save` writes such are a small part; a
hostile file may hold nothing else.
"""

import re

_STRINGS = re.compile(rb'"(?:[^"\\]|\\.)*"')
# Bytes for a list, dict or named value, and for one value more in it; and how many are granted for each of the file's.
_CONTAINER, _VALUE, _GRANTED = 80, 45, 6


def check_manifest(text: bytes, size: int) -> None:
    """The values of a manifest take no more memory than a few times the size of the file.

    Raises:
        ValueError: a manifest of too many values.

    Example:
        >>> check_manifest(b'{"format": 1}', 300)
    """
    needed = _values(text)
    if needed > _GRANTED * size:  # signs in names are none; to look for names takes longer
        needed -= sum(_values(string.group()) for string in _STRINGS.finditer(text))
    if needed > _GRANTED * size:
        raise ValueError(f"a manifest whose values take {needed} bytes in a file of {size}")


def _values(text: bytes) -> int:
    """The memory for what the signs in a text stand for."""
    return _CONTAINER * sum(map(text.count, (b"[", b"{", b":"))) + _VALUE * text.count(b",")
