"""Where clips lie in the latent space: its half-means, coloured by what is known of the clips.

The metric loss of Das et al. (NLDL 2022, arXiv 2203.14867) ties the mean of the latent's first half to
activation and that of its second half to valence, so these two are shown, not a projection made for the eye.

Shapes: N clips, M those of a class.
"""

from functools import partial

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from numpy.typing import NDArray

from cmlstream.models.contract import EMOTIONS

from .answers import Answers, Vector
from .content import Section, Sheet
from .theme import COLOUR_MAP, Chart, Theme, colour_bar, legend

CLASS_MARKERS = ("^", "o", "s", "v")
LEVEL_MARKERS = (("v", "below 2.5"), ("o", "2.5 to 3.5"), ("^", "above 3.5"))
LEVEL_BORDERS = (2.5, 3.5)

AXES = ("Mean of the first half", "Mean of the second half")


def latent(answers: Answers) -> Section:
    """Scatters by activation, valence and class, and the mean place of each class."""
    sentences = [
        "A point is a clip. The axes are the means of the two halves of the embedding, which the metric loss "
        "draws towards activation (across) and valence (upwards), up to an offset; how near it gets to one "
        "unit for a step of the label, the pairs below tell. Without it they mean nothing by themselves.",
    ]
    charts = []
    for name, label_N in (("activation", answers.activation_N), ("valence", answers.valence_N)):
        if np.isnan(label_N).all():
            sentences.append(f"No clip has a label of {name}, so nothing is coloured by it.")
        else:
            charts.append(_labelled(answers, name, label_N))
    emotion_N = np.array([clip.emotion_number for clip in answers.clips])
    if (emotion_N < 0).all():
        return Section("latent", "The latent space", tuple(sentences), tuple(charts))
    charts.append(_classes(answers, emotion_N))
    sheet = _places(answers, emotion_N)
    return Section("latent", "The latent space", tuple(sentences), tuple(charts), (sheet,))


def _labelled(answers: Answers, name: str, label_N: Vector) -> Chart:
    known_N = ~np.isnan(label_N)
    across, upwards = (
        _correlation(side_N[known_N], label_N[known_N])
        for side_N in (answers.first_half_N, answers.second_half_N)
    )
    told = f"Pearson's r of {name} with the first half {across}, with the second half {upwards}"
    return Chart(
        name=f"latent-{name}",
        caption=f"By the label of {name} (1 to 5), {known_N.sum()} clips; grey points have none. {told}.",
        alternative=f"Scatter of the latent space coloured by {name}. {told}",
        draw=partial(_draw_labelled, answers.first_half_N, answers.second_half_N, label_N, name),
        height_inches=4.4,
    )


def _correlation(side_N: Vector, label_N: Vector) -> str:
    if len(label_N) < 3 or np.ptp(label_N) == 0 or np.ptp(side_N) == 0:
        return "undecided"
    return f"{np.corrcoef(side_N, label_N)[0, 1]:.2f}"


def _draw_labelled(
    across_N: Vector, upwards_N: Vector, label_N: Vector, name: str, axes: Axes, theme: Theme
) -> None:
    unknown_N = np.isnan(label_N)
    axes.scatter(across_N[unknown_N], upwards_N[unknown_N], s=2, color=theme.quiet, alpha=0.25, linewidths=0)
    level_N = np.digitize(label_N, LEVEL_BORDERS)
    for level, (marker, words) in enumerate(LEVEL_MARKERS):
        rows_N = ~unknown_N & (level_N == level)
        axes.scatter(
            across_N[rows_N], upwards_N[rows_N], c=label_N[rows_N], cmap=COLOUR_MAP, vmin=1, vmax=5, s=16,
            marker=marker, alpha=0.85, edgecolors=theme.ink, linewidths=0.2,
        )  # fmt: skip
        axes.scatter([], [], s=16, marker=marker, color=theme.ink, label=f"label {words}")
    colour_bar(axes, theme, ScalarMappable(Normalize(1, 5), COLOUR_MAP), name.capitalize())
    axes.set(xlabel=AXES[0], ylabel=AXES[1])
    legend(axes, theme)


def _classes(answers: Answers, emotion_N: NDArray[np.intp]) -> Chart:
    known = int((emotion_N >= 0).sum())
    return Chart(
        name="latent-class",
        caption=f"Marked by class, {known} clips; the large marks are the means of the classes.",
        alternative="Scatter of the latent space by class; the table below has the mean place of each class",
        draw=partial(_draw_classes, answers.first_half_N, answers.second_half_N, emotion_N),
        height_inches=4.4,
    )


def _draw_classes(
    across_N: Vector, upwards_N: Vector, emotion_N: NDArray[np.intp], axes: Axes, theme: Theme
) -> None:
    for number, emotion in enumerate(EMOTIONS):
        rows_N = emotion_N == number
        if not rows_N.any():
            continue
        colour, marker = theme.series[number], CLASS_MARKERS[number]
        across_M, upwards_M = across_N[rows_N], upwards_N[rows_N]
        axes.scatter(across_M, upwards_M, s=9, alpha=0.35, linewidths=0, color=colour, marker=marker)
        axes.scatter(
            across_M.mean(), upwards_M.mean(), s=110, color=colour, marker=marker, edgecolors=theme.ink,
            linewidths=1.2, zorder=3, label=emotion,
        )  # fmt: skip
    axes.set(xlabel=AXES[0], ylabel=AXES[1])
    legend(axes, theme)


def _places(answers: Answers, emotion_N: NDArray[np.intp]) -> Sheet:
    rows = []
    for number, emotion in enumerate(EMOTIONS):
        rows_N = emotion_N == number
        if rows_N.any():
            sides = (answers.first_half_N[rows_N], answers.second_half_N[rows_N])
            rows.append(
                (emotion, str(rows_N.sum()), *(f"{side.mean():.2f} ± {side.std():.2f}" for side in sides))
            )
    head = ("class", "clips", "first half", "second half")
    return Sheet("Mean place of each class ± standard deviation over its clips", head, tuple(rows))
