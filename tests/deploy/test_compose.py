import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from ruamel.yaml import YAML

from cmlstream.stream.cli import cli

DEPLOY = Path(__file__).parents[2] / "deploy"
COMPOSE = DEPLOY / "compose.yaml"


SERVE = DEPLOY / "compose.serve.yaml"


@pytest.fixture(scope="module")
def services():
    return YAML(typ="safe").load(COMPOSE)["services"]


def test_compose_files_fit_the_compose_schema():
    checker = Path(sys.executable).with_name("check-jsonschema")
    subprocess.run([checker, "--builtin-schema", "vendor.compose-spec", COMPOSE, SERVE], check=True)


def test_the_server_is_the_same_container_with_a_command_of_its_own(services):
    serving = YAML(typ="safe").load(SERVE)["services"]
    assert {name: list(service) for name, service in serving.items()} == {"cmlstream": ["command"]}
    command, *options = serving["cmlstream"]["command"]
    assert (command, options) == ("serve", services["cmlstream"]["command"][3:])
    assert_known(command, options)


def test_redis_is_reached_only_by_its_neighbours(services):
    assert "ports" not in services["redis"]
    assert "network_mode" not in services["redis"]


def test_page_is_published_on_loopback_only(services):
    assert services["cmlstream"]["ports"] == ["127.0.0.1:8765:8765"]
    assert "EXPOSE 8765" in (DEPLOY / "Dockerfile").read_text()


def test_program_waits_for_a_healthy_redis(services):
    assert services["cmlstream"]["depends_on"]["redis"]["condition"] == "service_healthy"
    assert services["redis"]["healthcheck"]["test"] == ["CMD", "redis-cli", "ping"]


def test_command_holds_only_options_of_the_program(services):
    command, _source, *options = services["cmlstream"]["command"]
    assert_known(command, options)


def assert_known(command, options):
    known = CliRunner().invoke(cli, [command, "--help"]).output
    for option in options:
        assert re.search(rf"{option.partition('=')[0]}\b", known), option


def test_build_arguments_are_those_of_the_dockerfile(services):
    build = services["cmlstream"]["build"]
    assert (COMPOSE.parent / build["context"] / build["dockerfile"]).samefile(DEPLOY / "Dockerfile")
    declared = set(re.findall(r"^ARG (\w+)", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE))
    assert set(build["args"]) == declared


def test_entrypoint_keeps_affect_out_of_the_container_log(services):
    # The doubled dollar is Compose's spelling of one that the shell is to see.
    *shell, script, name = [part.replace("$$", "$") for part in services["cmlstream"]["entrypoint"]]
    script = script.replace("exec cmlstream", "printf '%s|'")
    assert ">/dev/null" in script
    told = subprocess.run(
        [*shell, script.replace(">/dev/null", ""), name, "listen", "two words"],
        check=True,
        text=True,
        capture_output=True,
    )
    assert told.stdout == "listen|two words|"
