from pathlib import Path

import pytest

from cmlstream.models.errors import ConfigurationError
from cmlstream.trainer.report.transfer import Matrix, matrix_of, transfer
from cmlstream.trainer.table import Normalisation
from tests.trainer.report.material import RECORDS, write_results


def test_a_row_trains_and_a_column_is_measured() -> None:
    assert matrix_of(RECORDS, "none") == Matrix(
        "none",
        ("de", "en", "all other sources"),
        ("de", "en", "ur"),
        ((None, 0.31, 0.32), (0.33, None, None), (0.44, None, 0.55)),
    )
    assert matrix_of(RECORDS, "elr") is None


def test_every_method_has_its_picture_and_its_table(tmp_path: Path) -> None:
    section = transfer(write_results(tmp_path / "results.json"), Normalisation.CAUSAL)
    assert [chart.caption for chart in section.charts] == ["UAR, none.", "UAR, actval."]
    assert "de to ur 0.32" in section.charts[0].alternative
    assert section.sheets[0].rows[1] == ("en", "0.33", "–", "–")
    assert "not the model above" in " ".join(section.sentences)


def test_without_results_it_says_so(tmp_path: Path) -> None:
    assert "No results" in transfer(None, Normalisation.CAUSAL).sentences[0]
    (sentence,) = transfer(write_results(tmp_path / "results.json"), Normalisation.NONE).sentences
    assert sentence.endswith("under the normalisation none.")


def test_what_is_no_result_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    for content in (None, "{", '{"records": 1}', "[]"):
        if content is not None:
            path.write_text(content)
        with pytest.raises(ConfigurationError, match=r"cannot be read .*: name the results\.json"):
            transfer(path, Normalisation.CAUSAL)
