"""Studies of Optuna as samplers of `sweep` (extra `optuna`), reached as `jaxnn.integrations.optuna(study)`.

Optuna's samplers work on a twin of the study in memory, which holds all trials that are known at the time. The user's
study gets trials only when they have ended, so that a process that is killed leaves none that seem to run.
"""

try:
    import optuna as _optuna
except ImportError as error:
    raise ImportError("studies of Optuna need an extra: pip install 'jaxnn[optuna]'") from error

from jaxnn.integrations.optuna_studies.sampler import optuna

__all__ = ["optuna"]

del _optuna
