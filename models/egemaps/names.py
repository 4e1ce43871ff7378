"""The names of the 25 low-level descriptors and the 88 functionals, in the order of every table here.

Source: Eyben et al., "The Geneva Minimalistic Acoustic Parameter Set (GeMAPS) for Voice Research and
Affective Computing", IEEE Transactions on Affective Computing 7(2), 2016; version v02 of its extended set.
The spelling, irregular as it is, is that of openSMILE's tables, so that columns can be joined by name.
"""

SPECTRAL_NAMES: tuple[str, ...] = (
    "Loudness",
    "alphaRatio",
    "hammarbergIndex",
    "slope0-500",
    "slope500-1500",
    "spectralFlux",
    "mfcc1",
    "mfcc2",
    "mfcc3",
    "mfcc4",
)
"""Descriptors of the 20 ms frames, which exist with and without voicing."""

VOICE_NAMES: tuple[str, ...] = (
    "jitterLocal",
    "shimmerLocaldB",
    "HNRdBACF",
    "logRelF0-H1-H2",
    "logRelF0-H1-A3",
    *(f"F{n}{part}" for n in (1, 2, 3) for part in ("frequency", "bandwidth", "amplitudeLogRelF0")),
)
"""Descriptors that mean something in voiced frames only."""

LLD_NAMES: tuple[str, ...] = (
    *(f"{name}_sma3" for name in SPECTRAL_NAMES),
    "F0semitoneFrom27.5Hz_sma3nz",
    *(f"{name}_sma3nz" for name in VOICE_NAMES),
)
"""The 25 columns of the smoothed descriptor table."""

CONTOUR_STATISTICS: tuple[str, ...] = (
    "amean",
    "stddevNorm",
    "percentile20.0",
    "percentile50.0",
    "percentile80.0",
    "pctlrange0-2",
    "meanRisingSlope",
    "stddevRisingSlope",
    "meanFallingSlope",
    "stddevFallingSlope",
)
"""What is taken of the pitch and of the loudness contour."""

_MASKED_NAMES = (
    "alphaRatio{}",
    "hammarbergIndex{}",
    "slope{}0-500",
    "slope{}500-1500",
    "spectralFlux{}",
    "mfcc1{}",
    "mfcc2{}",
    "mfcc3{}",
    "mfcc4{}",
)


def _mean_and_deviation(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"{name}_{statistic}" for name in names for statistic in ("amean", "stddevNorm"))


FEATURE_NAMES: tuple[str, ...] = (
    *(f"F0semitoneFrom27.5Hz_sma3nz_{statistic}" for statistic in CONTOUR_STATISTICS),
    *(f"loudness_sma3_{statistic}" for statistic in CONTOUR_STATISTICS),
    *_mean_and_deviation(tuple(f"{name}_sma3" for name in SPECTRAL_NAMES[5:])),
    *_mean_and_deviation(tuple(f"{name}_sma3nz" for name in VOICE_NAMES)),
    *_mean_and_deviation(tuple(f"{name.format('V')}_sma3nz" for name in _MASKED_NAMES)),
    *(f"{name.format('UV')}_sma3nz_amean" for name in _MASKED_NAMES[:5]),
    "loudnessPeaksPerSec",
    "VoicedSegmentsPerSec",
    "MeanVoicedSegmentLengthSec",
    "StddevVoicedSegmentLengthSec",
    "MeanUnvoicedSegmentLength",
    "StddevUnvoicedSegmentLength",
    "equivalentSoundLevel_dBp",
)
"""The 88 functionals."""
