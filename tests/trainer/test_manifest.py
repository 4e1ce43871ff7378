from math import isnan
from pathlib import Path

import pytest

from cmlstream.models.errors import CorpusError
from cmlstream.trainer.manifest import Clip, check_trainable, of_corpora, of_role, read_manifest
from tests.trainer.corpus import clip, write_manifest

ROW: dict[str, object] = {"path": "a.wav", "speaker": "s1", "emotion": "anger"}


@pytest.fixture(autouse=True)
def recordings(tmp_path: Path) -> None:
    for name in ("a.wav", "b.wav"):
        (tmp_path / name).touch()


def refused(folder: Path, *rows: dict[str, object], columns: tuple[str, ...] | None = None) -> str:
    path = write_manifest(folder, list(rows), columns or tuple(rows[0]))
    with pytest.raises(CorpusError) as caught:
        read_manifest(path)
    return str(caught.value)


def test_a_clip_and_what_is_not_said_of_it(tmp_path: Path) -> None:
    (found,) = read_manifest(write_manifest(tmp_path, [ROW], tuple(ROW)))
    assert found.path == tmp_path / "a.wav"
    assert (found.corpus, found.language, found.role, found.sex) == ("unnamed", "und", "source", "")
    assert isnan(found.activation)
    assert isnan(found.valence)
    assert found.emotion_number == 0


def test_labels_are_read_and_an_empty_one_is_unlabelled(tmp_path: Path) -> None:
    row = ROW | {"activation": "4.5", "valence": ""}
    (found,) = read_manifest(write_manifest(tmp_path, [row], tuple(row)))
    assert found.activation == 4.5
    assert isnan(found.valence)


def test_a_class_the_head_does_not_know_has_no_number() -> None:
    assert clip(emotion="calm").emotion_number == -1


def test_missing_manifest(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"absent\.csv cannot be read"):
        read_manifest(tmp_path / "absent.csv")


def test_a_file_that_is_no_table(tmp_path: Path) -> None:
    (tmp_path / "manifest.csv").write_bytes(b"\xff\xfe\x00path")
    with pytest.raises(CorpusError, match="not a CSV file in UTF-8"):
        read_manifest(tmp_path / "manifest.csv")


def test_columns_of_other_programs_are_passed_over(tmp_path: Path) -> None:
    row = ROW | {"take": "2", "dominance": "9", "": "0"}
    (found,) = read_manifest(write_manifest(tmp_path, [row], tuple(row)))
    assert found.emotion == "anger"


def test_a_misspelt_label_is_not_passed_over(tmp_path: Path) -> None:
    assert "`arousal`: is it `activation`" in refused(tmp_path, ROW | {"arousal": "3"})


@pytest.mark.parametrize("column", ["path", "speaker"])
def test_missing_column(tmp_path: Path, column: str) -> None:
    row = {name: value for name, value in ROW.items() if name != column}
    assert f"no column `{column}`" in refused(tmp_path, row)


def test_no_label_at_all(tmp_path: Path) -> None:
    assert "has no label" in refused(tmp_path, {"path": "a.wav", "speaker": "s1"})


def test_a_line_without_speaker(tmp_path: Path) -> None:
    assert "Line 2" in refused(tmp_path, ROW | {"speaker": " "})


def test_a_line_of_another_length(tmp_path: Path) -> None:
    path = tmp_path / "manifest.csv"
    for line in ("a.wav,s1", "a.wav,s1,anger,more"):
        path.write_text(f"path,speaker,emotion\n{line}\n")
        with pytest.raises(CorpusError, match=r"Line 2 .* another number of fields"):
            read_manifest(path)


@pytest.mark.parametrize("label", ["nan", "high", "NaN"])
def test_a_label_that_is_not_a_number(tmp_path: Path, label: str) -> None:
    assert f"activation `{label}` is not a number" in refused(tmp_path, ROW | {"activation": label})


@pytest.mark.parametrize("column", ["speaker", "emotion"])
@pytest.mark.parametrize("name", ["nan", "None"])
def test_a_name_that_a_program_wrote_for_nothing(tmp_path: Path, column: str, name: str) -> None:
    assert f"Line 2 of {tmp_path / 'manifest.csv'} has the {column} `{name}`" in refused(
        tmp_path, ROW | {column: name}
    )


@pytest.mark.parametrize("label", ["0.5", "5.01", "-3", "inf"])
def test_a_label_off_the_scale(tmp_path: Path, label: str) -> None:
    assert f"valence {label} is off the scale" in refused(tmp_path, ROW | {"valence": label})


@pytest.mark.parametrize("role", ["Transfer", "test"])
def test_a_role_that_nobody_knows(tmp_path: Path, role: str) -> None:
    assert f"role `{role}`: choose source or transfer" in refused(tmp_path, ROW | {"role": role})


