"""The page on training is true: commands parse, corpora and variants exist, links lead somewhere."""

import re
import shlex
from pathlib import Path

import pytest

from cmlstream.stream.cli import cli
from cmlstream.trainer.cli import main
from cmlstream.trainer.losses import VARIANTS
from cmlstream.trainer.readers.known import READERS

PAGE = Path(__file__).parents[2] / "trainer" / "README.md"
TEXT = PAGE.read_text()
PROGRAMS = {"cmlstream": cli, "cmlstream-train": main}
COMMANDS = [
    shlex.split(line, comments=True)
    for block in re.findall(r"^```sh\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
    for line in block.splitlines()
]


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_parses(words: list[str]) -> None:
    command = PROGRAMS[words[0]].commands[words[1]]
    command.make_context(words[1], words[2:])


def test_every_command_is_told_of() -> None:
    assert set(main.commands) == {words[1] for words in COMMANDS if words[0] == "cmlstream-train"}


def test_every_corpus_and_every_variant_is_named() -> None:
    assert all(re.search(rf"\b{name}\b", TEXT) for name in (*READERS, *VARIANTS))


def test_links_lead_somewhere() -> None:
    targets = re.findall(r"\]\(([^)]+)\)", TEXT)
    assert [target for target in targets if "://" not in target and not (PAGE.parent / target).exists()] == []
