import io
from collections.abc import Sequence
from dataclasses import replace

import pytest
from rich.console import Console

from cmlstream.models import archive
from cmlstream.trainer.breakdown import Evaluation, evaluate
from cmlstream.trainer.display import show
from cmlstream.trainer.intervals import Bootstrap
from cmlstream.trainer.manifest import Clip
from cmlstream.trainer.table import Normalisation
from tests.trainer.corpus import invented_table

TABLE = invented_table()
TABLES = ("Recognition", "Recall", "Confusion", "Calibration", "Activation", "Valence")


def evaluated(clips: Sequence[Clip], normalisation: str = "causal") -> Evaluation:
    model = archive.load(archive.default_path())
    table = replace(TABLE, clips=tuple(clips))
    return evaluate(model, table, Normalisation(normalisation), Bootstrap(draws=40))


def shown(result: Evaluation, without_features: int = 0, width: int = 140) -> str:
    console = Console(width=width, file=io.StringIO())
    show(console, result, without_features)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def lines_of(text: str, name: str) -> list[list[str]]:
    return [line.split()[len(name.split()) :] for line in text.splitlines() if line.strip().startswith(name)]


def test_every_figure_has_its_interval_beside_it() -> None:
    result = evaluated(TABLE.clips)
    recognition, recall = lines_of(shown(result), "corpus corpus1")
    assert recognition[0] == "60"
    found = result.groups.corpus["corpus1"]
    assert found.uar_interval is not None
    assert recognition[1] == f"{found.uar:.3f}".removeprefix("0")
    lowest, highest = (f"{end:.2f}".removeprefix("0") for end in found.uar_interval)
    assert recognition[2] == f"[{lowest},{highest}]"
    assert recall[0] == f"{found.recall['anger']:.3f}".removeprefix("0")


def test_confusion_and_calibration_are_shown() -> None:
    result = evaluated(TABLE.clips)
    text = shown(result)
    assert [str(count) for count in result.overall.confusion["anger"].values()] in lines_of(text, "anger")
    third = result.overall.calibration[2]
    shares = [f"{share:.3f}".removeprefix("0") for share in (third.confidence, third.accuracy)]
    assert lines_of(text, "bin 3") == [[str(third.n), *shares]]


@pytest.mark.parametrize(
    ("normalisation", "words"),
    [("causal", "each speaker's clips in random order"), ("corpus", "transductive"), ("none", "prior alone")],
)
def test_it_says_how_features_were_normalised(normalisation: str, words: str) -> None:
    first = shown(evaluated(TABLE.clips, normalisation)).splitlines()[0]
    assert first.startswith(f"normalisation: {normalisation}, ")
    assert words in first


def test_what_was_left_out_is_counted() -> None:
    changed = [replace(each, emotion="calm") for each in TABLE.clips[:7]]
    changed += [replace(each, emotion="fear") for each in TABLE.clips[7:9]]
    text = shown(evaluated([*changed, *TABLE.clips[9:]]), without_features=3)
    assert "left out of recognition: calm 7, fear 2" in text
    assert "clips without features, not measured: 3" in text
    assert "without features" not in shown(evaluated(TABLE.clips))


@pytest.mark.parametrize(
    ("changes", "tables"),
    [
        ({"emotion": "calm"}, ()),
        ({"emotion": "calm", "activation": 3.0}, TABLES[4:5]),
        ({"emotion": "anger"}, TABLES[:4]),
        ({"emotion": "anger", "valence": 3.0}, (*TABLES[:4], "Valence")),
        ({"emotion": "anger", "speaker": "alone"}, TABLES[:4]),
    ],
)
def test_only_what_can_be_told_has_a_table(changes: dict[str, object], tables: tuple[str, ...]) -> None:
    text = shown(evaluated([replace(each, **changes) for each in TABLE.clips]))
    titles = [line.split(" ")[0].removesuffix(":") for line in text.splitlines()]
    assert tuple(title for title in titles if title in TABLES) == tables
    assert "nan" not in text


def test_without_an_interval_the_figure_stands_alone() -> None:
    text = shown(evaluated([replace(each, speaker="alone") for each in TABLE.clips]))
    assert len(lines_of(text, "sex f")[0]) == len(("clips", "UAR", "accuracy", "ECE", "AUROC"))
    assert "[" not in text
    assert "there is only one" in text
    assert "there is only one" not in shown(evaluated(TABLE.clips))


def test_a_narrow_terminal_keeps_every_figure() -> None:
    result = evaluated([replace(each, valence=1.0 + row % 5) for row, each in enumerate(TABLE.clips)])
    figures = {cell for cell in shown(result).split() if cell.startswith((".", "[", "-."))}
    assert figures <= set(shown(result, width=80).split())
