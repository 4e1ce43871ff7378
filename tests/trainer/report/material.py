"""What reports are made from in tests: invented clips with labels, curves and results."""

from collections.abc import Iterable
from dataclasses import replace
from math import exp, nan
from pathlib import Path

import msgspec

from cmlstream.trainer import history
from cmlstream.trainer.circumplex import position
from cmlstream.trainer.reproduce.protocol import Protocol
from cmlstream.trainer.reproduce.results import Figure, Record
from cmlstream.trainer.table import FeatureTable
from tests.trainer.corpus import invented_table

SPEAKER = "nobody-in-particular"


def labelled_table(names: tuple[str, str] = ("here", "there"), valence: bool = True) -> FeatureTable:
    """Two corpora, one of which has labels of activation, and of valence where asked for."""
    table = invented_table(speakers=4, takes=4)
    clips = []
    for number, clip in enumerate(table.clips):
        place = position(clip.emotion)
        labelled = clip.corpus == "corpus0"
        clips.append(
            replace(
                clip,
                corpus=names[0 if labelled else 1],
                speaker=f"{SPEAKER}-{clip.speaker}",
                activation=round(2 * place.activation) / 2 + (number % 2) / 2 if labelled else nan,
                valence=round(2 * place.valence) / 2 if labelled and valence else nan,
            )
        )
    return replace(table, clips=tuple(clips))


def curves(runs: Iterable[str], epochs: int = 3, judged: bool = True) -> list[history.Line]:
    return [
        history.Line(run, epoch, exp(-epoch) + number, 0.7, 0.2, 0.5 if judged and run != "final" else None)
        for number, run in enumerate(runs)
        for epoch in range(1, epochs + 1)
    ]


def record(method: str, protocol: Protocol, trained_on: str, language: str, uar: float | None) -> Record:
    figure = None if uar is None else Figure(uar, 0.01, 5)
    return Record(method, str(protocol), "causal", trained_on, language, figure, None, None, None, None)


RECORDS = (
    record("none", Protocol.APART, "the other folds", "all", 0.9),
    record("none", Protocol.ONE_LANGUAGE, "de", "en", 0.31),
    record("none", Protocol.ONE_LANGUAGE, "de", "ur", 0.32),
    record("none", Protocol.ONE_LANGUAGE, "de", "all", 0.99),
    record("none", Protocol.ONE_LANGUAGE, "en", "de", 0.33),
    record("none", Protocol.ONE_LANGUAGE, "en", "ur", None),
    record("none", Protocol.LEAVE_ONE_OUT, "all but de", "de", 0.44),
    record("none", Protocol.TRANSFER, "all", "ur", 0.55),
    record("actval", Protocol.ONE_LANGUAGE, "de", "en", 0.66),
)


def write_results(path: Path) -> Path:
    """The part of `results.json` that is read, and something else."""
    path.write_bytes(msgspec.json.encode({"records": RECORDS, "command": "anything"}))
    return path
