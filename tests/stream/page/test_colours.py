"""The page's colours, read from its style sheet: they stand out, and colour-blind people tell them apart."""

import re
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

STYLE = (Path(__file__).parents[3] / "stream" / "page" / "page.css").read_text()
EMOTIONS = ("anger", "happiness", "neutral", "sadness")
TEXT_CONTRAST, GRAPHIC_CONTRAST = 4.5, 3.0
"""Those of WCAG 2.2, 1.4.3 and 1.4.11."""

TOLD_APART = 12.0
"""Distance in CIELAB: a just noticeable one is about 2."""

LACKING = {
    "nothing": np.eye(3),
    # Dichromacy on linear RGB: Machado, Oliveira and Fernandes (2009), doi:10.1109/TVCG.2009.113.
    "red": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "green": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "blue": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}
XYZ_OF_RGB = np.array(
    [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
)  # sRGB, D65
WHITE_XYZ = XYZ_OF_RGB.sum(axis=1)


def theme(name: str) -> dict[str, str]:
    blocks = re.findall(r":root \{([^}]*)\}", STYLE)
    return dict(re.findall(r"--(\w+): (#\w{6})", blocks[("light", "dark").index(name)]))


def linear(colour: str) -> np.ndarray:
    values = np.array([int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)])
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def contrast(one: str, other: str) -> float:
    dark, light = sorted(float(linear(colour) @ XYZ_OF_RGB[1]) for colour in (one, other))
    return (light + 0.05) / (dark + 0.05)


def lab(rgb: np.ndarray) -> np.ndarray:
    share = XYZ_OF_RGB @ np.clip(rgb, 0, 1) / WHITE_XYZ
    x, y, z = np.where(share > 0.008856, np.cbrt(share), 7.787 * share + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("name", ["light", "dark"])
def test_text_and_marks_stand_out_from_the_paper(name: str) -> None:
    colours = theme(name)
    for paper in ("paper", "ground"):
        for text in ("ink", "muted", "accent", "alarm"):
            assert contrast(colours[text], colours[paper]) >= TEXT_CONTRAST, (text, paper)
    for mark in (*EMOTIONS, "control"):
        assert contrast(colours[mark], colours["paper"]) >= GRAPHIC_CONTRAST, mark


@pytest.mark.parametrize("lacking", LACKING)
@pytest.mark.parametrize("name", ["light", "dark"])
def test_emotions_are_told_apart_by_everyone(name: str, lacking: str) -> None:
    seen = {emotion: lab(np.array(LACKING[lacking]) @ linear(theme(name)[emotion])) for emotion in EMOTIONS}
    near = {pair: np.linalg.norm(seen[pair[0]] - seen[pair[1]]) for pair in combinations(EMOTIONS, 2)}
    assert min(near.values()) >= TOLD_APART, near
