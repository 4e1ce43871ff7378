"""Taking audio from a source, and comparing what was heard."""

import asyncio
import itertools
from contextlib import aclosing

import numpy as np

from cmlstream.stream.sources.open import SourceSettings, open_source

SECOND = 16_000


def source_at(url, **settings):
    return open_source(url, SourceSettings(**settings))


def whole(source):
    """All samples of a source that ends, and which must follow on each other."""

    async def collect():
        return [chunk async for chunk in source.chunks()]

    chunks = asyncio.run(collect())
    ends = np.cumsum([len(chunk.samples_T) for chunk in chunks])
    assert [chunk.start for chunk in chunks] == [0, *ends[:-1]]
    return np.concatenate([chunk.samples_T for chunk in chunks])


async def seconds_of(source, duration_s):
    """The first chunks of a source, until they hold so much audio."""
    chunks, samples = [], 0
    async with aclosing(source.chunks()) as arriving:
        async for chunk in arriving:
            chunks.append(chunk)
            samples += len(chunk.samples_T)
            if samples >= duration_s * SECOND:
                break
    return chunks


def gaps(chunks):
    """What is missing before each chunk, in samples, where something is."""
    missing = [
        later.start - earlier.start - len(earlier.samples_T) for earlier, later in itertools.pairwise(chunks)
    ]
    return [samples for samples in missing if samples]


def alike(heard_T, spoken_T):
    """How well two recordings agree, from -1 to 1, at the shift of up to 0.1 s that suits them best."""
    length = min(len(heard_T), len(spoken_T)) - 3_200
    middle_T = spoken_T[1_600 : 1_600 + length].astype(float)
    spectrum = np.fft.rfft(heard_T[: length + 3_200]) * np.conj(np.fft.rfft(middle_T, length + 3_200))
    shift = int(np.argmax(np.fft.irfft(spectrum)[:3_200]))
    return np.corrcoef(heard_T[shift : shift + length], middle_T)[0, 1]
