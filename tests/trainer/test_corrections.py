from pathlib import Path

import pytest

from cmlstream.models.errors import ConfigurationError, CorpusError
from cmlstream.trainer.corrections import corrected, read_corrections
from tests.trainer.corpus import clip

SHIPPED = Path(__file__).parents[2] / "models" / "default" / "corrections.toml"

CLIPS = [clip("a", "anger"), clip("b", "sadness"), clip("c", "neutral"), clip("d", "anger", corpus="there")]


def test_classes_of_one_corpus_are_exchanged_and_all_else_is_left_alone() -> None:
    found = corrected(CLIPS, {"here": {"anger": "sadness", "sadness": "anger"}})
    assert [one.emotion for one in found] == ["sadness", "anger", "neutral", "anger"]
    assert [one.speaker for one in found] == [one.speaker for one in CLIPS]


def test_a_corpus_that_is_not_there_needs_no_correction() -> None:
    assert corrected(CLIPS, {"elsewhere": {"anger": "sadness"}}) == CLIPS


def test_a_class_that_the_corpus_does_not_have_is_refused() -> None:
    with pytest.raises(CorpusError, match="`here` has no clip of the class `angry`"):
        corrected(CLIPS, {"here": {"angry": "anger"}})


def test_the_shipped_corrections_can_be_read() -> None:
    assert read_corrections(SHIPPED) == {"emotiontts_ko": {"anger": "sadness", "sadness": "anger"}}


@pytest.mark.parametrize("text", ["here = 3", "[here]\nanger = 1", "not toml"])
def test_other_files_are_refused_in_a_sentence(tmp_path: Path, text: str) -> None:
    (tmp_path / "wrong.toml").write_text(text)
    with pytest.raises(ConfigurationError, match="make no sense"):
        read_corrections(tmp_path / "wrong.toml")


def test_a_missing_file_is_refused_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read_corrections(tmp_path / "none.toml")
