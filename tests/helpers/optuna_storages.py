"""Studies of Optuna in memory, in a journal and in SQLite, and what they hold."""

from pathlib import Path

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

optuna.logging.set_verbosity(optuna.logging.WARNING)


def make_study(sampler=None, **options):
    return optuna.create_study(**{"direction": "maximize", "sampler": sampler} | options)


def tpe(seed):
    """Makes the sampler of a question anew."""
    return optuna.samplers.TPESampler(seed=seed, n_startup_trials=6)


def open_study(kind, directory):
    """Opens the study beside a directory, in a storage of the kind "journal" or "sqlite"; in memory without one."""
    if directory is None:
        return make_study()
    path = Path(directory).with_suffix(f".{kind}")
    if kind == "sqlite":
        return make_study(storage=f"sqlite:///{path}", study_name="study", load_if_exists=True)
    # A process that is killed leaves its lock behind, which others respect for the grace period.
    file = JournalFileBackend(str(path), lock_obj=JournalFileOpenLock(str(path), grace_period=4))
    return make_study(storage=JournalStorage(file), study_name="study", load_if_exists=True)


def describe_trials(study):
    """Returns what a study holds, without times and the names of sweeps, in the order of the sweep's trials."""
    trials = sorted(study.get_trials(), key=lambda trial: trial.user_attrs["trial"])
    # A database gives the parts of a trial in another order.
    return repr([(trial.state.name, trial.values, *map(sorted, map(dict.items, _parts(trial)))) for trial in trials])


def _parts(trial):
    return trial.params, trial.intermediate_values, trial.user_attrs
