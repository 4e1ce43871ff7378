import subprocess
import sys
from functools import partial

import pytest
from matplotlib.axes import Axes

from cmlstream.trainer.report.theme import DARK, LIGHT, Chart, Theme, legend, matrix, short

SIGNATURE = b"\x89PNG\r\n\x1a\n"


def chart(names: list[str]) -> Chart:
    values = [[0.5 if row == column else None for column in names] for row in names]
    texts = [["half" if value else "–" for value in row] for row in values]
    return Chart("some", "Some.", "Something", partial(draw, names, values, texts))


def draw(
    names: list[str], values: list[list[float | None]], texts: list[list[str]], axes: Axes, theme: Theme
) -> None:
    matrix(axes, theme, values, texts, [names, names])
    axes.plot([0, 1], [0, 1], label=names[0])
    legend(axes, theme)


def test_the_same_picture_has_the_same_bytes_and_another_theme_others() -> None:
    light = chart(["a", "b"]).png(LIGHT)
    assert light.startswith(SIGNATURE)
    assert light == chart(["a", "b"]).png(LIGHT)
    assert light != chart(["a", "b"]).png(DARK)


@pytest.mark.parametrize("name", [r"$\frac{", "한국어 감정", "a\nb\0c", "x" * 500, "", "_hidden"])
def test_names_of_any_kind_are_drawn(name: str) -> None:
    assert chart([name, "other"]).png(LIGHT).startswith(SIGNATURE)


def test_long_names_leave_room() -> None:
    assert short("a\n b\0c") == "a b c"
    assert short("x" * 500) == "x" * 27 + "…"


def test_no_window_and_no_state_of_the_whole_program_is_touched() -> None:
    program = (
        "import sys, matplotlib\n"
        # To ask for the backend is to choose one.
        "def settings():\n"
        "    return {name: matplotlib.rcParams[name] for name in matplotlib.rcParams if name != 'backend'}\n"
        "before = settings()\n"
        "from cmlstream.trainer.report.theme import LIGHT, Chart\n"
        "Chart('a', 'b', 'c', lambda axes, theme: axes.plot([1, 2])).png(LIGHT)\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
        "assert settings() == before\n"
    )
    command = [sys.executable, "-W", "error", "-c", program]
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_text_and_lines_stand_out_from_the_ground(theme: Theme) -> None:
    for colour in (theme.ink, theme.quiet):
        assert contrast(colour, theme.ground) >= 4.5
    for colour in theme.series:
        assert contrast(colour, theme.ground) >= 2.7


def contrast(one: str, other: str) -> float:
    """Of WCAG 2.2: (lighter + 0.05) / (darker + 0.05), of relative luminances."""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    shares = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares]
    return sum(weight * share for weight, share in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
