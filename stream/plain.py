"""Text of others, made fit for a terminal: no word of it may move a cursor, ring, or turn the line around."""

from __future__ import annotations

LONGEST = 300


def plain(text: str, longest: int = LONGEST) -> str:
    """Return at most `longest` characters of `text`, with a space for each that cannot be printed."""
    return "".join(character if character.isprintable() else " " for character in text[:longest])
