"""Bounds on what the bytes of a checkpoint make its readers allocate, checked before they read.

Python keeps some six hundred bytes for an entry of a zip archive that takes 46 in its directory, and seventy for a list
that takes three in JSON. In the files that `save` writes both are a small part; a hostile file may hold nothing else.
"""

import re
import struct

_STRINGS = re.compile(rb'"(?:[^"\\]|\\.)*"')
# Bytes for a list, dict or named value, and for one value more in it; and how many are granted for each of the file's.
_CONTAINER, _VALUE, _GRANTED = 80, 45, 6


def check_directory(content: bytes) -> None:
    """The archive's directory is at most half of it.

    Raises:
        ValueError: a longer one, or no end of a directory.

    Example:
        >>> check_directory(b"PK\\x05\\x06" + bytes(18))
    """
    end, end64 = content.rfind(b"PK\5\6"), content.rfind(b"PK\6\6")
    if end < 0 or len(content) < end + 16:
        raise ValueError("no end of a directory")
    (size,) = struct.unpack_from("<I", content, end + 12)
    if size == 2**32 - 1 and 0 <= end64 <= len(content) - 48:
        (size,) = struct.unpack_from("<Q", content, end64 + 40)
    if 2 * size > len(content):
        raise ValueError(f"a directory of {size} bytes in a file of {len(content)}")


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
