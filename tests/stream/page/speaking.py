"""A browser whose microphone speaks a clip, and what a server receives of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import soundfile
import soxr

from cmlstream.models.contract import FULL_SCALE, SAMPLE_RATE
from cmlstream.stream.sources.convert import Converter
from cmlstream.stream.sources.file import read_whole
from cmlstream.stream.sources.ingest import IngestSource
from cmlstream.stream.sources.open import SAMPLE_PATH

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from cmlstream.models.contract import Samples
    from tests.stream.page.browser import Visit

FAKE_DEVICE = "--use-fake-device-for-media-stream"
ALLOWED = "--use-fake-ui-for-media-stream"
"""Every page may listen; without it none may."""

DEVICE_RATE = 48_000
"""What microphones are mostly recorded at."""

SPOKEN_S = slice(20.6, 29.0)
"""Of the sample: two utterances with a pause between them."""

START = "#microphone form button:not([type])"
SPEAKER = "#microphone form button[type]"
SAYS = "#microphone .says"
COUNTS = "#microphone .counts"


def clip_T() -> Samples:
    """Return what is spoken, between digital silences."""
    spoken = slice(round(SPOKEN_S.start * SAMPLE_RATE), round(SPOKEN_S.stop * SAMPLE_RATE))
    pause_T = np.zeros(SAMPLE_RATE // 2, np.int16)
    return np.concatenate([pause_T, read_whole(SAMPLE_PATH)[spoken], pause_T, pause_T])


def speaking(directory: Path) -> str:
    """Return the argument of Chromium that makes its microphone speak the clip once.

    The device repeats the last 10 ms of its file for ever: they must be zeros, or they would sound voiced.
    """
    path = directory / "clip.wav"
    loud_T = soxr.resample(clip_T() / FULL_SCALE, SAMPLE_RATE, DEVICE_RATE, quality="VHQ")
    loud_T[-DEVICE_RATE // 2 :] = 0
    soundfile.write(path, loud_T, DEVICE_RATE, subtype="PCM_16")
    return f"--use-file-for-fake-audio-capture={path}%noloop"


class Received:
    """The audio that senders pushed to servers of this process, as it came."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.rate = 0
        self._messages: list[bytes] = []
        push = IngestSource.push

        def tap(source: IngestSource, message: bytes) -> None:
            self.rate = source._hello.rate
            self._messages.append(message)
            push(source, message)

        monkeypatch.setattr(IngestSource, "push", tap)

    @property
    def samples_T(self) -> Samples:
        return np.frombuffer(b"".join(self._messages), "<i2")

    @property
    def seconds(self) -> float:
        return len(self.samples_T) / self.rate

    def delayed(self, spoken_T: Samples) -> Samples:
        """Return `spoken_T` as late as it was received, to an eighth of a sample.

        Where the grid of frames falls in a word is nobody's fault, and moves estimates more than the way.
        """
        converter = Converter(self.rate, 1)
        heard_T = np.concatenate([converter.push(self.samples_T[:, None]), converter.flush()])
        length = 2 ** (len(heard_T) + len(spoken_T)).bit_length()
        spoken_F = np.fft.rfft(spoken_T.astype(float), length)
        product_F = np.fft.rfft(heard_T.astype(float), length) * np.conj(spoken_F)
        lag = np.argmax(np.fft.irfft(product_F, 8 * length)) / 8
        assert lag < SAMPLE_RATE, "what was received is not what was spoken"
        turned_F = spoken_F * np.exp(-2j * np.pi * np.arange(len(spoken_F)) / length * lag)
        late_T = np.fft.irfft(turned_F, length)[: len(spoken_T) + SAMPLE_RATE]
        return np.rint(late_T).astype(np.int16)


async def begin(visit: Visit, stream: str = "browser") -> None:
    """Let the page use its microphone."""
    await visit.page.fill("#microphone input", stream)
    await visit.page.click(START)


async def counted(visit: Visit, what: str, seconds: float) -> None:
    """Wait until the page has counted so many seconds that were "sent", are "waiting" or were "lost"."""
    await visit.until(
        """([counts, what, seconds]) => {
          const found = document.querySelector(counts).textContent.match(`([0-9.]+) s ${what}`);
          return found !== null && Number(found[1]) >= seconds;
        }""",
        [COUNTS, what, seconds],
    )


async def stop(visit: Visit) -> None:
    """Stop, and wait until the server has told what it heard."""
    await visit.page.click(START)
    await visit.shows(SAYS, "Stopped: the server heard")
