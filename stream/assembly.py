"""What `listen` and `serve` are made of: the model, and a pipeline for a stream."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cmlstream.models import archive
from cmlstream.models.baseline import Baseline
from cmlstream.models.contract import SAMPLE_RATE

from .analysis import Analysis
from .pipeline import Pipeline, StreamIdentity

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cmlstream.models.archive import Archive

    from .engine import Engine
    from .recording.recorder import Recorder
    from .settings import CommonSettings
    from .sinks.base import Sink
    from .sources.base import Source


def load_model(settings: CommonSettings) -> Archive:
    """Return the model that the settings name.

    Raises ModelError where it cannot be used, ConfigurationError where its device is missing.
    """
    return archive.load(archive.path_of(settings.model), trust=settings.trust_model, device=settings.device)


def model_name(archive: Archive) -> str:
    """Return what events call the model."""
    return f"{archive.card.name} {archive.card.version}"


def assemble_pipeline(
    settings: CommonSettings,
    engine: Engine,
    stream: str,
    source: Source,
    sinks: Sequence[Sink],
    on_delay: Callable[[float], None] | None = None,
    recorder: Recorder | None = None,
) -> Pipeline:
    """Return the pipeline of a stream that is heard from `source`."""
    return Pipeline(
        StreamIdentity(stream, model_name(engine.archive), settings.window_s, settings.hop_ms),
        source,
        Analysis(
            settings.voice_activity,
            window_samples=round(settings.window_s * SAMPLE_RATE),
            hop_samples=settings.hop_ms * SAMPLE_RATE // 1000,
        ),
        engine,
        Baseline(engine.archive.prior),
        sinks,
        on_delay,
        recorder,
    )
