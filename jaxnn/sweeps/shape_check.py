"""Settings whose model or loss refuses the shapes: they are found before anything compiles, and become failed trials.

A number of poolings that an image is too small for, among the options of a `choice`, must not end a search of others.
"""

from collections.abc import Iterable

from jaxnn._checks.warn import warn_user
from jaxnn.sweeps.engine.hypers import UnknownHyperError
from jaxnn.sweeps.engine.plan import Plan
from jaxnn.sweeps.engine.recipe_check import check_shapes
from jaxnn.sweeps.engine.trial import make_untrained
from jaxnn.sweeps.resume import SweepJournal
from jaxnn.sweeps.space.space import Choices, Setting


class ShapeCheck:
    """Checks the recipe of each combination of choices once, on shapes.

    Attributes:
        failed: the number of trials that failed.
    """

    def __init__(self, plan: Plan) -> None:
        self.failed = 0
        self._plan = plan
        self._errors: dict[Choices, Exception | None] = {}

    def drop_failed(self, batch: list[tuple[int, Setting]], journal: SweepJournal) -> list[tuple[int, Setting]]:
        """Returns the trials that can run, and records the others as failed.

        Raises:
            Exception: one that is neither a TypeError nor a ValueError, of a function of the user.
        """
        running = []
        for number, setting in batch:
            error = self._find_error(setting)
            if error is None:
                running.append((number, setting))
                continue
            self.failed += 1
            reason = next(iter(str(error).splitlines()), type(error).__name__)
            journal.record_trial(make_untrained(number, setting, self._plan.layout, "failed", reason))
        return running

    def check_settings(self, settings: Iterable[Setting]) -> None:
        """Looks at the shapes of settings that have trained before."""
        for setting in settings:
            self._find_error(setting)

    def report(self, trials: int) -> None:
        """Warns of failed trials.

        Raises:
            Exception: the first error, if all trials failed.
        """
        first = next((error for error in self._errors.values() if error is not None), None)
        if first is None:
            return
        if self.failed == trials:
            raise first
        warn_user(
            f"sweep: {self.failed} of {trials} trials failed, since their model or loss refuses the shapes; the first "
            f"reason: {first}"
        )

    def _find_error(self, setting: Setting) -> Exception | None:
        if setting.choices not in self._errors:
            try:
                check_shapes(self._plan, setting)
                self._errors[setting.choices] = None
            except UnknownHyperError as error:
                raise ValueError(str(error)) from error
            except (TypeError, ValueError) as error:
                self._errors[setting.choices] = error
        return self._errors[setting.choices]
