"""`send`: everything from a source, or from any program that yields audio, to a server."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING

from cmlstream.models.errors import InputError
from cmlstream.stream.sources.base import Chunk, NewSpeaker, Source

from .audio import PLAIN
from .sender import BUFFER_BYTES, open_sender
from .states import unobserved

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterable
    from ssl import SSLContext

    from cmlstream.stream.ingest import Summary
    from cmlstream.stream.sources.base import Heard

    from .audio import Audio, AudioFormat
    from .sender import Sender
    from .states import Report


async def send(
    url: str,
    audio: Source | AsyncIterable[Heard | Audio],
    *,
    stream: str,
    form: AudioFormat = PLAIN,
    token: str | None = None,
    buffer_bytes: int = BUFFER_BYTES,
    on_state: Report = unobserved,
    tls: SSLContext | None = None,
) -> Summary:
    """Send all of `audio`, then `end`, and return what became of it.

    `audio` is a source, or yields bytes, arrays of what `form` names, or chunks. A source that is live loses
    its oldest audio where the buffer is full, which is published as a gap; everything else waits.

    Raises as `open_sender`, and InputError where the source breaks, after the stream has been ended properly.
    """
    async with open_sender(
        url,
        stream=stream,
        form=form,
        live=not isinstance(audio, Source) or audio.paced,
        token=token,
        buffer_bytes=buffer_bytes,
        on_state=on_state,
        tls=tls,
    ) as sender:
        try:
            await feed(sender, audio)
        except InputError:
            await sender.end()
            raise
        return await sender.end()


async def feed(sender: Sender, audio: Source | AsyncIterable[Heard | Audio]) -> None:
    """Push all of `audio`, as `send` does; raises InputError where its source breaks."""
    if not isinstance(audio, Source):
        async for sounding in _sounding(sender, audio):
            await sender.push(sounding)
        return
    async with aclosing(audio.chunks()) as chunks:
        async for sounding in _sounding(sender, chunks):
            if audio.paced:
                sender.push_newest(sounding)
            else:
                await sender.push(sounding)


async def _sounding(sender: Sender, heard: AsyncIterable[Heard | Audio]) -> AsyncGenerator[Audio, None]:
    """Yield what can be heard; say what is missing before it, and who else begins to speak."""
    position = 0
    async for one in heard:
        match one:
            case NewSpeaker():
                sender.new_speaker()
            case Chunk():
                sender.skip(one.start - position)
                position = one.start + len(one.samples_T)
                yield one.samples_T
            case audio:
                yield audio
