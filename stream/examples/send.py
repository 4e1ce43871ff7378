"""Send an audio file to a server and print what became of it.

    python -m cmlstream.stream.examples.send talk.flac ws://127.0.0.1:8765

CMLSTREAM_TOKEN holds the token, where one is demanded.
"""

import asyncio
import os
import sys

import soundfile

from cmlstream.models.errors import CmlstreamError
from cmlstream.stream.client import AudioFormat, open_sender


async def main(path: str, url: str) -> None:
    """Send all of it."""
    with soundfile.SoundFile(path) as audio:
        form = AudioFormat(rate=audio.samplerate, channels=audio.channels)
        token = os.environ.get("CMLSTREAM_TOKEN")
        async with open_sender(url, stream="example", form=form, live=False, token=token) as sender:
            for block_TC in audio.blocks(blocksize=4_096, dtype="int16"):
                await sender.push(block_TC)
            print(await sender.end())


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    try:
        asyncio.run(main(*sys.argv[1:]))
    except CmlstreamError as error:
        sys.exit(str(error))
