from math import nan
from pathlib import Path

import pytest

from cmlstream.models.errors import ModelError
from cmlstream.trainer.ensemble import Progress
from cmlstream.trainer.history import NAME, History, Line, line_of, read


def stands(epoch: int, loss: float = 1.0, score: float = 0.5) -> Progress:
    return Progress(epoch, 10, loss, 0.7, 0.2, score)


def test_curves_are_left_after_every_epoch(tmp_path: Path) -> None:
    history = History(tmp_path / "new")
    history.add("fold 1", stands(1))
    history.add("fold 2", stands(1, 2.0, nan))
    assert read(tmp_path / "new" / NAME) == [
        Line("fold 1", 1, 1.0, 0.7, 0.2, 0.5),
        Line("fold 2", 1, 2.0, 0.7, 0.2, None),
    ]
    assert [path.name for path in (tmp_path / "new").iterdir()] == [NAME]


def test_a_run_that_goes_on_replaces_what_it_does_again(tmp_path: Path) -> None:
    first = History(tmp_path)
    for epoch in (1, 2, 3):
        first.add("fold 1", stands(epoch))
        first.add("fold 2", stands(epoch))
    again = History(tmp_path)
    again.add("fold 1", stands(2, 9.0))
    lines = read(tmp_path / NAME)
    assert [(line.epoch, line.loss) for line in lines if line.run == "fold 1"] == [(1, 1.0), (2, 9.0)]
    assert [line.epoch for line in lines if line.run == "fold 2"] == [1, 2, 3]


def test_a_damaged_history_is_told(tmp_path: Path) -> None:
    (tmp_path / NAME).write_text('{"run": "fold 1", "epo')
    with pytest.raises(ModelError, match=r"history\.jsonl cannot be read .*: delete it"):
        History(tmp_path)


def test_what_is_not_judged_has_no_score() -> None:
    assert line_of("final", stands(1, score=nan)).score is None
