"""The folder of a report: the page and its pictures, all of it or nothing."""

import base64
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, StrictUndefined

from cmlstream.models.errors import ConfigurationError

from .content import Page
from .theme import DARK, LIGHT

PAGE = "report.html"

_OURS = re.compile(
    r"report\.html|(training|latent|pairs|drivers|transfer|reliability|confusion)(-[a-z0-9]+)*\.png"
)
"""What a report is made of, and nothing else is replaced."""


def check_folder(folder: Path) -> None:
    """Refuse a folder that holds anything but an earlier report.

    Raises:
        ConfigurationError: it does, or it is no folder.

    """
    if folder.exists() and not folder.is_dir():
        raise ConfigurationError(f"{folder} is a file: name a folder for the report.")
    strange = sorted(
        path.name for path in folder.glob("*") if path.is_dir() or not _OURS.fullmatch(path.name)
    )
    if strange:
        raise ConfigurationError(
            f"{folder} holds `{strange[0]}`, which is of no report: name another folder, such as "
            f"{folder / 'report'}."
        )


def write(page: Page, folder: Path) -> None:
    """Draw all pictures and leave the page and them in the folder, in place of an earlier report.

    Raises:
        ConfigurationError: the folder holds other things, or cannot be written.

    """
    check_folder(folder)
    light = {chart.name: chart.png(LIGHT) for chart in page.charts}
    dark = {chart.name: chart.png(DARK) for chart in page.charts}
    try:
        with _written_aside(folder) as aside:
            for name, png in light.items():
                (aside / f"{name}.png").write_bytes(png)
            (aside / PAGE).write_text(html(page, light, dark), encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(
            f"{folder} cannot be written ({error.strerror}): name another -o."
        ) from error


def html(page: Page, light: Mapping[str, bytes], dark: Mapping[str, bytes]) -> str:
    """The page by itself: pictures and style inside, nothing from outside; every text is escaped."""
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["data"] = lambda png: f"data:image/png;base64,{base64.b64encode(png).decode()}"
    package = files(__package__)
    template = environment.from_string((package / "page.html").read_text(encoding="utf-8"))
    style = (package / "page.css").read_text(encoding="utf-8")
    return template.render(page=page, style=style, light=light, dark=dark)


@contextmanager
def _written_aside(folder: Path) -> Iterator[Path]:
    """A new folder beside, which takes the place of `folder` at the end; an error changes nothing."""
    folder = folder.resolve()  # a link stays, what it leads to is replaced
    aside, old = (folder.with_name(f"{folder.name}.{os.getpid()}.{kind}") for kind in ("part", "old"))
    try:
        aside.mkdir(parents=True)
        yield aside
        if folder.exists():
            folder.rename(old)
        aside.rename(folder)
    finally:
        if old.exists() and not folder.exists():
            old.rename(folder)
        for left in (aside, old):
            shutil.rmtree(left, ignore_errors=True)
