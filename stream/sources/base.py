"""What every source of audio yields, whatever it came from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from cmlstream.models.contract import Samples
    from cmlstream.stream.events import Ending

CHUNK_SAMPLES = 320
"""Live sources deliver 20 ms at a time."""


@dataclass(frozen=True, slots=True, eq=False)
class Chunk:
    """A piece of 16 kHz mono audio. A `start` beyond the end of the last chunk is lost audio."""

    samples_T: Samples
    start: int


@dataclass(frozen=True, slots=True)
class NewSpeaker:
    """Someone else speaks from here on."""


Heard = Chunk | NewSpeaker


class Source(ABC):
    """Audio from somewhere, opened by iterating `chunks()`, closed by closing that generator."""

    description: str
    """For people to read, in `stream.started` and the live view."""
    paced: bool
    """Whether audio arrives as time passes, so that its delay means something."""
    continues: str | None = None
    """The session in which whoever brings the audio was before, elsewhere."""
    dropped_samples: int = 0
    """Lost so far because nobody took them in time, at 16 kHz."""
    awaited: int | None = None
    """The sample that whoever reads waits for most; a source that gathers audio does so until there."""
    ending: Ending = "end of input"
    """Why the audio ended, for `stream.ended`."""

    @abstractmethod
    def chunks(self) -> AsyncGenerator[Heard, None]:
        """Yield the audio in order. Cancelling or closing it releases the device or file.

        Raises InputError where the source cannot be opened or breaks.
        """
