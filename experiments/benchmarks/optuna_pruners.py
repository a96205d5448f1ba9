"""A pruner of Optuna as the scheduler of `nn.sweep`: it is asked after every epoch of a trial."""

# Types are also checked where some peers are not installed.
# pyright: reportMissingImports=false

from typing import Any, NamedTuple

from jaxnn.sweeps import Continue, Setting, Stop, TrialScheduler


class OptunaPruner(NamedTuple):
    """What `sweep` takes as scheduler.

    Attributes:
        pruner: of Optuna. It sees a study of its own, which has the trials of the sweep.
    """

    pruner: Any

    def init(self, epochs: int, space: dict[str, Any], key: Any) -> TrialScheduler:
        import optuna

        # The pruner of Hyperband draws the bracket of a trial from the name of the study.
        return _Pruned(optuna.create_study(study_name="sweep", direction="maximize", pruner=self.pruner), epochs)


class _Pruned(TrialScheduler):
    def __init__(self, study: Any, epochs: int) -> None:
        self._study, self._epochs = study, epochs
        self._trials: dict[int, Any] = {}

    def add(self, trial: int, setting: Setting) -> None:
        self._trials[trial] = self._study.ask()

    def start(self, trial: int) -> int:
        return 1

    def report(self, trial: int, epoch: int, score: float) -> Continue | Stop:
        own = self._trials[trial]
        own.report(score, epoch)
        if epoch < self._epochs and not own.should_prune():
            return Continue(epoch + 1)
        return Stop()
