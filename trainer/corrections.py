"""Classes that a corpus names wrongly, put right as its clips are read.

The file is TOML with a table for each corpus, in which every wrong class stands before the right one:

    [emotiontts_ko]
    anger = "sadness"
    sadness = "anger"
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import msgspec

from cmlstream.models.errors import ConfigurationError, CorpusError

from .manifest import Clip

Corrections = dict[str, dict[str, str]]
"""The right class by corpus and by the class that stands there."""


def read_corrections(path: Path) -> Corrections:
    """Corrections from a file.

    Raises:
        ConfigurationError: it cannot be read, or holds something else.

    """
    try:
        return msgspec.toml.decode(path.read_bytes(), type=Corrections)
    except OSError as error:
        raise ConfigurationError(f"The corrections {path} cannot be read ({error.strerror}).") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"The corrections {path} make no sense ({error}): "
            'write a table for each corpus with lines like `wrong = "right"`.'
        ) from error


def corrected(clips: Sequence[Clip], corrections: Corrections) -> list[Clip]:
    """The clips with their right classes; a corpus that is not among them needs no correction.

    Raises:
        CorpusError: a corpus has no clip of a class that is to be corrected.

    """
    classes: dict[str, set[str]] = {}
    for clip in clips:
        classes.setdefault(clip.corpus, set()).add(clip.emotion)
    for corpus, right_of in corrections.items():
        unknown = sorted(right_of.keys() - classes.get(corpus, right_of.keys()))
        if unknown:
            raise CorpusError(
                f"The corpus `{corpus}` has no clip of the class `{unknown[0]}` to be corrected."
            )
    return [
        replace(clip, emotion=corrections.get(clip.corpus, {}).get(clip.emotion, clip.emotion))
        for clip in clips
    ]