def test_a_table_saved_by_a_spreadsheet_with_a_byte_order_mark(tmp_path: Path) -> None:
    path = write_manifest(tmp_path, [ROW], tuple(ROW))
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert len(read_manifest(path)) == 1


def test_an_empty_manifest(tmp_path: Path) -> None:
    path = write_manifest(tmp_path, [], tuple(ROW))
    with pytest.raises(CorpusError, match="lists no clips"):
        read_manifest(path)


def test_a_clip_listed_twice(tmp_path: Path) -> None:
    assert "lists a.wav more than once" in refused(tmp_path, ROW, ROW | {"speaker": "s2"})


def test_missing_recordings(tmp_path: Path) -> None:
    sentence = refused(tmp_path, ROW, ROW | {"path": "gone.wav"})
    assert "1 of 2 files" in sentence
    assert "gone.wav" in sentence


def test_two_spellings_of_one_path_are_one_clip(tmp_path: Path) -> None:
    sentence = refused(
        tmp_path, ROW, ROW | {"path": f"./{tmp_path.name}/../a.wav"}, ROW | {"path": "./a.wav"}
    )
    assert "lists a.wav more than once" in sentence


def test_an_absolute_path_is_taken_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    row = ROW | {"path": tmp_path / "a.wav"}
    (found,) = read_manifest(write_manifest(tmp_path / "elsewhere", [row], tuple(row)))
    assert found.path == tmp_path / "a.wav"


def test_a_folder_in_the_place_of_a_recording_is_left_to_be_skipped(tmp_path: Path) -> None:
    (tmp_path / "c.wav").mkdir()
    assert len(read_manifest(write_manifest(tmp_path, [ROW, ROW | {"path": "c.wav"}], tuple(ROW)))) == 2


def test_a_speaker_on_both_sides(tmp_path: Path) -> None:
    rows = [ROW | {"role": "source"}, ROW | {"path": "b.wav", "role": "transfer"}]
    assert "speaker unnamed/s1" in refused(tmp_path, *rows)
    assert "on both sides of the split" in refused(tmp_path, *rows)


def test_a_name_in_two_corpora_is_two_speakers_unless_it_has_a_slash(tmp_path: Path) -> None:
    rows = [ROW | {"corpus": "one"}, ROW | {"path": "b.wav", "corpus": "two", "role": "transfer"}]
    columns = (*ROW, "corpus", "role")
    first, second = read_manifest(write_manifest(tmp_path, rows, columns))
    assert (first.speaker, second.speaker) == ("one/s1", "two/s1")
    rows = [row | {"speaker": "one/s1"} for row in rows]
    assert "speaker one/s1" in refused(tmp_path, *rows, columns=columns)


def test_a_corpus_of_two_languages(tmp_path: Path) -> None:
    rows = [ROW | {"language": "de"}, ROW | {"path": "b.wav", "language": "pl"}]
    assert "more than one language" in refused(tmp_path, *rows)


def test_choosing_by_role_and_corpus() -> None:
    clips = [clip(corpus="one"), clip(corpus="two")]
    assert of_corpora(clips, ["two"]) == clips[1:]
    assert of_role(clips, "source") == clips
    with pytest.raises(CorpusError, match="role `test`: it has source"):
        of_role(clips, "test")
    with pytest.raises(CorpusError, match="corpus `three`: there are one, two"):
        of_corpora(clips, ["one", "three"])


def acted(speakers: int, takes: int) -> list[Clip]:
    return [
        clip(f"s{speaker}", emotion)
        for speaker in range(speakers)
        for emotion in ("anger", "sadness")
        for _ in range(takes)
    ]


def test_a_few_clips_are_trainable_and_fewer_are_not() -> None:
    check_trainable(acted(speakers=3, takes=2))
    with pytest.raises(CorpusError, match=r"at least 10 clips .* there are 6"):
        check_trainable(acted(speakers=3, takes=1))
    with pytest.raises(CorpusError, match=r"at least 3 speakers, .* are 20 clips of 2"):
        check_trainable([*acted(speakers=2, takes=5), *(clip(f"s{n}", "calm") for n in range(9))])


def test_one_class_only_is_not_trainable() -> None:
    with pytest.raises(CorpusError, match=r"the manifest has anger \(but calm\)"):
        check_trainable([clip(emotion="anger"), clip(emotion="calm")])
    with pytest.raises(CorpusError, match="none of them"):
        check_trainable([clip(emotion="calm")])


@pytest.mark.corpora
def test_the_real_manifest_is_accepted(corpora: Path) -> None:
    clips = read_manifest(corpora / "manifest.csv")
    assert {found.role for found in clips} == {"source", "transfer"}
    assert len(of_role(clips, "transfer")) == 988
