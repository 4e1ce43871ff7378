import re
import subprocess
import sys

import click
import pytest

from cmlstream.models.errors import CmlstreamError, ConfigurationError, InputError
from cmlstream.stream import cli


def exit_code(arguments):
    with pytest.raises(SystemExit) as stopped:
        cli.main(arguments)
    return stopped.value.code or 0


def failing_with(error):
    @click.command()
    def fail():
        raise error

    return fail


@pytest.fixture
def fails(monkeypatch):
    """Make `cmlstream` raise an error, to see what the user gets."""

    def install(error):
        monkeypatch.setattr(cli, "cli", failing_with(error))

    return install


def test_the_version_is_the_distributions(capsys):
    cli.main(["--version"])
    assert re.fullmatch(r"\d+\.\d+\.\d+\n", capsys.readouterr().out)


def test_help_names_every_command(capsys):
    cli.main(["--help"])
    text = capsys.readouterr().out
    assert all(name in text for name in cli.cli.commands)


def test_a_misspelt_option_is_the_users_mistake(capsys):
    assert exit_code(["listen", "--jsn"]) == 2
    assert "--json" in capsys.readouterr().err


def test_a_mistake_is_one_sentence_without_a_traceback(fails, capsys):
    fails(InputError("talk.wav does not exist: check the path"))
    assert exit_code([]) == 2
    assert capsys.readouterr().err == "cmlstream: talk.wav does not exist: check the path\n"


def test_a_mistake_found_by_a_task_is_told_the_same_way(fails, capsys):
    nested = ExceptionGroup("tasks", [ExceptionGroup("inner", [ConfigurationError("port is 99999")])])
    fails(nested)
    assert exit_code([]) == 2
    assert capsys.readouterr().err == "cmlstream: port is 99999\n"


def test_our_own_fault_exits_with_1(fails):
    fails(CmlstreamError("the segmenter got float audio"))
    assert exit_code([]) == 1


def test_a_defect_keeps_its_traceback_even_beside_a_mistake(fails):
    fails(ExceptionGroup("tasks", [InputError("no file"), ZeroDivisionError()]))
    with pytest.raises(ExceptionGroup):
        cli.main([])


def test_heavy_imports_wait_for_the_command_that_needs_them():
    code = (
        "import sys, cmlstream.stream.cli;"
        "print(sorted({'torch', 'redis', 'rich', 'websockets', 'numpy'} & set(sys.modules)))"
    )
    completed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert completed.stdout.strip() == "[]"
