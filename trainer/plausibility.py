"""Labels that the voices contradict: anger that almost all speakers of a corpus say more dully than sadness.

In corpora whose labels are known to be right it is the other way round: all 43 speakers of EmoDB, RAVDESS and
nEMO have the brighter voice in anger. Where almost all have the duller one, the two classes were exchanged
somewhere on their way.

Shapes: S speakers, N rows.
"""

from collections.abc import Iterator

import numpy as np

from .table import FeatureTable

BRIGHTNESS = "alphaRatioV_sma3nz_amean"
"""Energy above 1 kHz over that below, in voiced frames: it follows vocal effort and no microphone's gain."""

FEWEST_SPEAKERS = 4
CONTRADICTING_SHARE = 0.75


def doubts(table: FeatureTable) -> Iterator[str]:
    """A sentence for each corpus whose anger is duller than its sadness in most of its speakers."""
    if BRIGHTNESS not in table.feature_names:
        return
    brightness_N = table.features_NF[:, table.feature_names.index(BRIGHTNESS)]
    corpus_N = table.per_row([clip.corpus for clip in table.clips])
    speaker_N = table.per_row([clip.speaker for clip in table.clips])
    emotion_N = table.per_row([clip.emotion for clip in table.clips])
    angry_N, sad_N = ((emotion_N == emotion) & table.whole_N for emotion in ("anger", "sadness"))
    for corpus in sorted({clip.corpus for clip in table.clips}):
        here_N = corpus_N == corpus
        duller_S = [
            brightness_N[angry_N & (speaker_N == speaker)].mean()
            < brightness_N[sad_N & (speaker_N == speaker)].mean()
            for speaker in np.intersect1d(speaker_N[angry_N & here_N], speaker_N[sad_N & here_N])
        ]
        if len(duller_S) >= FEWEST_SPEAKERS and np.mean(duller_S) >= CONTRADICTING_SHARE:
            yield (
                f"doubtful labels: in {corpus} {sum(duller_S)} of {len(duller_S)} speakers sound duller in "
                "anger than in sadness; if the two are exchanged there, put them right with --corrections"
            )
