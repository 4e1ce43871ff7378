"""Names of features in words that a researcher reads, and the property of the voice that each belongs to.

Names follow Eyben et al., "The Geneva Minimalistic Acoustic Parameter Set (GeMAPS)", IEEE Transactions on
Affective Computing 7(2), 2016. A name that is none of theirs, as tables of ready-made features have, stays.
"""

import re
from dataclasses import dataclass

DESCRIPTORS = {
    "F0semitoneFrom27.5Hz": "pitch",
    "loudness": "loudness",
    "spectralFlux": "spectral flux",
    "alphaRatio": "alpha ratio",
    "hammarbergIndex": "Hammarberg index",
    "slope0-500": "spectral slope 0–500 Hz",
    "slope500-1500": "spectral slope 500–1500 Hz",
    "jitterLocal": "jitter",
    "shimmerLocaldB": "shimmer",
    "HNRdBACF": "harmonics to noise",
    "logRelF0-H1-H2": "harmonics H1–H2",
    "logRelF0-H1-A3": "harmonics H1–A3",
    **{f"mfcc{n}": f"MFCC {n}" for n in range(1, 5)},
    **{f"F{n}frequency": f"formant {n} frequency" for n in (1, 2, 3)},
    **{f"F{n}bandwidth": f"formant {n} bandwidth" for n in (1, 2, 3)},
    **{f"F{n}amplitudeLogRelF0": f"formant {n} level" for n in (1, 2, 3)},
}

STATISTICS = {
    "amean": "mean",
    "stddevNorm": "variation",
    "percentile20.0": "20th percentile",
    "percentile50.0": "median",
    "percentile80.0": "80th percentile",
    "pctlrange0-2": "range of percentiles 20–80",
    "meanRisingSlope": "slope of rises",
    "stddevRisingSlope": "variation of slope of rises",
    "meanFallingSlope": "slope of falls",
    "stddevFallingSlope": "variation of slope of falls",
}

SINGLE = {
    "loudnessPeaksPerSec": ("peaks per second", "loudness"),
    "VoicedSegmentsPerSec": ("voiced segments per second", "rhythm"),
    "MeanVoicedSegmentLengthSec": ("length of voiced segments, mean", "rhythm"),
    "StddevVoicedSegmentLengthSec": ("length of voiced segments, variation", "rhythm"),
    "MeanUnvoicedSegmentLength": ("length of unvoiced segments, mean", "rhythm"),
    "StddevUnvoicedSegmentLength": ("length of unvoiced segments, variation", "rhythm"),
    "equivalentSoundLevel_dBp": ("equivalent sound level", "loudness"),
}

_NAME = re.compile(r"(?P<descriptor>.+)_sma3(?:nz)?_(?P<statistic>[^_]+)")
_REGION = re.compile(r"(?<=Ratio)U?V|(?<=Index)U?V|(?<=slope)U?V|(?<=Flux)U?V|(?<=mfcc\d)U?V")


@dataclass(frozen=True, slots=True)
class Words:
    """A feature for people."""

    voice: str
    """The property of the voice, such as `pitch`."""
    text: str
    """The whole: the property, where in speech it is taken, and how it is summed up."""


def in_words(name: str) -> Words:
    """A feature's name in words; an unknown name is its own property."""
    if name in SINGLE:
        text, voice = SINGLE[name]
        return Words(
            voice, text if voice == "rhythm" else f"{voice}, {text}" if "level" not in text else text
        )
    match = _NAME.fullmatch(name)
    if not match:
        return Words(name, name)
    region = _REGION.search(match["descriptor"])
    descriptor = _REGION.sub("", match["descriptor"])
    if descriptor not in DESCRIPTORS or match["statistic"] not in STATISTICS:
        return Words(name, name)
    voice = DESCRIPTORS[descriptor]
    where = "" if region is None else " (voiced)" if region[0] == "V" else " (unvoiced)"
    return Words(voice, f"{voice}{where}, {STATISTICS[match['statistic']]}")
