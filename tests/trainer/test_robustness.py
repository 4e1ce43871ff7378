import json
from pathlib import Path

import msgspec
import numpy as np
import pytest
from click.testing import CliRunner

from cmlstream.trainer.cli import main
from cmlstream.trainer.robustness import (
    Answers,
    Overall,
    Robustness,
    Shift,
    StagesOf,
    compare,
    compare_groups,
)
from cmlstream.trainer.robustness_report import RobustnessReport, marks_of
from tests.trainer.corpus import clip, write_corpus


def answers(activation: list[float], named: list[int], counted: list[bool] | None = None) -> Answers:
    counted_N = np.array([True] * len(named) if counted is None else counted)
    return Answers(np.array(activation), np.array(activation), np.array(named), counted_N)


CLIPS = [clip(emotion="anger"), clip(emotion="anger"), clip(emotion="sadness"), clip(emotion="boredom")]
EVERY = np.full(4, True)
CLEAN = answers([0.5, 0.5, -0.5, 0.0], [0, 0, 3, 1])


def test_nothing_changed_costs_nothing() -> None:
    found = compare(CLIPS, CLEAN, CLEAN, EVERY)
    assert found.activation == Shift(mean=0, percentile_95=0, signed=0)
    assert (found.n, found.unheard, found.clean_uar, found.uar, found.lost_points) == (4, 0, 1, 1, 0)


def test_shifts_and_costs_of_what_is_known() -> None:
    changed = answers([0.6, 0.4, -0.7, 0.0], [0, 1, 3, 1])
    found = compare(CLIPS, CLEAN, changed, EVERY)
    assert found.activation is not None
    assert found.activation.mean == pytest.approx(0.1)
    assert found.activation.signed == pytest.approx(-0.05)
    assert found.activation.percentile_95 == pytest.approx(np.percentile([0.1, 0.1, 0.2, 0.0], 95))
    assert found.uar == 0.75
    assert found.lost_points == pytest.approx(25)


def test_a_clip_that_is_not_heard_any_more_was_not_named_rightly() -> None:
    changed = answers([np.nan, 0.5, -0.5, 0.0], [-1, 0, 3, 1])
    found = compare(CLIPS, CLEAN, changed, EVERY)
    assert found.unheard == 1
    assert found.uar == 0.75
    assert found.activation == Shift(mean=0, percentile_95=0, signed=0)


def test_clips_count_where_both_streams_have_reached_the_stage() -> None:
    early = answers([0.5, 0.5, -0.5, 0.0], [0, 0, 3, 1], [False, True, True, True])
    late = answers([0.9, 0.5, -0.5, 0.0], [1, 0, 3, 1], [True, True, False, True])
    assert compare(CLIPS, early, late, EVERY).n == 2
    nobody = compare(CLIPS, early, late, np.array([True, False, False, False]))
    assert (nobody.n, nobody.activation, nobody.uar, nobody.lost_points) == (0, None, None, None)


def test_every_corpus_has_its_own_figures() -> None:
    clips = [clip(emotion="anger", corpus="here"), clip(emotion="anger", corpus="there")]
    found = compare_groups(clips, answers([0, 0], [0, 0]), answers([0.1, 0.3], [0, 1]))
    assert {name: one.lost_points for name, one in found.corpus.items()} == {"here": 0, "there": 100}
    assert found.overall.lost_points == 50


def stages(activation: float, lost: float) -> StagesOf:
    shift = Shift(mean=activation, percentile_95=2 * activation, signed=0)
    overall = Overall(Robustness(10, 0, shift, shift, 0.6, 0.6 - lost / 100), {})
    return StagesOf(cold=overall, adapting=overall, adapted=overall)


def test_the_worst_condition_decides_a_mark() -> None:
    conditions = {
        "gain -10 dB": stages(0.03, 0),
        "gain +6 dB": stages(0.01, 0),
        "gain +12 dB": stages(0.5, 90),
        "noise 10 dB": stages(0.5, 4.5),
        "telephone": stages(0.5, 5.5),
    }
    found = [(mark.found, mark.met) for mark in marks_of(conditions)]
    assert found == [
        (0.03, False),
        (0.06, False),
        (pytest.approx(4.5), True),
        (pytest.approx(5.5), False),
    ]
    assert list(marks_of({"gain +12 dB": stages(0.5, 90)})) == []


@pytest.mark.slow
def test_the_command_tells_marks_and_figures(tmp_path: Path) -> None:
    manifest = write_corpus(tmp_path, speakers=3, takes=1)
    (tmp_path / "broken.wav").write_text("no audio")
    (tmp_path / "folder.wav").mkdir()
    with manifest.open("a") as file:
        file.writelines(f"{name}.wav,here,xx,source,s0,,,anger,,,\n" for name in ("broken", "folder"))
    arguments = ["robustness", str(manifest), "--cache", str(tmp_path / "cache")]
    table = CliRunner().invoke(main, [*arguments, "--corpora", "here"])
    assert table.exit_code == 0, table.output
    assert "baseline adapted: after 300 s of speech" in table.stdout
    assert "points of UAR lost to telephone is" in table.stdout
    assert "without --noise FOLDER" in table.stderr
    assert table.stderr.count("skipped: ") == 2

    found = CliRunner().invoke(main, [*arguments, "--corpora", "here", "--json"])
    assert found.exit_code == 0, found.output
    report = msgspec.convert(json.loads(found.stdout), RobustnessReport)
    assert set(report.conditions) >= {"gain -10 dB", "telephone"}
    assert report.conditions["telephone"].cold.overall.n == 4
    assert report.conditions["telephone"].adapting.overall.n == 0
    assert report.conditions["gain -6 dB"].adapted.corpus["here"].unheard == 0


def test_a_folder_without_noise_is_a_users_mistake(tmp_path: Path) -> None:
    manifest = write_corpus(tmp_path, speakers=1, takes=1, duration_s=0.5)
    (tmp_path / "empty").mkdir()
    finished = CliRunner().invoke(main, ["robustness", str(manifest), "--noise", str(tmp_path / "empty")])
    assert finished.exit_code == 2
    assert "holds no recordings of noise" in finished.stderr
