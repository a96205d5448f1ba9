"""A limit on the memory that parsing a checkpoint's manifest may take, checked before it is parsed.

An empty list takes seventy bytes in Python and three in JSON. Files that `save` writes contain few such values; a
hostile file may contain nothing else.
"""

import re

_STRINGS = re.compile(rb'"(?:[^"\\]|\\.)*"')
# Bytes for a list, a dict or a named value.
_CONTAINER_BYTES = 80
# Bytes for each further value in it.
_VALUE_BYTES = 45
# Bytes of memory allowed for each byte of the file.
_ALLOWED_RATIO = 6


def check_manifest(text: bytes, size: int) -> None:
    """Checks that the values of a manifest take at most a few times as much memory as the file.

    Args:
        text: the manifest, in JSON.
        size: the size of the whole file, in bytes.

    Raises:
        ValueError: a manifest of too many values.

    Example:
        >>> check_manifest(b'{"format": 1}', 300)
    """
    needed = _estimate_memory(text)
    # Punctuation inside strings does not count. Finding the strings is slow, so it is done only if it can matter.
    if needed > _ALLOWED_RATIO * size:
        needed -= sum(_estimate_memory(string.group()) for string in _STRINGS.finditer(text))
    if needed > _ALLOWED_RATIO * size:
        raise ValueError(f"a manifest whose values take {needed} bytes in a file of {size}")


def _estimate_memory(text: bytes) -> int:
    """Returns the bytes that the values in a JSON text take, from the number of its punctuation marks."""
    return _CONTAINER_BYTES * sum(map(text.count, (b"[", b"{", b":"))) + _VALUE_BYTES * text.count(b",")
