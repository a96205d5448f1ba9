"""Progress bars by tqdm (extra `progress`), or a stand-in that shows nothing."""

from typing import Any

from jaxnn._checks.warn import warn_user

_FORMAT = "{l_bar}{bar}| {n:.0f}/{total_fmt} [{elapsed}<{remaining}, {rate_fmt}{postfix}]"


class _NoBar:
    """A stand-in for tqdm's bar that shows nothing."""

    n = 0

    def __enter__(self) -> "_NoBar":
        return self

    def __exit__(self, *_: object) -> None: ...

    def update(self, _: float | int) -> None: ...

    def set_postfix(self, _: dict[str, str]) -> None: ...


def progress_bar(total: int, unit: str, *, wanted: bool) -> Any:
    """Returns a bar over `total` units, a context manager with `n`, `update(units)` and `set_postfix(dict)`.

    Updates may be fractions of a unit. The bar shows whole units, units per second and the remaining time. Without tqdm
    it warns, and shows nothing.
    """
    if not wanted:
        return _NoBar()
    try:
        from tqdm.auto import tqdm
    except ImportError:
        warn_user("no progress bar: pip install 'jaxnn[progress]', or pass progress=False")
        return _NoBar()
    return tqdm(total=total, unit=unit, bar_format=_FORMAT)
