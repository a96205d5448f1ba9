"""The how-to of scikit-learn: a search whose best network is pickled, loaded in another process, and used."""

import pytest

from experiments import sklearn_search

pytestmark = pytest.mark.optimized(older_code=True)


def test_a_network_that_was_searched_predicts_in_another_process(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    result = sklearn_search.main(sklearn_search.Config(candidates=4, epochs=12, folds=2))
    assert result.test_accuracy >= 0.95
    assert result.validation_accuracy >= 0.95
    assert result.loaded_accuracy == result.test_accuracy
    assert result.path.exists()
    assert f"accuracy {result.loaded_accuracy:.3f}" in capsys.readouterr().out
