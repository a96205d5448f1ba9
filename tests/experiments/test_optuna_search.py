"""The how-to of Optuna: a search whose study is in a journal, and a second one that goes on from it."""

from collections import Counter

import optuna

from experiments import optuna_search


def test_a_search_fills_a_study_that_the_next_one_knows(tmp_path, capsys):
    config = optuna_search.Config(trials=16, epochs=3, study=tmp_path / "folder" / "study.journal", progress=False)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    result = optuna_search.main(config)
    states = {"finished": "COMPLETE", "stopped": "PRUNED"}
    expected = Counter(states[trial.status] for trial in result.sweep.trials)
    assert Counter(trial.state.name for trial in result.study.trials) == expected
    assert set(result.importances) == set(optuna_search.SPACE)
    printed = capsys.readouterr().out
    assert f"optuna-dashboard {config.study}" in printed
    assert "16 in the study" in printed
    optuna_search.main(config)
    assert "32 in the study" in capsys.readouterr().out
