import configparser
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from cmlstream.stream.cli import cli
from cmlstream.stream.recording import recorder
from cmlstream.stream.server import streams
from cmlstream.stream.server.patience import Patience
from cmlstream.stream.sinks import hub, redis

DEPLOY = Path(__file__).parents[2] / "deploy"
LISTEN, SERVE = "cmlstream.service", "cmlstream-serve.service"


@pytest.fixture(params=[LISTEN, SERVE])
def unit_text(request):
    return (DEPLOY / request.param).read_text()


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


def test_affect_stays_out_of_the_journal():
    # `serve` writes nothing to standard output.
    assert service((DEPLOY / LISTEN).read_text())["StandardOutput"] == "null"


def test_a_reload_of_the_server_reads_tokens_anew():
    assert service((DEPLOY / SERVE).read_text())["ExecReload"] == "/bin/kill -HUP $MAINPID"


def test_units_differ_in_nothing_but_what_they_do():
    of_their_own = {
        "ExecStart", "ExecReload", "StandardOutput", "DynamicUser", "SupplementaryGroups", "DeviceAllow",
        "User", "StateDirectory", "StateDirectoryMode",
    }  # fmt: skip
    listening, serving = (dict(service((DEPLOY / unit).read_text())) for unit in (LISTEN, SERVE))
    assert {option for option, _ in listening.items() ^ serving.items()} == of_their_own


def test_a_stop_may_take_twice_as_long_as_all_that_is_waited_for(unit_text):
    waits_s = [
        streams.DRAIN_S, streams.LAST_WORD_S, max(hub.DRAIN_TIMEOUT_S, redis.DRAIN_S, recorder.DRAIN_S),
        Patience().close_s,
    ]  # fmt: skip
    assert float(service(unit_text)["TimeoutStopSec"]) >= 2 * sum(waits_s)


def test_mistakes_are_not_tried_again(unit_text):
    assert service(unit_text)["RestartPreventExitStatus"] == "2"
