"""A progress bar for those who want one and have tqdm (extra `progress`); otherwise one that shows nothing."""

import warnings
from typing import Any

_FORMAT = "{l_bar}{bar}| {n:.0f}/{total_fmt} [{elapsed}<{remaining}, {rate_fmt}{postfix}]"


class _NoBar:
    """Stands in for tqdm's bar."""

    n = 0

    def __enter__(self) -> "_NoBar":
        return self

    def __exit__(self, *_: object) -> None: ...

    def update(self, _: float | int) -> None: ...

    def set_postfix(self, _: dict[str, str]) -> None: ...


def progress_bar(total: int, unit: str, *, wanted: bool) -> Any:
    """A bar over `total` units, as a context manager with `n`, `update(units)` and `set_postfix(dict)`.

    Units may come in parts; the bar shows whole ones, how many come in a second, and the time that is left.
    """
    if not wanted:
        return _NoBar()
    try:
        from tqdm.auto import tqdm
    except ImportError:
        warnings.warn("no progress bar: pip install 'jaxnn[progress]', or say progress=False", stacklevel=4)
        return _NoBar()
    return tqdm(total=total, unit=unit, bar_format=_FORMAT)
