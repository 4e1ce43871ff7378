"""What the columns of a table mean, by their names."""

from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

from cmlstream.models.errors import CorpusError

LABELS = ("emotion", "activation", "valence")

METADATA = (
    *("path", "file", "start", "end", "speaker", *LABELS, "dominance"),
    *("corpus", "language", "role", "sex", "text", "duration_s", "speech_s"),
)
"""Columns that are known not to be features; openSMILE's tables begin with `file`, `start` and `end`."""

INDEX = ("", "Unnamed: 0", "__index_level_0__")
"""Names under which pandas writes the numbers of rows, which say nothing."""

MEANINGFUL = ("speaker", *LABELS, "corpus", "language", "role", "sex")
"""Those of them whose loss would change what is trained or reported."""

OTHER_WORDS = {
    "arousal": "activation",
    "filename": "path",
    "filepath": "path",
    "gender": "sex",
    "label": "emotion",
    "lang": "language",
    "speaker_id": "speaker",
}
"""What others call a column."""

LIKENESS = 0.8
"""Of two names, between 0 and 1, from which on one is taken for a misspelling of the other."""


def check_names(table: Path, columns: Sequence[str], required: Sequence[str]) -> None:
    """Refuse a header without the columns it needs, or with what must be meant for a known one.

    A known column under another name would be passed over, and labels would be lost in silence.

    Raises:
        CorpusError: naming the column.

    """
    absent = [name for name in {*required, *MEANINGFUL} if name not in columns]
    for name in unknown(columns):
        meant = _meant(name, absent)
        if meant:
            raise CorpusError(
                f"The table {table} has an unknown column `{name}`: is it `{meant}`? Rename it."
            )
    for name in required:
        if name not in columns:
            raise CorpusError(f"The table {table} has no column `{name}`: it has {', '.join(columns)}.")
    if not set(LABELS) & set(columns):
        raise CorpusError(f"The table {table} has no label: it needs one of {', '.join(LABELS)}.")


def unknown(columns: Sequence[str]) -> list[str]:
    """The columns that are neither known nor numbers of rows, in their order."""
    return [name for name in columns if name not in METADATA and name not in INDEX]


def _meant(name: str, absent: Sequence[str]) -> str | None:
    word = name.lower()
    word = OTHER_WORDS.get(word, word)
    close = get_close_matches(word, absent, n=1, cutoff=LIKENESS)
    return close[0] if close else None
