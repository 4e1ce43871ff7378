"""The container image without a container engine: the steps of the Dockerfile, followed in folders."""

import json
import os
import re
import shlex
import shutil
import subprocess
import venv
from dataclasses import dataclass, field
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
DOCKERFILE = CHECKOUT / "deploy" / "Dockerfile"
ABSOLUTE_PATH = re.compile(r"(?<=\s)/(?=\w)")


@dataclass
class Stage:
    """A stage's file system under `root`, its interpreter, and what the steps have said so far."""

    root: Path
    environment: dict[str, str]
    folder: Path
    user: str = "root"
    metadata: dict[str, str] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)
    """RUN steps that would change the machine itself."""

    @property
    def programs(self) -> Path:
        return self.root / "python" / "bin"

    def inside(self, path: str) -> Path:
        return self.root / path.lstrip("/") if path.startswith("/") else self.folder / path

    def run(self, *arguments: object, **options: object) -> subprocess.CompletedProcess[str]:
        """Run a program of the image, outside the checkout."""
        command = [self.programs / str(arguments[0]), *arguments[1:]]
        return subprocess.run(
            list(map(str, command)),
            env=self.environment,
            cwd=self.folder,
            text=True,
            capture_output=True,
            **options,
        )

    def exec_form(self, instruction: str) -> list[str]:
        return json.loads(
            self.metadata[instruction].partition("[")[1] + self.metadata[instruction].partition("[")[2]
        )


def steps(dockerfile: Path) -> list[tuple[str, str]]:
    text = re.sub(r"^\s*#.*\n", "", dockerfile.read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    return [tuple(line.split(maxsplit=1)) for line in text.splitlines() if line.strip()]


def begin_stage(root: Path) -> Stage:
    venv.create(root / "python", with_pip=True)
    outside = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "VIRTUAL_ENV"}}
    return Stage(root, outside | {"PATH": f"{root / 'python' / 'bin'}:{os.environ['PATH']}"}, root)


def copy_context(stage: Stage, destination: Path) -> None:
    """Copy what the .dockerignore lets through: it refuses all but what it names."""
    lines = (CHECKOUT / "deploy" / "Dockerfile.dockerignore").read_text().split()
    assert lines[0] == "*"
    for name in (line[1:] for line in lines if line.startswith("!")):
        source = CHECKOUT / name
        if source.is_dir():
            shutil.copytree(source, destination / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, destination / name)


def copy(stage: Stage, arguments: str, stages: dict[str, Stage]) -> None:
    *options, source, destination = shlex.split(arguments)
    target = stage.inside(destination)
    target.parent.mkdir(parents=True, exist_ok=True)
    if options:
        shutil.copytree(stages[options[0].removeprefix("--from=")].inside(source), target)
    elif source == ".":
        copy_context(stage, target)
    else:
        shutil.copy(CHECKOUT / source, target)


def run_step(stage: Stage, command: str) -> None:
    if not command.startswith("pip "):
        stage.left_out.append(command)
        return
    subprocess.run(
        ["sh", "-ec", ABSOLUTE_PATH.sub(f"{stage.root}/", command)],
        cwd=stage.folder,
        env=stage.environment,
        check=True,
    )


@pytest.fixture(scope="session")
def image_stages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Stage]:
    """Every stage by name, the last one under "image"."""
    stages: dict[str, Stage] = {}
    stage: Stage | None = None
    for instruction, arguments in steps(DOCKERFILE):
        match instruction:
            case "FROM":
                name = arguments.partition(" AS ")[2] or "image"
                stage = stages[name] = begin_stage(tmp_path_factory.mktemp(name))
            case "ARG":
                # Arguments come from the environment of whoever builds, which is passed on whole.
                assert stage or arguments.startswith("BASE_IMAGE="), arguments
            case "ENV":
                stage.environment |= dict(pair.split("=", 1) for pair in shlex.split(arguments))
            case "WORKDIR":
                stage.folder = stage.inside(arguments)
                stage.folder.mkdir(parents=True)
            case "COPY":
                copy(stage, arguments, stages)
            case "RUN":
                run_step(stage, arguments)
            case "USER":
                stage.user = arguments
            case "EXPOSE" | "HEALTHCHECK" | "ENTRYPOINT" | "CMD":
                stage.metadata[instruction] = arguments
            case _:
                pytest.fail(f"the Dockerfile has a step that this test cannot follow: {instruction}")
    return stages


@pytest.fixture(scope="session")
def image(image_stages: dict[str, Stage]) -> Stage:
    return image_stages["image"]


@pytest.fixture(scope="session")
def wheel(image_stages: dict[str, Stage]) -> Path:
    (built,) = image_stages["wheel"].inside("/wheels").glob("*.whl")
    return built
