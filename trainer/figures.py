"""A model's figures over some clips, as they are kept and written: one JSON object for each set of clips."""

import msgspec

Interval = tuple[float, float]
"""The lowest and the highest value that speakers as these would give, 95 times of 100."""


class Agreement(msgspec.Struct, frozen=True, kw_only=True):
    """How a dimension follows its published labels.

    Null where fewer than three clips have a label, or all have the same.
    """

    n: int
    """Clips with a label."""
    speakers: int
    pearson: float | None
    pearson_interval: Interval | None = None
    spearman: float | None
    """Pearson's r of ranks: it asks for the right order, not for a straight line."""
    spearman_interval: Interval | None = None
    ccc: float | None
    """Lin's concordance (Biometrics, 1989): like Pearson's r, but scale and offset must agree too."""
    ccc_interval: Interval | None = None


class Bin(msgspec.Struct, frozen=True):
    """Clips of like confidence."""

    n: int
    confidence: float
    """Mean of what the model believed."""
    accuracy: float
    """Share that it named rightly."""


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """A model's figures over some clips; null where no clip has a class that the model knows.

    Intervals are null where they were not asked for and where fewer than two speakers decide the figure.
    """

    n: int
    speakers: int
    classified: int
    """Clips of a class that the model knows: those that all figures up to `calibration` rest on."""
    uar: float | None
    """Unweighted average recall: the mean, over the classes that occur, of the share named rightly."""
    uar_interval: Interval | None = None
    wa: float | None
    """Share of clips named rightly, which the literature on speech emotion calls weighted accuracy."""
    wa_interval: Interval | None = None
    ece: float | None
    """Expected calibration error: |confidence - accuracy|, mean over bins of equal mass."""
    ece_interval: Interval | None = None
    auroc: float | None
    """Area under the curve of confidence against being right; null where all is right or all wrong."""
    auroc_interval: Interval | None = None
    recall: dict[str, float]
    """By class, of the classes that occur."""
    recall_interval: dict[str, Interval | None] = {}
    confusion: dict[str, dict[str, int]]
    """Clips by their class, then by the class that the model named."""
    calibration: tuple[Bin, ...]
    """The bins of `ece`, the least confident first."""
    activation: Agreement
    valence: Agreement
