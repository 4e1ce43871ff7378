from pathlib import Path

import pytest

from cmlstream.models.errors import CorpusError
from cmlstream.trainer.columns import check_names, unknown

TABLE = Path("table.csv")


@pytest.mark.parametrize(
    ("found", "meant"),
    [
        ("Emotion", "emotion"),
        ("emotions", "emotion"),
        ("arousal", "activation"),
        ("valance", "valence"),
        ("gender", "sex"),
    ],
)
def test_a_known_column_under_another_name_is_refused(found: str, meant: str) -> None:
    columns = ["path", "speaker", "activation" if meant != "activation" else "emotion", found]
    with pytest.raises(CorpusError, match=f"unknown column `{found}`: is it `{meant}`"):
        check_names(TABLE, columns, ("path", "speaker"))
    check_names(TABLE, [*columns, meant], ("path", "speaker"))


def test_other_columns_are_nobodys_business() -> None:
    columns = ["path", "speaker", "emotion", "take", "age", "dominance", "", "text"]
    check_names(TABLE, columns, ("path", "speaker"))
    assert unknown(columns) == ["take", "age"]
