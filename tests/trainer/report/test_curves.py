from pathlib import Path

import pytest

from cmlstream.models.errors import ConfigurationError, ModelError
from cmlstream.trainer import history
from cmlstream.trainer.history import Line
from cmlstream.trainer.report.curves import curves, curves_of, section_of
from tests.trainer.report.material import curves as lines_of


def test_few_runs_have_a_curve_each() -> None:
    section = section_of(lines_of(["fold 1", "fold 2", "final"]))
    assert [chart.name for chart in section.charts] == [
        "training-loss",
        "training-reconstruction",
        "training-metric",
        "training-score",
    ]
    (sheet,) = section.sheets
    assert sheet.head == ("runs", "number", "epochs", "loss", "reconstruction", "metric", "score")
    assert sheet.rows[0] == ("fold 1", "1", "3", "0.050", "0.700", "0.200", "0.500")
    assert sheet.rows[2] == ("final", "1", "3", "2.050", "0.700", "0.200", "–")


def test_many_runs_are_put_together_by_method() -> None:
    runs = [f"transfer/causal/all/{method}/{seed}" for method in ("none", "act") for seed in range(5)]
    plain, act = curves_of(lines_of(runs, epochs=1), "loss")
    assert (plain.name, plain.runs, act.name, act.runs) == ("none", 5, "act", 5)
    assert plain.median_E[0] == pytest.approx(2 + 0.3679, abs=1e-3)
    assert (plain.lowest_E[0], plain.highest_E[0]) == pytest.approx((0.7679, 3.9679), abs=1e-3)


def test_many_runs_of_other_names_are_one_kind() -> None:
    (together,) = curves_of(lines_of([f"run {number}" for number in range(9)]), "loss")
    assert (together.name, together.runs, list(together.epoch_E)) == ("all runs", 9, [1, 2, 3])


def test_what_no_run_has_is_said_and_not_drawn() -> None:
    plain = [Line("final", epoch, 1.0, 1.0, 0.0, None) for epoch in (1, 2)]
    section = section_of(plain)
    assert [chart.name for chart in section.charts] == ["training-loss", "training-reconstruction"]
    assert "No speakers were held back, so there is no score." in section.sentences
    assert "No run had a metric loss, so it has no curve." in section.sentences


def test_a_history_is_read_or_refused_in_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    with pytest.raises(ConfigurationError, match=r"There is no history .*: name the history\.jsonl"):
        curves(path)
    history.write(path, [])
    with pytest.raises(ConfigurationError, match="holds no epoch"):
        curves(path)
    path.write_text("{}")
    with pytest.raises(ModelError, match="cannot be read"):
        curves(path)
    history.write(path, lines_of(["final"]))
    assert curves(path).charts
    assert curves(None).charts == ()
