"""IEMOCAP: utterances in `sentences/wav`, judged in `dialog/EmoEvaluation/*.txt`.

A line of an evaluation is `[start - end] NAME emotion [valence, activation, dominance]`, the three on 1..5
with 5 pleasant, excited and dominant. Excitement keeps a class of its own, `excitement`, though much
published work merges it into happiness; `xxx`, where the judges did not agree, leaves the class empty and
keeps the means.
"""

import re
from pathlib import Path

from .base import Emotion, Findings, Recording
from .files import audio_files
from .judged import Evaluation, judged, lines_of

DIALOGUE = re.compile(r"Ses0[1-5][FM]_(?:impro|script)\d\d(?:_\d[a-z]?)?", re.ASCII)
# The first letter tells who wore the markers, the last who speaks.
UTTERANCE = re.compile(DIALOGUE.pattern + r"_(?P<sex>[FM])\d{3}", re.ASCII)
NUMBER = r"\d+(?:\.\d+)?"
LINE = re.compile(
    r"\[[\d.]+ - [\d.]+\]\s+(?P<name>\w+)\s+(?P<emotion>\w+)"
    rf"\s+\[(?P<valence>{NUMBER}),\s*(?P<activation>{NUMBER}),\s*(?P<dominance>{NUMBER})\]",
    re.ASCII,
)
EMOTIONS = {
    "ang": Emotion.ANGER,
    "dis": Emotion.DISGUST,
    "exc": Emotion.EXCITEMENT,
    "fea": Emotion.FEAR,
    "fru": Emotion.FRUSTRATION,
    "hap": Emotion.HAPPINESS,
    "neu": Emotion.NEUTRAL,
    "oth": Emotion.OTHER,
    "sad": Emotion.SADNESS,
    "sur": Emotion.SURPRISE,
}


class Iemocap:
    """IEMOCAP as it is handed out, or some of its sessions."""

    convention = (
        "Session1 to Session5 with sentences/wav/*/Ses01F_impro01_F000.wav and dialog/EmoEvaluation/*.txt"
    )

    def read(self, folder: Path) -> Findings:
        """Every utterance that was judged.

        Raises:
            CorpusError: the folder cannot be listed.

        """
        utterances: dict[str, Recording] = {}
        strangers: list[Path] = []
        for path in audio_files(folder):
            match = UTTERANCE.fullmatch(path.stem)
            if match and path.stem not in utterances:
                speaker = path.stem[: len("Ses01")] + match["sex"]
                utterances[path.stem] = Recording(path, speaker, match["sex"].lower(), text="", emotion="")
            elif not DIALOGUE.fullmatch(path.stem):
                strangers.append(path)
        return judged("iemocap", "en", utterances, _evaluations(folder), strangers)


def _evaluations(folder: Path) -> dict[str, Evaluation]:
    lines = lines_of(folder, lambda path: path.parent.name == "EmoEvaluation" and path.suffix == ".txt")
    return {
        match["name"]: Evaluation(
            emotion=EMOTIONS.get(match["emotion"], ""),
            activation=float(match["activation"]),
            valence=float(match["valence"]),
            dominance=float(match["dominance"]),
        )
        for line in lines
        if (match := LINE.match(line))
    }
