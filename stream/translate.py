"""From what happened in the audio to the events that tell of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict

import numpy as np

from cmlstream.models.contract import EMOTIONS, SAMPLE_RATE, Estimate
from cmlstream.models.egemaps.names import FEATURE_NAMES

from .events import Affect, Gap, SpeechEnded, SpeechStarted, Status
from .forms import Features

if TYPE_CHECKING:
    from cmlstream.models.segment import AudioGap
    from cmlstream.models.window import Window

    from .analysis import RegionClosed, SecondHeard, SpeechOnset
    from .engine import Result
    from .session import Session


class Judgement(TypedDict):
    """The fields of an event that the model fills."""

    activation: float
    valence: float
    emotion: dict[str, float]
    embedding: tuple[float, ...]
    confidence: float
    novelty: float


@dataclass(frozen=True, slots=True)
class Losses:
    """What did not get through since the session began."""

    dropped_samples: int
    skipped_events: int
    thinned_updates: int


def judgement(estimate: Estimate) -> Judgement:
    """Return the estimate as an event's fields."""
    return Judgement(
        activation=estimate.activation,
        valence=estimate.valence,
        emotion=dict(zip(EMOTIONS, estimate.emotion, strict=True)),
        embedding=tuple(estimate.embedding_D.tolist()),
        confidence=estimate.confidence,
        novelty=estimate.novelty,
    )


def features(estimate: Estimate) -> Features:
    """Return what the estimate rests on; a copy, or it would keep the engine's whole batch."""
    return Features(FEATURE_NAMES, np.stack((estimate.features_F, estimate.scores_F)))


def speech_started(session: Session, onset: SpeechOnset) -> SpeechStarted:
    """Tell that a region began."""
    return SpeechStarted(**session.stamp(onset.start, onset.position))


def affect(session: Session, window: Window, result: Result) -> Affect:
    """Tell the rolling estimate of a window."""
    return Affect(
        **session.stamp(window.start, window.end),
        **judgement(result.estimate),
        speech_s=window.speech_samples / SAMPLE_RATE,
        baseline_s=result.baseline_s,
    )


def speech_ended(session: Session, closed: RegionClosed, result: Result | None) -> SpeechEnded:
    """Tell the estimate of a whole region; without a result the region was too short for one."""
    window = closed.window
    stamp = session.stamp(window.start, window.end)
    speech_s = window.speech_samples / SAMPLE_RATE
    if result is None:
        return SpeechEnded(
            **stamp,
            activation=None,
            valence=None,
            emotion=None,
            embedding=None,
            confidence=None,
            novelty=None,
            speech_s=speech_s,
            baseline_s=None,
            forced=closed.forced,
        )
    return SpeechEnded(
        **stamp,
        **judgement(result.estimate),
        speech_s=speech_s,
        baseline_s=result.baseline_s,
        forced=closed.forced,
    )


def audio_gap(session: Session, gap: AudioGap) -> Gap:
    """Tell that audio never arrived."""
    return Gap(**session.stamp(gap.start, gap.end), kind="audio")


def status(session: Session, heard: SecondHeard, *, delay_ms: float | None, lost: Losses) -> Status:
    """Tell how the input and the pipeline are."""
    reading = heard.reading
    return Status(
        **session.stamp(reading.start, reading.end),
        level_dbfs=reading.level_dbfs,
        clipping=reading.clipping,
        muted=reading.muted,
        speaking=heard.speaking,
        delay_ms=delay_ms,
        dropped_samples=lost.dropped_samples,
        skipped_events=lost.skipped_events,
        thinned_updates=lost.thinned_updates,
    )
