import base64
import csv
import re
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cmlstream.trainer import history
from cmlstream.trainer.cli import main
from tests.trainer.feature_table import write_features
from tests.trainer.report.material import SPEAKER, curves, labelled_table, write_results
from tests.trainer.report.seen import Seen, look_at

SIGNATURE = b"\x89PNG\r\n\x1a\n"

HOSTILE = ('<script>alert("1")</script>', '"><img src=http://example.org/x onerror=alert(1)> $\\frac{ 한국어')


def run(command: str, *arguments: object) -> Result:
    return CliRunner().invoke(main, [command, *map(str, arguments), "--draws", "20"])


@pytest.fixture(scope="module")
def features(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_features(tmp_path_factory.mktemp("features") / "features.csv", labelled_table())


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> tuple[object, ...]:
    """Options that give all there can be."""
    folder = tmp_path_factory.mktemp("inputs")
    history.write(folder / "history.jsonl", curves(["fold 1", "fold 2", "final"]))
    return "--history", folder / "history.jsonl", "--results", write_results(folder / "results.json")


@pytest.fixture(scope="module")
def folder(features: Path, inputs: tuple[object, ...], tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("reports") / "new" / "report"
    finished = run("report", features, *inputs, "-o", output)
    assert finished.exit_code == 0, finished.output
    assert finished.stdout == ""
    assert "report.html written" in finished.stderr
    return output


@pytest.fixture(scope="module")
def seen(folder: Path) -> Seen:
    return look_at(folder / "report.html")


def test_every_picture_lies_beside_the_page_and_in_it(folder: Path, seen: Seen) -> None:
    names = {path.name for path in folder.iterdir()} - {"report.html"}
    assert {re.split(r"[-.]", name)[0] for name in names} == {
        *("training", "latent", "pairs", "transfer", "reliability", "confusion", "drivers")
    }
    assert {"latent-activation.png", "latent-valence.png", "pairs-valence.png"} <= names
    assert len(seen.alternatives) == len(names)
    shown = {picture(reference) for reference in seen.references if reference.startswith("data:")}
    files = [(folder / name).read_bytes() for name in names]
    assert all(content.startswith(SIGNATURE) for content in (*files, *shown))
    assert shown > set(files)
    assert len(shown) == 2 * len(files)
    assert not [path for path in folder.parent.iterdir() if path != folder]


def picture(reference: str) -> bytes:
    return base64.b64decode(reference.removeprefix("data:image/png;base64,"), validate=True)


def test_the_page_stands_alone(seen: Seen) -> None:
    policy = {"http-equiv": "Content-Security-Policy"}
    policy["content"] = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    assert policy in seen.metas
    assert not {"script", "link", "iframe", "object", "base", "form"} & set(seen.tags)
    anchors = {reference for reference in seen.references if not reference.startswith("data:")}
    assert anchors == {f"#{name}" for name in seen.identities if not name.endswith("-title")}
    assert "url(" not in seen.text
    assert "@import" not in seen.text
    assert len(set(seen.identities)) == len(seen.identities)


def test_it_reads_without_eyes(seen: Seen) -> None:
    assert min(map(len, seen.alternatives)) > 20
    assert len(set(seen.alternatives)) == len(seen.alternatives)
    assert len(seen.captions) == seen.tags.count("table") == len([text for text in seen.captions if text])
    assert seen.tags.count("figure") == seen.tags.count("figcaption") == seen.tags.count("img")
    assert seen.tags.count("h1") == seen.tags.count("main") == 1
    assert seen.tags.count("h2") == seen.tags.count("section") == 9


def test_the_figures_are_those_of_evaluate(features: Path, seen: Seen) -> None:
    text = run("evaluate", features).stdout
    printed = [re.split(r"\s{2,}", line.strip()) for line in text.splitlines() if re.search(r"\w {2,}", line)]
    assert len(printed) > 30
    shown = [[cell for cell in row if cell] for row in seen.rows] + [[caption] for caption in seen.captions]
    assert [cells for cells in printed if cells not in shown] == []


def test_the_card_and_its_limits_come_first(seen: Seen) -> None:
    before = seen.text.index("Article 5(1)(f)")
    assert before < seen.text.index("Trained on", before) < seen.text.index("Recognition")
    assert "CC BY-NC-SA 4.0" in seen.text
    assert "features.csv: clips 64, speakers 4, corpora 2" in seen.text


def test_every_output_has_its_drivers_in_words(seen: Seen) -> None:
    for output in ("activation", "valence", "anger", "happiness", "neutral", "sadness"):
        assert f"What drives {output}" in seen.captions
    effects = [row for row in seen.rows if len(row) == 4 and row[2] in {"raises", "lowers", "either way"}]
    assert len(effects) == 6 * 15


def test_nobody_is_on_the_page(folder: Path) -> None:
    text = (folder / "report.html").read_text(encoding="utf-8")
    assert SPEAKER not in text
    assert ".wav" not in text
    assert str(folder.parent) not in text


def test_names_are_only_names(tmp_path: Path) -> None:
    features = write_features(tmp_path / "<b>features.csv", labelled_table(HOSTILE))
    finished = run("report", features, "-o", tmp_path / "report")
    assert finished.exit_code == 0, finished.output
    seen = look_at(tmp_path / "report" / "report.html")
    for name in HOSTILE:
        assert [f"corpus {name}"] == [row[0] for row in seen.rows if row[0] == f"corpus {name}"][:1]
    assert not {"script", "b"} & set(seen.tags)
    assert all(reference.startswith(("data:image/png;base64,", "#")) for reference in seen.references)


def test_what_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    features = write_features(tmp_path / "features.csv", labelled_table(valence=False))
    with features.open(newline="") as file:
        head, *lines = csv.reader(file)
    place = head.index("emotion")
    with features.open("w", newline="") as file:
        csv.writer(file).writerows([head, *([*line[:place], "", *line[place + 1 :]] for line in lines)])
    finished = run("report", features, "-o", tmp_path / "report")
    assert finished.exit_code == 0, finished.output
    seen = look_at(tmp_path / "report" / "report.html")
    for sentence in (
        "No clip has a label of valence, so nothing is coloured by it.",
        "No two clips of one corpus have different labels of valence, so it has no picture.",
        "No clip has a class that the model knows, so there is nothing to show here.",
        "No history was given (--history FILE), so there are no curves.",
        "No results of `cmlstream-train reproduce` were given (--results FILE), so there is no matrix.",
    ):
        assert sentence in seen.text
    names = {path.stem.split("-")[0] for path in (tmp_path / "report").glob("*.png")}
    assert names == {"latent", "pairs", "drivers"}


def test_an_earlier_report_is_replaced_by_an_equal_one(
    features: Path, inputs: tuple[object, ...], folder: Path, tmp_path: Path
) -> None:
    output = tmp_path / "report"
    shutil.copytree(folder, output)
    (output / "confusion-corpus-9.png").write_bytes(b"of a corpus that is gone")
    (output / "report.html").write_text("of another day")
    assert run("report", features, *inputs, "-o", output).exit_code == 0
    files = [{path.name: path.read_bytes() for path in each.iterdir()} for each in (folder, output)]
    assert files[0] == files[1]
    assert [path.name for path in tmp_path.iterdir()] == ["report"]


@pytest.mark.parametrize("name", ["thesis.tex", "holiday.png", "results.json"])
def test_a_folder_of_other_things_is_left_alone(features: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("years of work")
    finished = run("report", features, "-o", tmp_path)
    assert finished.exit_code == 2
    assert f"holds `{name}`, which is of no report: name another folder" in finished.stderr
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "years of work"


def test_mistakes_are_a_sentence_and_leave_nothing(features: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for options, complaint in (
        (("-o", tmp_path / "file"), "Invalid value"),
        (("-o", tmp_path / "file" / "report"), "cannot be written"),
        (("-o", tmp_path / "r", "--history", tmp_path / "none.jsonl"), "There is no history"),
        (("-o", tmp_path / "r", "--results", tmp_path / "file"), "cannot be read"),
        (("-o", tmp_path / "r", "--model", tmp_path / "none.pt"), "cannot be read"),
        (("-o", tmp_path / "r", "--corpora", "nowhere"), "No clip is of the corpus `nowhere`"),
    ):
        finished = run("report", features, *options)
        assert finished.exit_code == 2
        assert complaint in finished.stderr
        assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.corpora
@pytest.mark.slow
def test_a_report_on_real_speech(corpora: Path, tmp_path: Path) -> None:
    with (corpora / "manifest.csv").open(newline="") as file:
        head, *lines = csv.reader(file)
    chosen = [line for line in lines if line[1] in {"emodb", "urdu"}][::5]
    with (tmp_path / "manifest.csv").open("w", newline="") as file:
        csv.writer(file).writerows([head, *([corpora / line[0], *line[1:]] for line in chosen)])
    finished = run("report", tmp_path / "manifest.csv", "-o", tmp_path / "report")
    assert finished.exit_code == 0, finished.output
    seen = look_at(tmp_path / "report" / "report.html")
    assert f"Clips: {len(chosen)} of " in seen.text
    by_activation, by_valence = (place for place, row in enumerate(seen.rows) if row[0] == "all")
    for first in (by_activation, by_valence):
        assert [row[0] for row in seen.rows[first : first + 3]] == ["all", "emodb", "urdu"]
    assert float(seen.rows[by_activation + 1][5]) > 0.5
