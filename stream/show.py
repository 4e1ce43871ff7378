"""What there is to listen with: the microphones, and the model's card."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cmlstream.models import archive

from .sources.portaudio import devices

if TYPE_CHECKING:
    from pathlib import Path

    from cmlstream.models.contract import ModelCard


def show_devices(*, as_json: bool) -> None:
    """Print the microphones; raises InputError where PortAudio cannot be used."""
    microphones = devices()
    if as_json:
        click.echo(msgspec.json.encode(microphones))
        return
    if not microphones:
        click.echo("There is no microphone: plug one in, or listen to a file, `-` or `sample`.", err=True)
        return
    table = Table("index", "name", "channels", "rate", "")
    for microphone in microphones:
        table.add_row(
            str(microphone.index),
            Text(microphone.name),
            str(microphone.channels),
            f"{microphone.default_rate} Hz",
            "default" if microphone.is_default else "",
        )
    Console().print(table)


def show_model(name: str, *, trust: bool, as_json: bool) -> None:
    """Print the card of an archive, a file or the name of one that ships; raises ModelError."""
    path = archive.path_of(name)
    loaded = archive.load(path, trust=trust)
    if as_json:
        click.echo(msgspec.json.encode(loaded.card))
        return
    Console().print(card_table(loaded.card, path, loaded.sha256))


def card_table(card: ModelCard, path: Path, sha256: str) -> Table:
    """Lay the card out for reading."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", justify="right")
    table.add_column()
    table.add_row("model", Text(f"{card.name} {card.version}, made {card.created}"))
    table.add_row("file", Text(f"{path}\nSHA-256 {sha256}"))
    table.add_row("what it is", Text(card.description))
    table.add_row("limits", Text(card.limits))
    table.add_row("licence", Text(card.licence))
    table.add_row("hears", f"{card.sample_rate} Hz, {card.window_s:g} s every {card.hop_ms} ms")
    table.add_row("features", f"{len(card.feature_names)} of {card.feature_set}")
    table.add_row("tells", f"activation, valence ({card.label_scale}), {', '.join(card.emotions)}")
    table.add_row("size", f"{card.parameters:,} weights, embedding of {card.embedding_size}")
    table.add_row(
        "trained on",
        "\n".join(
            f"{corpus.name} ({corpus.language}): {corpus.clips} clips, {corpus.speech_s / 60:.0f} min, "
            f"{corpus.terms}"
            for corpus in card.corpora
        ),
    )
    table.add_row("measured", "\n".join(f"{name} {figure:g}" for name, figure in card.metrics.items()))
    table.add_row("made by", Text(card.recipe))
    return table
