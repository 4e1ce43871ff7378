import sys
from math import nan
from pathlib import Path

import pytest

from cmlstream.models.errors import ConfigurationError
from cmlstream.trainer.board import scalars
from cmlstream.trainer.ensemble import Progress


def test_each_run_has_its_curves_in_a_folder_of_its_own(tmp_path: Path) -> None:
    event_accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    with scalars(tmp_path) as tell:
        for epoch in (1, 2):
            tell("fold 1", Progress(epoch, 2, 1.0 / epoch, 0.5, 0.25, 0.4))
            tell("final", Progress(epoch, 2, 3.0, 0.5, 0.25, nan))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["final", "fold-1"]
    held = event_accumulator.EventAccumulator(str(tmp_path / "fold-1")).Reload()
    assert sorted(held.Tags()["scalars"]) == ["loss", "metric", "reconstruction", "score"]
    assert [(event.step, event.value) for event in held.Scalars("loss")] == [(1, 1.0), (2, 0.5)]
    final = event_accumulator.EventAccumulator(str(tmp_path / "final")).Reload()
    assert "score" not in final.Tags()["scalars"]


def test_without_tensorboard_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(ConfigurationError, match=r"the package `tensorboard`: install it"), scalars(tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []
