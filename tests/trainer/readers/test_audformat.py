import pickle
import sys
from collections.abc import Sequence
from math import isnan
from pathlib import Path

import audformat
import pytest

from cmlstream.models.errors import ConfigurationError, CorpusError
from cmlstream.trainer.readers.audformat import AudformatDatabase
from cmlstream.trainer.readers.base import Recording
from tests.trainer.readers.trees import plant

NAMES = ("wav/a.wav", "wav/b.wav", "wav/c.wav")


class TouchWhenLoaded:
    """What a pickle of ill will looks like."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return (Path.touch, (self.path,))


def column(table: audformat.Table, name: str, values: Sequence[object], scheme: str | None = None) -> None:
    table[name] = audformat.Column(scheme_id=scheme or name)
    table[name].set(values)


def database(valence: Sequence[object] = (1.5, 6.5, None)) -> audformat.Database:
    """Three files by two speakers, whose sex stands in the labels of their scheme."""
    db = audformat.Database("mine", languages=["de"])
    db.schemes["emotion"] = audformat.Scheme("str", labels=["anger", "joy", "neutral", "None"])
    db.schemes["gender"] = audformat.Scheme("str", labels=["female", "male"])
    db.schemes["speaker"] = audformat.Scheme(labels={"1": {"gender": "female"}, "2": {"gender": "male"}})
    db.schemes["arousal"] = audformat.Scheme("float", minimum=1, maximum=7)
    files = db["files"] = audformat.Table(audformat.filewise_index(NAMES))
    column(files, "speaker", ["1", "2", None])
    emotion = db["emotion"] = audformat.Table(audformat.filewise_index(NAMES))
    column(emotion, "emotion", ["anger", "joy", "neutral"])
    column(emotion, "arousal", [7.0, 4.0, 1.0])
    emotion["valence"] = audformat.Column()
    emotion["valence"].set(valence)
    return db


def saved(folder: Path, db: audformat.Database, storage: str = "csv") -> Path:
    plant(folder, *NAMES)
    db.save(str(folder), storage_format=storage)
    return folder


def by_name(folder: Path) -> dict[str, Recording]:
    return {found.path.name: found for found in AudformatDatabase().read(folder).recordings}


@pytest.mark.parametrize("storage", ["csv", "parquet"])
def test_what_the_tables_tell_of_a_file(tmp_path: Path, storage: str) -> None:
    findings = AudformatDatabase().read(saved(tmp_path, database(), storage))
    assert (findings.corpus, findings.language) == ("mine", "de")
    first, second = findings.recordings
    assert first == Recording(tmp_path / "wav/a.wav", "1", "f", "", "anger", 5.0, 1.5, first.dominance)
    assert (second.speaker, second.sex, second.emotion) == ("2", "m", "happiness")


def test_a_dimension_is_stretched_from_the_ends_of_its_scheme(tmp_path: Path) -> None:
    found = by_name(saved(tmp_path, database()))
    assert (found["a.wav"].activation, found["b.wav"].activation) == (5.0, 3.0)


def test_a_dimension_off_the_scale_is_left_out_and_told(tmp_path: Path) -> None:
    findings = AudformatDatabase().read(saved(tmp_path, database()))
    assert isnan(findings.recordings[1].valence)
    assert [oddity.path.name for oddity in findings.incomplete] == ["b.wav"]


def test_a_dimension_in_words_is_left_out_and_told(tmp_path: Path) -> None:
    findings = AudformatDatabase().read(saved(tmp_path, database(valence=["high", "low", None])))
    assert isnan(findings.recordings[0].valence)
    assert [oddity.path.name for oddity in findings.incomplete] == ["a.wav", "b.wav"]


def test_kinds_of_values_that_do_not_go_together(tmp_path: Path) -> None:
    db = database()
    db["other"] = audformat.Table(audformat.filewise_index(NAMES))
    column(db["other"], "speaker", ["1", "2", "2"])
    db["other"]["valence"] = audformat.Column()
    db["other"]["valence"].set(["high", "low", "low"])
    with pytest.raises(CorpusError, match="hold `valence` in forms that do not go together"):
        AudformatDatabase().read(saved(tmp_path, db))


def test_no_class_by_another_name(tmp_path: Path) -> None:
    db = database()
    db["emotion"]["emotion"].set(["None", "joy", "anger"])
    assert by_name(saved(tmp_path, db))["a.wav"].emotion == ""


def test_dominance(tmp_path: Path) -> None:
    db = database()
    db.schemes["dominance"] = audformat.Scheme("float", minimum=0, maximum=1)
    column(db["emotion"], "dominance", [0.5, 1.0, 0.0])
    assert by_name(saved(tmp_path, db))["a.wav"].dominance == 3.0


def test_a_file_without_speaker_and_one_that_is_missing_are_told(tmp_path: Path) -> None:
    saved(tmp_path, database())
    (tmp_path / "wav/a.wav").unlink()
    skipped = {oddity.path.name: oddity.reason for oddity in AudformatDatabase().read(tmp_path).skipped}
    assert "is not there" in skipped["a.wav"]
    assert "no speaker" in skipped["c.wav"]


def test_raters_who_differ(tmp_path: Path) -> None:
    db = database()
    db["files"]["speaker"].set(["1", "2", "2"])
    for number, emotions in enumerate((["joy", "joy", "anger"], ["anger", "joy", "anger"])):
        column(db["emotion"], f"rater{number}", emotions, "emotion")
        column(db["emotion"], f"arousal{number}", [7.0, 1.0, 1.0], "arousal")
    found = by_name(saved(tmp_path, db))
    assert [found[f"{name}.wav"].emotion for name in "abc"] == ["anger", "happiness", "anger"]
    assert found["b.wav"].activation == pytest.approx(1 + 4 * (2 - 1) / 6)


def test_segments_are_told_and_segments_of_whole_files_are_taken(tmp_path: Path) -> None:
    db = database()
    db.drop_tables("emotion")
    index = audformat.segmented_index(
        ["wav/a.wav", "wav/b.wav", "wav/b.wav"], ["0s", "0s", "1s"], [None, "1s", "2s"]
    )
    parts = db["parts"] = audformat.Table(index)
    column(parts, "emotion", ["anger", "joy", "neutral"])
    findings = AudformatDatabase().read(saved(tmp_path, db))
    assert [(found.path.name, found.emotion) for found in findings.recordings] == [("a.wav", "anger")]
    (oddity,) = findings.skipped
    assert oddity.path.name == "b.wav"
    assert "segments" in oddity.reason


@pytest.mark.parametrize(
    ("languages", "code"), [(["pol"], "pl"), (["kmr"], "kmr"), (["de", "en"], "mul"), ([], "und")]
)
def test_languages(tmp_path: Path, languages: list[str], code: str) -> None:
    db = database()
    db.languages = languages
    assert AudformatDatabase().read(saved(tmp_path, db)).language == code


def test_a_pickle_beside_a_table_is_not_opened(tmp_path: Path) -> None:
    saved(tmp_path, database())
    (tmp_path / "db.emotion.pkl").write_bytes(pickle.dumps(TouchWhenLoaded(tmp_path / "touched")))
    assert len(by_name(tmp_path)) == 2
    assert not (tmp_path / "touched").exists()


def test_a_table_that_is_a_pickle_alone_is_refused(tmp_path: Path) -> None:
    saved(tmp_path, database(), "pkl")
    with pytest.raises(CorpusError, match=r"neither as CSV nor as Parquet.*they can run code"):
        AudformatDatabase().read(tmp_path)


def test_a_header_that_runs_code_is_refused(tmp_path: Path) -> None:
    saved(tmp_path, database())
    made = f"!!python/object/apply:pathlib.Path ['{tmp_path}/touched']"
    code = f"!!python/object/apply:pathlib.Path.touch [{made}]"
    with (tmp_path / "db.yaml").open("a") as header:
        header.write(f"author: {code}\n")
    with pytest.raises(CorpusError, match="holds no sound audformat database"):
        AudformatDatabase().read(tmp_path)
    assert not (tmp_path / "touched").exists()


@pytest.mark.parametrize("header", ["", "- 1", "name: x", "a: [", "name: x\nusage: no such\nsource: ''\n"])
def test_a_damaged_header(tmp_path: Path, header: str) -> None:
    (tmp_path / "db.yaml").write_text(header)
    with pytest.raises(CorpusError, match="holds no sound audformat database"):
        AudformatDatabase().read(tmp_path)


def test_a_damaged_table(tmp_path: Path) -> None:
    saved(tmp_path, database(), "parquet")
    (tmp_path / "db.emotion.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(CorpusError, match="holds no sound audformat database"):
        AudformatDatabase().read(tmp_path)


def test_no_header(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"db\.yaml cannot be read .*: name an audformat database's folder"):
        AudformatDatabase().read(tmp_path)


def test_without_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "audformat", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'cmlstream\[audformat\]'"):
        AudformatDatabase().read(tmp_path)
