import json

import msgspec
from rich.console import Console

from cmlstream.models import archive
from cmlstream.models.contract import ModelCard
from cmlstream.stream.show import card_table


def test_the_card_is_shown_whole():
    loaded = archive.load(archive.default_path())
    console = Console(width=200)
    with console.capture() as shown:
        console.print(card_table(loaded.card, archive.default_path(), loaded.sha256))
    text = shown.get()
    card = loaded.card
    wanted = [
        card.name,
        card.licence,
        loaded.sha256,
        *(corpus.name for corpus in card.corpora),
        *card.metrics,
    ]
    assert all(word in text for word in wanted)


def test_the_card_as_json_is_the_card(run_program):
    completed = run_program("model", "--json")
    assert completed.returncode == 0
    card = msgspec.json.decode(completed.stdout, type=ModelCard)
    assert card == archive.load(archive.default_path()).card


def test_devices_as_json_is_a_list_even_without_any(run_program):
    completed = run_program("devices", "--json")
    assert completed.returncode == 0
    assert isinstance(json.loads(completed.stdout), list)


def test_a_model_that_is_not_there_is_named(run_program):
    completed = run_program("model", "--model", "none.pt")
    assert completed.returncode == 2
    assert b"none.pt" in completed.stderr
