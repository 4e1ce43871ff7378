"""MSP-IMPROV: names such as MSP-IMPROV-S01A-F01-P-FM01.wav, judged in `Evalution.txt` (spelled that way).

A line is `UTD-IMPROV-S01A-F01-P-FM01.avi; N; A:2.8; V:3.2; D:3.0; N:4.1;`: the class the judges agreed on
(X: none), activation, valence, dominance and naturalness. Activation runs from 1, excited, to 5, calm: the
manifest has it the other way round, 6 - A. The letter after the sentence (S01A) is what was to be acted,
not what was heard, and is not used.
"""

import re
from pathlib import Path

from .base import Emotion, Findings, Recording
from .files import audio_files
from .judged import Evaluation, judged, lines_of

TURN = r"IMPROV-(?P<name>(?P<text>S\d\d)[AHNS]-(?P<speaker>[FM]\d\d)-(?P<scenario>[PRST])-[FM]{2}\d+)"
NAME = re.compile(rf"(?:MSP|UTD)-{TURN}", re.ASCII)
NUMBER = r"\d+(?:\.\d+)?|NaN"
LINE = re.compile(
    rf"UTD-{TURN}\.avi\s*;\s*(?P<emotion>[A-Z])\s*;"
    rf"\s*A:\s*(?P<activation>{NUMBER})\s*;\s*V:\s*(?P<valence>{NUMBER})\s*;"
    rf"\s*D:\s*(?P<dominance>{NUMBER})\s*;",
    re.ASCII,
)
EMOTIONS = {
    "A": Emotion.ANGER,
    "H": Emotion.HAPPINESS,
    "N": Emotion.NEUTRAL,
    "O": Emotion.OTHER,
    "S": Emotion.SADNESS,
}
SCRIPTED = ("R", "S")
"""Scenarios in which the target sentence is said: read, and within an improvisation."""


class MspImprov:
    """MSP-IMPROV as it is handed out."""

    convention = "recordings with names such as MSP-IMPROV-S01A-F01-P-FM01.wav and Evalution.txt"

    def read(self, folder: Path) -> Findings:
        """Every turn that was judged.

        Raises:
            CorpusError: the folder cannot be listed.

        """
        turns: dict[str, Recording] = {}
        strangers: list[Path] = []
        for path in audio_files(folder):
            match = NAME.fullmatch(path.stem)
            if match is None or match["name"] in turns:
                strangers.append(path)
            else:
                turns[match["name"]] = _turn(path, match)
        return judged("msp_improv", "en", turns, _evaluations(folder), strangers)


def _turn(path: Path, match: re.Match[str]) -> Recording:
    return Recording(
        path=path,
        speaker=match["speaker"],
        sex=match["speaker"][0].lower(),
        text=match["text"] if match["scenario"] in SCRIPTED else "",
        emotion="",
    )


def _evaluations(folder: Path) -> dict[str, Evaluation]:
    lines = lines_of(folder, lambda path: path.name.lower() in ("evalution.txt", "evaluation.txt"))
    return {
        match["name"]: Evaluation(
            emotion=EMOTIONS.get(match["emotion"], ""),
            activation=6 - float(match["activation"]),
            valence=float(match["valence"]),
            dominance=float(match["dominance"]),
        )
        for line in lines
        if (match := LINE.match(line.strip()))
    }
