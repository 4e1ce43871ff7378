"""The README does what it says: its commands parse, its programs run, its links lead somewhere."""

import json
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from urllib.request import urlopen

import pytest

from cmlstream.stream.cli import cli
from cmlstream.stream.events import Affect, decode
from cmlstream.trainer.cli import main as training_cli

CHECKOUT = Path(__file__).parents[1]
README = (CHECKOUT / "README.md").read_text()
PROGRAMS = {"cmlstream": cli, "cmlstream-train": training_cli}
# Programs of others; what is ours in their arguments is checked below.
FOREIGN = {"make", "pip", "ffmpeg", "redis-cli", "docker"}


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def commands(program):
    """Return the arguments of every call of a program in the shell blocks."""
    return [words[1:] for words in all_commands() if words[0] == program]


def all_commands():
    lines = [line for block in blocks("sh") for line in block.splitlines()]
    return [shlex.split(part, comments=True) for line in lines for part in line.partition(" #")[0].split("|")]


def test_readme_is_short_and_starts_with_what_it_is():
    assert README.startswith("# cmlstream\n")
    assert 60 <= len(README.splitlines()) <= 150


def test_shell_blocks_call_known_programs_only():
    assert {words[0] for words in all_commands()} == set(PROGRAMS) | FOREIGN


@pytest.mark.parametrize(
    ("program", "arguments"),
    [(program, arguments) for program in PROGRAMS for arguments in commands(program)],
    ids=lambda value: value if isinstance(value, str) else " ".join(value),
)
def test_program_understands_the_command(program, arguments):
    command = PROGRAMS[program].commands[arguments[0]]
    if "--help" in arguments:
        return
    # Parsing refuses what the command does not know; nothing is run.
    command.make_context(arguments[0], arguments[1:])


def test_make_targets_and_variables_exist():
    makefile = (CHECKOUT / "Makefile").read_text()
    for target, *variables in [*commands("make"), *map(str.split, re.findall(r"`make ([^`]+)`", README))]:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
        for variable in variables:
            assert re.search(rf"^{variable.partition('=')[0]} \?=", makefile, re.MULTILINE), variable


def test_pip_commands_name_files_and_extras_that_exist():
    extras = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for install, option, constraints, *_, requirement in commands("pip"):
        assert (install, option) == ("install", "--constraint")
        assert (CHECKOUT / constraints).is_file()
        assert requirement.removeprefix(".[").removesuffix("]") in extras


def test_compose_command_names_a_file_that_exists():
    for compose, option, file, *_ in commands("docker"):
        assert (compose, option) == ("compose", "--file")
        assert (CHECKOUT / file).is_file()


def test_links_lead_somewhere():
    targets = re.findall(r"\]\(([^)]+)\)", README)
    assert "README.png" in targets
    missing = [target for target in targets if "://" not in target and not (CHECKOUT / target).exists()]
    assert missing == []


def test_json_example_is_an_event_of_this_wire():
    (example,) = blocks("json")
    assert isinstance(decode(example), Affect)


def test_javascript_reads_fields_that_events_have():
    (script,) = blocks("js")
    read = set(re.findall(r"event\.(\w+)", script))
    assert read <= {"type", *Affect.__struct_fields__}


@pytest.fixture(scope="module")
def listening():
    """Where the sample is being listened to, as `make listen` does it where there is no microphone."""
    program = Path(sys.executable).with_name("cmlstream")
    options = ["sample", "--realtime", "--redis", "embedded", "--port", "0"]
    process = subprocess.Popen(
        [program, "listen", *options], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    told = {}
    try:
        for line in process.stderr:
            name, address = line.split()[:2]
            told[name] = address
            if {"page", "redis"} <= set(told):
                break
        assert {"page", "redis"} <= set(told), f"listening ended with {process.wait()}: {told}"
        yield told
    finally:
        process.terminate()
        process.communicate(timeout=30)


def first_line(arguments, wanted):
    """Start a program that goes on for ever, return the first line it prints that matches, and end it."""
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)
    try:
        return next(line for line in process.stdout if re.search(wanted, line))
    finally:
        process.kill()
        process.communicate()


def test_addresses_on_the_page_answer(listening):
    addresses = re.findall(r"<http://127\.0\.0\.1:8765/([^>]*)>", README)
    assert len(addresses) == 2
    for path in addresses:
        assert urlopen(listening["page"] + path, timeout=5).status == 200


def test_python_program_reads_from_redis(listening):
    (program,) = blocks("python")
    program = program.replace("redis://127.0.0.1:6379/0", listening["redis"])
    assert first_line([sys.executable, "-c", program], "affect").startswith("affect ")


@pytest.mark.skipif(not shutil.which("redis-cli"), reason="redis-cli is not installed here")
def test_redis_commands_show_events(listening):
    # The Python program above has seen speech; without it, the first affect is waited for here.
    calls = {
        arguments[0]: ["redis-cli", "-u", listening["redis"], *arguments]
        for arguments in commands("redis-cli")
    }
    assert json.loads(first_line(calls["SUBSCRIBE"], '"type":"affect"'))["stream"] == "live"
    ranged = subprocess.run(calls["XRANGE"], check=True, text=True, capture_output=True).stdout
    assert '"type":"stream.started"' in ranged
    latest = subprocess.run(calls["GET"], check=True, text=True, capture_output=True).stdout
    assert json.loads(latest)["stream"] == "live"
