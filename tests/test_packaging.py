"""What is shipped and committed: complete, pinned, and free of the machine it was made on."""

import ast
import re
import shutil
import subprocess
import tomllib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

CHECKOUT = Path(__file__).parents[1]
PACKAGES = ("stream", "models", "trainer")
PYPROJECT = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())
PYTHON_FILES = sorted(path for folder in (*PACKAGES, "tests") for path in (CHECKOUT / folder).rglob("*.py"))

# Escaped as they are, these patterns do not find themselves.
HOMES = re.compile(rb"(?<![\w.])/(?:root|work|home/\w+|Users/\w+)/[\w.]")
REGISTRIES = re.compile(
    rb"pypi\.org|pythonhosted\.org|deb\.debian\.org|security\.debian\.org|registry\.npmjs|download\.pytorch\.org"
)


def direct_requirements():
    project = PYPROJECT["project"]
    groups = [project["dependencies"], *project["optional-dependencies"].values()]
    return [Requirement(line) for group in groups for line in group]


def constraints():
    lines = (CHECKOUT / "constraints.txt").read_text().splitlines()
    pinned = (line.split("==") for line in lines if not line.startswith("#"))
    return {canonicalize_name(name): number for name, number in pinned}


@pytest.fixture(scope="module")
def committed_files():
    """Everything that is, or with the next commit may be, in the repository."""
    if not (CHECKOUT / ".git").exists() or not shutil.which("git"):
        pytest.skip("this is no git checkout")
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=CHECKOUT, check=True, capture_output=True, text=True,
    )  # fmt: skip
    return [path for name in listed.stdout.split("\0") if name and (path := CHECKOUT / name).is_file()]


def test_package_list_is_the_tree():
    folders = {
        path.parent.relative_to(CHECKOUT)
        for name in PACKAGES
        for path in (CHECKOUT / name).rglob("__init__.py")
    }
    assert {f"cmlstream.{'.'.join(folder.parts)}" for folder in folders} == set(
        PYPROJECT["tool"]["setuptools"]["packages"]
    )


def test_every_folder_with_code_is_a_package():
    bare = {path.parent for name in PACKAGES for path in (CHECKOUT / name).rglob("*.py")}
    assert [folder for folder in bare if not (folder / "__init__.py").exists()] == []


def test_every_direct_dependency_has_a_fitting_constraint():
    pinned = constraints()
    for requirement in direct_requirements():
        assert requirement.specifier.contains(pinned[canonicalize_name(requirement.name)]), requirement


def test_every_constraint_is_a_direct_dependency():
    assert set(constraints()) == {
        canonicalize_name(requirement.name) for requirement in direct_requirements()
    }


def test_tests_run_with_the_constrained_versions():
    wanted = [one for one in direct_requirements() if not one.marker or one.marker.evaluate()]
    pinned = constraints()
    found = {}
    for name in (canonicalize_name(requirement.name) for requirement in wanted):
        try:
            # A build's local label (+cpu) does not make it another version.
            found[name] = version(name).partition("+")[0]
        except PackageNotFoundError:
            found[name] = "not installed"
    assert found == {name: pinned[name] for name in found}


def test_types_are_checked_under_the_names_that_are_installed():
    for name in PACKAGES:
        assert (CHECKOUT / ".typing" / "cmlstream" / name).samefile(CHECKOUT / name)
        assert (CHECKOUT / name / "py.typed").exists()


@pytest.mark.parametrize("path", PYTHON_FILES, ids=lambda path: str(path.relative_to(CHECKOUT)))
def test_no_import_under_a_bare_name(path):
    nodes = list(ast.walk(ast.parse(path.read_bytes())))
    imported = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.level == 0}
    assert {name.partition(".")[0] for name in imported}.isdisjoint(PACKAGES)


def test_no_path_of_a_machine_is_committed(committed_files):
    assert found_in(committed_files, HOMES) == {}


def test_no_registry_is_committed(committed_files):
    assert found_in(committed_files, REGISTRIES) == {}


def found_in(paths, pattern):
    contents = {str(path.relative_to(CHECKOUT)): path.read_bytes() for path in paths}
    return {name: found[0] for name, content in contents.items() if (found := pattern.search(content))}
