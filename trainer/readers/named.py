"""Corpora whose file names tell all: who speaks, how, and what."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from .base import Emotion, Findings, Oddity, Recording
from .files import audio_files


@dataclass(frozen=True, slots=True)
class NamedCorpus:
    """A corpus and the pattern of its names.

    `pattern` has to match the end of a path without its ending, from a `/` on, and has the groups `speaker`
    and `emotion`, and `text` where names tell it. `emotions` names the class of each code, `sex` that of a
    speaker.
    """

    corpus: str
    language: str
    example: str
    pattern: str
    emotions: Mapping[str, Emotion]
    sex: Callable[[str], str]

    @property
    def convention(self) -> str:
        """What is expected in the folder, to follow `expected `."""
        return f"recordings with names such as {self.example}"

    def read(self, folder: Path) -> Findings:
        """Everything in the folder; only the first of several files of one name is taken.

        Raises:
            CorpusError: the folder cannot be listed.

        """
        pattern = re.compile(f"/(?:{self.pattern})$", re.ASCII)
        found: dict[str, Recording] = {}
        skipped: list[Oddity] = []
        for path in audio_files(folder):
            match = pattern.search(path.with_suffix("").as_posix())
            if match is None:
                skipped.append(Oddity(path, "its name follows another convention"))
            elif match.group() in found:
                # Some archives hold the whole corpus twice.
                skipped.append(Oddity(path, "another file has the same name and was taken"))
            else:
                found[match.group()] = self._recording(path, match)
        return Findings(self.corpus, self.language, tuple(found.values()), tuple(skipped))

    def _recording(self, path: Path, match: re.Match[str]) -> Recording:
        speaker = match["speaker"]
        return Recording(
            path=path,
            speaker=speaker,
            sex=self.sex(speaker),
            text=match.groupdict().get("text", ""),
            emotion=self.emotions[match["emotion"]],
        )
