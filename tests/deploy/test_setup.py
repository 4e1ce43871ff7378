import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
SETUP = CHECKOUT / "deploy" / "setup.sh"
ABSENT = "cmlstream-no-such-package"

needs_debian = pytest.mark.skipif(not shutil.which("dpkg-query"), reason="this is no Debian system")


@pytest.fixture
def programs(tmp_path):
    """A PATH with the few programs that the set-up uses, without sudo."""
    folder = tmp_path / "programs"
    folder.mkdir()
    for name in ("bash", "env", "grep", "id", "dpkg-query", "apt-get"):
        if found := shutil.which(name):
            (folder / name).symlink_to(found)
    return folder


@pytest.fixture
def checkout(tmp_path):
    """What make reads, with every stamp in place and the newest last."""
    root = tmp_path / "checkout"
    root.mkdir()
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(CHECKOUT / name, root)
    shutil.copytree(CHECKOUT / "deploy", root / "deploy")
    stamps = [
        ".venv/apt-listen.stamp",
        ".venv/apt-test.stamp",
        ".venv/bin/pip",
        ".venv/listen.stamp",
        ".venv/test.stamp",
    ]
    newest = max(path.stat().st_mtime for path in root.rglob("*"))
    for age, name in enumerate(stamps, start=1):
        stamp = root / name
        stamp.parent.mkdir(parents=True, exist_ok=True)
        stamp.touch()
        os.utime(stamp, (newest + age, newest + age))
    return root


def planned(checkout, *arguments):
    """Return the commands that make would run."""
    # The make that runs these tests hands its own settings down: they are not what is tested.
    settings = {"ARGS", "PYTHON", "TORCH_INDEX", "MAKEFLAGS", "MAKEOVERRIDES", "MAKELEVEL", "MFLAGS"}
    environment = {name: value for name, value in os.environ.items() if name not in settings}
    told = subprocess.run(
        ["make", "--dry-run", *arguments],
        cwd=checkout,
        env=environment,
        check=True,
        text=True,
        capture_output=True,
    )
    return told.stdout.splitlines()


def set_up(package_list, programs, *, as_nobody=False):
    # Whoever may install packages would: take that right away where the sentence without it is wanted.
    prefix = (
        [shutil.which("setpriv"), "--reuid=65534", "--clear-groups"]
        if as_nobody and os.geteuid() == 0
        else []
    )
    return subprocess.run(
        [*prefix, "bash", "-s", "--", package_list], input=SETUP.read_text(), env={"PATH": str(programs)},
        text=True, capture_output=True,
    )  # fmt: skip


@needs_debian
def test_nothing_is_installed_when_nothing_is_missing(tmp_path, programs):
    package_list = tmp_path / "apt.txt"
    package_list.write_text("# what every Debian has\nbash\ndpkg\n")
    finished = set_up(package_list, programs)
    assert (finished.returncode, finished.stdout, finished.stderr) == (0, "", "")


@needs_debian
def test_without_root_and_sudo_the_missing_packages_are_named(tmp_path, programs):
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    package_list = tmp_path / "apt.txt"
    package_list.write_text(f"bash\n{ABSENT}\n")
    finished = set_up(package_list, programs, as_nobody=True)
    assert finished.returncode == 1
    assert finished.stderr.endswith(f"have root run: apt-get install {ABSENT}\n")


def test_elsewhere_than_on_debian_the_packages_are_named_and_the_set_up_goes_on(tmp_path, programs):
    (programs / "dpkg-query").unlink(missing_ok=True)
    package_list = tmp_path / "apt.txt"
    package_list.write_text(f"{ABSENT}\n")
    finished = set_up(package_list, programs)
    assert finished.returncode == 0
    assert "no Debian system" in finished.stderr
    assert ABSENT in finished.stderr


def test_second_call_only_listens(checkout):
    assert planned(checkout, "listen", "ARGS=sample --json") == [
        ".venv/bin/cmlstream listen --redis embedded sample --json"
    ]


def test_second_test_call_installs_nothing(checkout):
    commands = planned(checkout, "test")
    assert not [command for command in commands if "install" in command or "setup.sh" in command]
    assert [command.split()[0].removeprefix(".venv/bin/") for command in commands] == [
        "ruff", "ruff", "mypy", "lint-imports", "pytest"
    ]  # fmt: skip


@pytest.mark.parametrize("changed", ["pyproject.toml", "constraints.txt", "deploy/apt-listen.txt"])
def test_change_of_what_is_needed_installs_anew_with_torch_first(checkout, changed):
    commands = planned(checkout, "listen", f"--what-if={changed}")
    torch, program = [command for command in commands if "pip install" in command]
    assert "torch==" in torch
    assert "--editable '.[mic]'" in program
    assert ("deploy/setup.sh" in " ".join(commands)) == changed.startswith("deploy/")


def test_torch_index_reaches_pip_only_when_named(checkout):
    named = planned(checkout, "listen", "--what-if=pyproject.toml", "TORCH_INDEX=file:///wheels")
    assert [("--index-url file:///wheels" in command) for command in named if "pip install" in command] == [
        True,
        False,
    ]
    unnamed = planned(checkout, "listen", "--what-if=pyproject.toml")
    assert "--index-url" not in "".join(unnamed)


def test_help_lists_every_target():
    makefile = (CHECKOUT / "Makefile").read_text()
    targets = re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)[1].split()
    told = subprocess.run(["make", "help"], cwd=CHECKOUT, check=True, text=True, capture_output=True).stdout
    assert re.findall(r"^  make (\w+)", told, re.MULTILINE) == targets
    assert {"listen", "test", "lint", "format", "bench", "parity", "clean", "help"} == set(targets)


def test_ci_runs_what_a_developer_runs():
    script = CHECKOUT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert script.read_text().splitlines()[-1] == "exec make test"
