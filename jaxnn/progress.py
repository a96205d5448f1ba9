"""A progress bar for those who want one and have tqdm (extra `progress`); otherwise one that shows nothing."""

import warnings
from typing import Any


class _NoBar:
    """Stands in for tqdm's bar."""

    n = 0

    def __enter__(self) -> "_NoBar":
        return self

    def __exit__(self, *_: object) -> None: ...

    def update(self, _: int) -> None: ...

    def set_postfix(self, _: dict[str, str]) -> None: ...


def progress_bar(total: int, unit: str, *, wanted: bool) -> Any:
    """A bar over `total` units, as a context manager with `n`, `update(units)` and `set_postfix(dict)`."""
    if not wanted:
        return _NoBar()
    try:
        from tqdm.auto import tqdm
    except ImportError:
        warnings.warn("no progress bar: pip install 'jaxnn[progress]', or say progress=False", stacklevel=4)
        return _NoBar()
    return tqdm(total=total, unit=unit)
