"""A bar in a terminal, by tqdm (extra `progress`)."""

from typing import Any

from jaxnn._checks.warn import warn_user
from jaxnn.progress.display import Display

_FORMAT = "{l_bar}{bar}| {n:.0f}/{total_fmt} [{elapsed}<{remaining}, {rate_fmt}{postfix}]"


class Bar(Display):
    """Shows whole units, units a second, the time left, and the values; without tqdm it warns, and shows nothing."""

    _bar: Any = None

    def _open(self) -> None:
        super()._open()
        try:
            from tqdm import tqdm
        except ImportError:
            warn_user("no progress bar: pip install 'jaxnn[progress]', or pass progress=False")
            return
        self._bar = tqdm(total=self.total, unit=self.unit, bar_format=_FORMAT, dynamic_ncols=True)

    def start_at(self, done: float | int) -> None:
        super().start_at(done)
        if self._bar is not None:  # tqdm then leaves them out of the speed
            self._bar.initial = self._bar.n = done

    def _show(self) -> None:
        if self._bar is None:
            return
        self._bar.set_description(self.waiting, refresh=False)
        self._bar.set_postfix(self.values, refresh=False)
        self._bar.update(self.done - self._bar.n)
        if self.waiting:
            self._bar.refresh()

    def _close(self) -> None:
        if self._bar is not None:
            self._show()
            self._bar.close()
