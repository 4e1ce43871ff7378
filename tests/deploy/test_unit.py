import configparser
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from cmlstream.stream.cli import cli

DEPLOY = Path(__file__).parents[2] / "deploy"
UNIT = DEPLOY / "cmlstream.service"


@pytest.fixture
def unit_text():
    return UNIT.read_text()


def service(unit_text):
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str
    parser.read_string(unit_text)
    return parser["Service"]


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed here")
def test_systemd_accepts_the_unit(unit_text, tmp_path):
    # systemd looks whether the program is there: let it find the one that is installed here.
    program = Path(sys.executable).with_name("cmlstream")
    unit = tmp_path / "cmlstream.service"
    unit.write_text(unit_text.replace("/opt/cmlstream/bin/cmlstream", str(program)))
    verified = subprocess.run(["systemd-analyze", "verify", unit], text=True, capture_output=True)
    assert verified.returncode == 0, verified.stderr
    assert "cmlstream" not in verified.stderr


def test_unit_starts_the_program_with_options_it_has(unit_text):
    program, command, option, path = service(unit_text)["ExecStart"].split()
    assert Path(program).name == "cmlstream"
    assert option in CliRunner().invoke(cli, [command, "--help"]).output
    assert (DEPLOY / Path(path).name).is_file()
    assert f"install -D -m 644 deploy/{Path(path).name} {path}" in unit_text


def test_affect_stays_out_of_the_journal(unit_text):
    assert service(unit_text)["StandardOutput"] == "null"


def test_mistakes_are_not_tried_again(unit_text):
    assert service(unit_text)["RestartPreventExitStatus"] == "2"
