"""`cmlstream serve` as a user runs it: what it says, what it answers, and what it refuses."""

import re
import signal
import socket
import subprocess
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from cmlstream.stream.asyncapi import asyncapi_document
from cmlstream.stream.cli import main
from cmlstream.stream.client import send
from cmlstream.stream.schema import event_schema
from cmlstream.stream.sources.open import SourceSettings, open_source
from tests.stream.programs import serving
from tests.stream.serving import fetch, run

RunProgram = Callable[..., subprocess.CompletedProcess[bytes]]


@pytest.mark.slow
def test_it_says_where_it_is_answers_there_and_ends_with_exit_code_0() -> None:
    async def check() -> None:
        async with serving("--redis", "embedded") as served:
            address = served.address
            told = dict(re.findall(r"^(\w+) +(\S+)", served.said, re.MULTILINE))
            assert told["page"] == address.page_url
            assert told["events"] == address.events_url
            assert told["ingest"] == address.ingest_url
            assert told["redis"].startswith("redis://127.0.0.1:")
            for path in ("/healthz", "/readyz"):
                answered = await fetch(address, path)
                assert (answered.status, answered.body) == (200, b"ok\n")
            assert (await fetch(address, "/schema.json")).body == event_schema()
            assert (await fetch(address, "/asyncapi.json")).body == asyncapi_document()
            assert b"<html" in (await fetch(address, "/")).body
            summary = await send(address.ingest_url, open_source("sample", SourceSettings()), stream="desk")
            measured = (await fetch(address, "/metrics")).body.decode()
            served.process.send_signal(signal.SIGTERM)
            output, told_later = await served.rest()
        assert f'\ncmlstream_events_published_total{{type="speech.ended"}} {summary.regions}.0\n' in measured
        assert (served.process.returncode, output, told_later) == (0, b"", "")

    run(check())


@pytest.mark.slow
def test_a_taken_port_is_named_with_exit_code_2(run_program: RunProgram) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        completed = run_program("serve", "--port", port)
    assert completed.returncode == 2
    assert completed.stdout == b""
    assert f"cmlstream: Port {port} on 127.0.0.1 is taken" in completed.stderr.decode()


def test_the_settings_in_force_are_shown_as_toml_and_nothing_is_served(
    run_program: RunProgram, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = tmp_path / "serve.toml"
    settings.write_text("port = 1\nhop_ms = 100\n[limits]\nstreams = 7\nidle_s = 7.0\n")
    monkeypatch.setenv("CMLSTREAM_LIMITS__IDLE_S", "8")
    monkeypatch.setenv("CMLSTREAM_PORT", "2")
    completed = run_program(
        *("serve", "--print-config", "--config", settings, "--port", "3"),
        *("--redis", "redis://somebody:a-password@localhost:6379/0"),
    )
    shown = tomllib.loads(completed.stdout.decode())
    assert (completed.returncode, completed.stderr) == (0, b"")
    assert (shown["port"], shown["hop_ms"]) == (3, 100)
    assert (shown["limits"]["streams"], shown["limits"]["idle_s"]) == (7, 8.0)
    assert "localhost:6379" in shown["redis"]
    assert b"a-password" not in completed.stdout


@pytest.mark.parametrize(
    ("arguments", "environment", "message"),
    [
        (["--config", "typo.toml"], {}, "There is no option `limits.stream`: choose among message_bytes"),
        (["--config", "none.toml"], {}, "none.toml cannot be read"),
        ([], {"CMLSTREAM_PROT": "9000"}, "CMLSTREAM_PROT"),
        ([], {"CMLSTREAM_LIMITS__STREAMS": "many"}, "CMLSTREAM_LIMITS__STREAMS"),
        (["--port", "70000"], {}, "Option `port` is 70000"),
        (["--host", "0.0.0.0"], {}, "--insecure"),
        (["--redis", "redis://127.0.0.1:1"], {}, "Redis at 127.0.0.1:1"),
        (["--tokens", "none.toml"], {}, "none.toml"),
        (["--certificate", "none.pem"], {}, "none.pem"),
        (["--private-key", "own.pem"], {}, "own.pem has no certificate"),
        (["--record", "typo.toml"], {}, "name another with --record"),
        (["--model", "none.pt"], {}, "none.pt cannot be read"),
    ],
)
def test_a_mistake_is_one_sentence_with_exit_code_2(
    arguments: list[str],
    environment: dict[str, str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "typo.toml").write_text("[limits]\nstream = 3\n")
    monkeypatch.chdir(tmp_path)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as ended:
        main(["serve", *arguments])
    output, told = capfd.readouterr()
    (sentence,) = told.splitlines()
    assert ended.value.code == 2
    assert sentence.startswith("cmlstream: ")
    assert message in sentence
    assert output == ""


def test_an_option_that_does_not_exist_is_refused_with_exit_code_2(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["serve", "--prot", "9000"])
    assert ended.value.code == 2
    assert "No such option" in capfd.readouterr().err
