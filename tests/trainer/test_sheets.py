from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow.parquet import write_table

from cmlstream.models.errors import CorpusError
from cmlstream.trainer.sheets import Line, opened, parquet_columns


def read(path: Path, content: bytes) -> tuple[tuple[str, ...], list[Line]]:
    path.write_bytes(content)
    with opened(path) as sheet:
        return sheet.columns, list(sheet.lines())


def test_lines_know_their_place_and_blank_ones_are_passed_over(tmp_path: Path) -> None:
    columns, lines = read(tmp_path / "a.csv", b'\xef\xbb\xbfpath , speaker\r\n"a,b", s1\r\n\r\nc,s2\r\n')
    assert columns == ("path", "speaker")
    assert lines == [Line(2, ["a,b", "s1"]), Line(4, ["c", "s2"])]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "is empty: it needs a header"),
        (b"path;speaker\na;s\n", "separated by semicolons: save it with commas"),
        (b"path\tspeaker\na\ts\n", "separated by tabs: save it with commas"),
        (b"path,path\na,b\n", "more than one column `path`"),
        (b"path,speaker\na\n", "Line 2 .* another number of fields than the header, 1 and not 2"),
        (b"path,speaker\na,b,c\n", "Line 2 .* another number of fields than the header, 3 and not 2"),
        (b"path,speaker\nJos\xe9.wav,s1\n", "not a CSV file in UTF-8 .*0xe9.*: it may be Latin-1"),
        ("path,speaker\na,s\n".encode("utf-16"), "looks like UTF-16"),
        (b'path,speaker\n"a,s\n', "is not a CSV file"),
    ],
)
def test_what_is_no_table_is_refused_with_what_to_do(tmp_path: Path, content: bytes, complaint: str) -> None:
    with pytest.raises(CorpusError, match=complaint):
        read(tmp_path / "a.csv", content)


def test_a_folder_is_no_table(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="cannot be read"), opened(tmp_path):
        pass


def test_columns_of_parquet_are_numbers_or_text(tmp_path: Path) -> None:
    columns = {"speaker": ["s1", None], "size": pa.array([1, 2]), "level": pa.array([0.5, None])}
    write_table(pa.table(columns), tmp_path / "a.parquet")
    speaker, size, level = parquet_columns(tmp_path / "a.parquet")
    assert speaker.texts() == ["s1", ""]
    assert size.texts() == ["1", "2"]
    assert size.numbers().tolist() == [1.0, 2.0]
    assert str(level.numbers().tolist()) == "[0.5, nan]"
    assert level.texts() == ["0.5", ""]
    with pytest.raises(CorpusError, match=r"column `speaker` .* holds string"):
        speaker.numbers()


def test_what_is_no_parquet_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(b"path,speaker\n")
    with pytest.raises(CorpusError, match=r"a\.parquet cannot be read \(it is damaged"):
        parquet_columns(tmp_path / "a.parquet")
    with pytest.raises(CorpusError, match=r"b\.parquet cannot be read \(No such file"):
        parquet_columns(tmp_path / "b.parquet")
