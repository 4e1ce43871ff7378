"""`cmlstream-train manifest`."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cmlstream.models.errors import CorpusError
from cmlstream.trainer.readers.files import printable
from cmlstream.trainer.readers.known import READERS

from .common import DIRECTORY, FILE, make_room_for, one_sentence

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cmlstream.trainer.readers.base import Oddity, Recording
    from cmlstream.trainer.readers.labels import Joined

FEW = 5
"""Files that are named where --verbose does not ask for all."""


@click.command()
@click.argument("reader", type=click.Choice(sorted(READERS)))
@click.argument("folder", type=DIRECTORY)
@click.option("-o", "--output", type=FILE, required=True, help="The manifest to write, a CSV file.")
@click.option(
    "--labels", type=FILE, default=None,
    help="A CSV with columns file, activation and valence (1..5), joined by file name.",
)  # fmt: skip
@click.option(
    "--role", type=click.Choice(["source", "transfer"]), default="source", show_default=True,
    help="Whether the clips are to be fitted to or to be measured on only.",
)  # fmt: skip
@click.option("--append", is_flag=True, help="Keep the lines that the manifest has, of other corpora.")
@click.option("--verbose", is_flag=True, help="Name every file that was not understood.")
@one_sentence
def manifest(
    reader: str, folder: Path, output: Path, labels: Path | None, role: str, append: bool, verbose: bool
) -> None:
    """List the recordings of a corpus, that lies in FOLDER as its makers hand it out, in a manifest.

    READER names the corpus or, as audformat, the format of its tables.
    """
    from cmlstream.trainer.readers.direction import complaints
    from cmlstream.trainer.readers.labels import join, read_labels
    from cmlstream.trainer.readers.written import lines_of, measure, read_lines, write

    make_room_for(output)
    already = read_lines(output) if append and output.exists() else []
    findings = READERS[reader].read(folder)
    joined = join(labels, read_labels(labels), findings.recordings) if labels else None
    measured, unusable = measure(joined.recordings if joined else findings.recordings)
    recordings = [one.recording for one in measured]
    _tell("not understood", [*findings.skipped, *unusable], folder, verbose=verbose)
    if not recordings:
        raise CorpusError(
            f"Nothing in {folder} was understood: {reader} expects {READERS[reader].convention}."
        )
    write([*already, *lines_of(measured, findings.corpus, findings.language, role, output)], output)
    _tell("not understood in full", findings.incomplete, folder, verbose=verbose)
    if joined:
        _tell_labels(joined, verbose=verbose)
    for complaint in complaints(recordings):
        _note(f"Look at the labels: {complaint}")
    _note(f"{output}: {_summary(findings.corpus, recordings)}")


def _note(sentence: str) -> None:
    click.echo(printable(sentence), err=True)


def _tell(what: str, oddities: "Sequence[Oddity]", folder: Path, *, verbose: bool) -> None:
    if not oddities:
        return
    _note(f"{len(oddities)} {'file' if len(oddities) == 1 else 'files'} {what}:")
    place = folder.resolve()
    shown = oddities if verbose else oddities[:FEW]
    for oddity in shown:
        path = oddity.path.relative_to(place) if oddity.path.is_relative_to(place) else oddity.path
        _note(f"  {path}: {oddity.reason}")
    if len(shown) < len(oddities):
        _note(f"  and {len(oddities) - len(shown)} more, which --verbose names")


def _tell_labels(joined: "Joined", *, verbose: bool) -> None:
    lost = joined.labels_without_file
    _note(f"Labels: {joined.labelled} files have one, {joined.files_without_label} have none")
    if lost:
        shown = lost if verbose else lost[:FEW]
        rest = "" if len(shown) == len(lost) else ", ..."
        _note(f"Labels that match no file: {len(lost)} ({', '.join(shown)}{rest})")


def _summary(corpus: str, recordings: "Sequence[Recording]") -> str:
    sexes = Counter({recording.speaker: recording.sex for recording in recordings}.values())
    speakers = ", ".join(
        f"{sexes[sex]} {name}"
        for sex, name in (("f", "female"), ("m", "male"), ("", "of unknown sex"))
        if sexes[sex]
    )
    emotions = Counter(recording.emotion or "without a class" for recording in recordings)
    classes = ", ".join(f"{count} {emotion}" for emotion, count in emotions.most_common())
    return f"{len(recordings)} clips of {corpus} by {sexes.total()} speakers ({speakers}): {classes}"
