import json
import re
import signal
import subprocess
import tomllib
from pathlib import Path
from zipfile import ZipFile

import pytest
from packaging.utils import canonicalize_name

CHECKOUT = Path(__file__).parents[2]
PROJECT = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]

# The first of these tests to run installs PyTorch.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def listen_lines(image, *options):
    finished = image.run("cmlstream", "listen", *options, "--port", "0", timeout=120)
    assert finished.returncode == 0, finished.stderr
    return [json.loads(line) for line in finished.stdout.splitlines()]


def test_wheel_holds_every_file_that_the_program_reads(wheel):
    shipped = set(ZipFile(wheel).namelist())
    for package in ("stream", "models", "trainer"):
        files = (path for path in (CHECKOUT / package).rglob("*") if path.is_file())
        wanted = {
            f"cmlstream/{path.relative_to(CHECKOUT)}"
            for path in files
            if "__pycache__" not in path.parts and path.suffix != ".sh"
        }
        assert wanted <= shipped, f"missing from the wheel: {sorted(wanted - shipped)}"


def test_wheel_holds_model_sample_page_and_types(wheel):
    shipped = ZipFile(wheel).namelist()
    for pattern in (
        r"cmlstream/models/default/.+\.pt",
        r"cmlstream/models/default/.+\.sha256",
        r"cmlstream/models/cc0/.+\.pt",
        r"cmlstream/models/cc0/.+\.sha256",
        r"cmlstream/stream/sources/sample\.flac",
        r"cmlstream/stream/page/index\.html",
        r"cmlstream/(stream|models|trainer)/py\.typed",
        r".+/licenses/LICENSE",
        r".+/licenses/models/default/LICENSE",
        r".+/licenses/models/cc0/LICENSE",
    ):
        assert any(re.fullmatch(pattern, name) for name in shipped), pattern


def test_wheel_has_no_bare_packages(wheel):
    top_level = {name.split("/")[0] for name in ZipFile(wheel).namelist()}
    assert top_level == {"cmlstream", f"cmlstream-{PROJECT['version']}.dist-info"}


def test_wheel_states_every_licence(wheel):
    archive = ZipFile(wheel)
    metadata = archive.read(f"cmlstream-{PROJECT['version']}.dist-info/METADATA").decode()
    assert "License-Expression: Apache-2.0 AND CC-BY-NC-SA-4.0 AND CC0-1.0" in metadata


def test_image_holds_the_constrained_versions(image):
    frozen = image.run("pip", "list", "--format", "json", check=True).stdout
    installed = {
        canonicalize_name(entry["name"]): entry["version"].partition("+")[0] for entry in json.loads(frozen)
    }
    constraints = dict(
        line.split("==") for line in (CHECKOUT / "constraints.txt").read_text().split() if "==" in line
    )
    for requirement in PROJECT["dependencies"]:
        name = re.split(r"[^\w.-]", requirement)[0]
        assert installed[canonicalize_name(name)] == constraints[name]


def test_image_runs_the_program_as_nobody_in_particular(image):
    assert image.exec_form("ENTRYPOINT") == ["cmlstream"]
    uid = image.user
    assert int(uid) >= 1000
    assert image.left_out == [f"useradd --uid {uid} --create-home cmlstream"]


def test_program_tells_version_and_help(image):
    assert image.run("cmlstream", "--version", check=True).stdout.strip() == PROJECT["version"]
    assert "listen" in image.run("cmlstream", *image.exec_form("CMD"), check=True).stdout
    assert "fit" in image.run("cmlstream-train", "--help", check=True).stdout


def test_program_comes_from_the_wheel(image):
    where = image.run(
        "python", "-c", "import cmlstream.stream; print(cmlstream.stream.__file__)", check=True
    ).stdout
    assert Path(where.strip()).is_relative_to(image.root)


def test_program_listens_to_the_sample(image):
    events = listen_lines(image, "sample", "--json")
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert events[0]["type"] == "stream.started"
    assert events[-1]["type"] == "stream.ended"
    affects = [event for event in events if event["type"] == "affect"]
    assert len(affects) > 20
    assert all(-1 <= event["activation"] <= 1 and -1 <= event["valence"] <= 1 for event in affects)


def test_missing_microphone_extra_is_a_sentence(image):
    finished = image.run("cmlstream", "listen", "mic:none", "--port", "0", timeout=60)
    assert finished.returncode == 2
    assert "Traceback" not in finished.stderr
    assert finished.stderr.startswith("cmlstream: ")


def test_healthcheck_follows_the_program(image):
    python, option, probe = image.exec_form("HEALTHCHECK")
    listening = subprocess.Popen(
        [image.programs / "cmlstream", "listen", "sample", "--realtime", "--port", "0", "--json"],
        env=image.environment, cwd=image.folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        port = next(
            found[1] for line in listening.stderr if (found := re.search(r"http://127\.0\.0\.1:(\d+)/", line))
        )
        probe = probe.replace("8765", port)
        assert image.run(python, option, probe).returncode == 0
        assert json.loads(listening.stdout.readline())["type"] == "stream.started"
        listening.send_signal(signal.SIGTERM)
        *_, last = map(json.loads, listening.communicate(timeout=30)[0].splitlines())
        assert (last["type"], last["reason"], listening.returncode) == ("stream.ended", "stopped", 0)
        assert image.run(python, option, probe).returncode != 0
    finally:
        listening.kill()
        listening.communicate()
