import csv
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow.parquet import write_table

from cmlstream.models.egemaps import FEATURE_NAMES
from cmlstream.models.errors import ConfigurationError, CorpusError
from cmlstream.trainer.ready_made import check_servable, holds_features, read_features
from tests.trainer.corpus import invented_table

Row = dict[str, object]

ROWS: list[Row] = [
    {"speaker": "s1", "emotion": "anger", "activation": 4.5, "pitch": 3.5, "energy": 1},
    {"speaker": "s1", "emotion": "sadness", "activation": "", "pitch": -2, "energy": 7},
    {"speaker": "s2", "emotion": "anger", "activation": 1, "pitch": 8, "energy": 1},
]


def write(folder: Path, rows: list[Row]) -> Path:
    path = folder / "table.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def changed(row: int, **cells: object) -> list[Row]:
    """The rows with other cells in one of them; columns that this adds are empty in the others."""
    return [dict.fromkeys(cells, "") | r | (cells if number == row else {}) for number, r in enumerate(ROWS)]


def refused(folder: Path, rows: list[Row]) -> str:
    with pytest.raises(CorpusError) as caught:
        read_features(write(folder, rows))
    return str(caught.value)


def test_what_a_manifest_knows_is_known_here_and_the_rest_are_features(tmp_path: Path) -> None:
    found = read_features(write(tmp_path, [{"": n, "text": "a01"} | row for n, row in enumerate(ROWS)]))
    table = found.table
    assert table.feature_names == ("pitch", "energy")
    assert table.features_NF.tolist() == [[3.5, 1], [-2, 7], [8, 1]]
    assert table.features_NF.dtype == np.float32
    assert table.whole_N.tolist() == [True, True, True]
    assert table.clip_N.tolist() == [0, 1, 2]
    assert [clip.speaker for clip in table.clips] == ["unnamed/s1", "unnamed/s1", "unnamed/s2"]
    assert table.clips[0].activation == 4.5
    assert table.speech_s_N.tolist() == [2, 2, 2]
    assert any("each row counts as 2 s" in note for note in found.notes)


def test_parquet_tells_the_same_as_text(tmp_path: Path) -> None:
    expected = read_features(write(tmp_path, ROWS)).table
    columns = {name: [row[name] for row in ROWS] for name in ROWS[0]}
    columns["activation"] = [4.5, None, 1.0]
    columns["speaker"] = pa.array(["s1", "s1", "s2"]).dictionary_encode()
    write_table(pa.table(columns), tmp_path / "table.parquet")
    found = read_features(tmp_path / "table.parquet").table
    assert [repr(clip) for clip in found.clips] == [
        repr(clip).replace("line 2", "line 1").replace("line 3", "line 2").replace("line 4", "line 3")
        for clip in expected.clips
    ]
    np.testing.assert_array_equal(found.features_NF, expected.features_NF)


@pytest.mark.parametrize(("column", "expected"), [("speech_s", [1.5, 2, 2]), ("duration_s", [1.5, 2, 2])])
def test_a_row_says_how_much_speech_it_holds(tmp_path: Path, column: str, expected: list[float]) -> None:
    found = read_features(write(tmp_path, changed(0, **{column: 1.5})))
    assert found.table.speech_s_N.tolist() == expected
    assert not any("each row counts as" in note for note in found.notes)
    assert "seconds of speech" in refused(tmp_path, changed(0, **{column: 0}))


def test_features_of_egemaps_come_in_the_models_order(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    rows = [
        {"speaker": f"s{n}", "emotion": "anger"}
        | {name: generator.normal() for name in reversed(FEATURE_NAMES)}
        for n in range(4)
    ]
    table = read_features(write(tmp_path, rows)).table
    assert table.feature_names == FEATURE_NAMES
    np.testing.assert_allclose(table.features_NF[2, 5], rows[2][FEATURE_NAMES[5]])
    check_servable(table)


def test_missing_values_are_counted_and_nothing_but_missing_is_left_out(tmp_path: Path) -> None:
    rows = [row | {"none": "", "same": 4} for row in changed(1, pitch="NA")]
    rows[2]["energy"] = "inf"
    found = read_features(write(tmp_path, rows))
    assert found.table.feature_names == ("pitch", "energy", "same")
    np.testing.assert_array_equal(found.table.features_NF[:, 0], [3.5, np.nan, 8])
    notes = "\n".join(found.notes)
    assert "no number anywhere: 1 (none)" in notes
    assert "the same in every row, which tells nothing: 1 (same)" in notes
    assert "2 values are missing (22.2%)" in notes


@pytest.mark.parametrize(
    ("rows", "complaint"),
    [
        (changed(1, pitch="high"), "column `pitch` of {} holds `high` in line 3"),
        (changed(1, mood="good"), "column `mood` of {} holds `good` in line 3"),
        (changed(0, gender="f"), "`gender`: is it `sex`"),
        (changed(0, Arousal=3), "`Arousal` of {} would be a feature that tells the label"),
        (changed(1, pitch="", energy="nan"), "1 of 3 rows of {} hold no feature at all, the first is line 3"),
        (changed(1, activation=7), "activation 7 is off the scale"),
        (changed(1, activation="nan"), "activation `nan` is not a number"),
        (changed(1, speaker=""), "Line 3 of {} has no speaker"),
        ([*ROWS, ROWS[1]], "Lines 3 and 5 of {} are the same"),
        (
            [row | {"file": "a.wav", "start": s} for row, s in zip(ROWS, "121", strict=True)],
            "a.wav 1 more than once",
        ),
        (changed(0, role="transfer"), "unnamed/s1 of {} is on both sides"),
        ([{"speaker": "s1", "emotion": "anger"}], "neither a column `path` .* nor columns of ready-made"),
        ([{"emotion": "anger", "pitch": 2}], "no column `speaker`"),
        ([{"speaker": "s1", "pitch": 2}], "no label"),
    ],
)  # fmt: skip
def test_a_mistake_is_named(tmp_path: Path, rows: list[Row], complaint: str) -> None:
    place = re.escape(str(tmp_path / "table.csv"))
    assert re.search(complaint.replace("{}", place), refused(tmp_path, rows))


def test_rows_alike_are_apart_by_their_file(tmp_path: Path) -> None:
    rows = [row | {"file": f"{number}.wav"} for number, row in enumerate([*ROWS, ROWS[1]])]
    assert len(read_features(write(tmp_path, rows)).table.clips) == 4


def test_a_manifest_of_recordings_is_told_from_a_table_of_features(tmp_path: Path) -> None:
    assert holds_features(write(tmp_path, ROWS))
    assert holds_features(write(tmp_path, [row | {"path": "a.wav", FEATURE_NAMES[0]: 1} for row in ROWS]))
    assert not holds_features(write(tmp_path, [row | {"path": "a.wav"} for row in ROWS]))


def test_an_archive_takes_the_features_of_egemaps_and_no_others(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"lacking: 88 .* beside them: 2 \(pitch, energy\)"):
        check_servable(read_features(write(tmp_path, ROWS)).table)
    table = invented_table()
    check_servable(table)
    still_NF = table.features_NF.copy()
    still_NF[:, 0] = 5
    with pytest.raises(ConfigurationError, match=rf"1 \({FEATURE_NAMES[0]}\) of the features are the same"):
        check_servable(replace(table, features_NF=still_NF))
