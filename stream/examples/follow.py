"""Print how every utterance of every stream sounded.

    python -m cmlstream.stream.examples.follow ws://127.0.0.1:8765

A Redis is followed alike: redis://127.0.0.1:6379. CMLSTREAM_TOKEN holds the token, where one is demanded.
"""

import asyncio
import os
import sys

from cmlstream.models.errors import CmlstreamError
from cmlstream.stream.client import follow
from cmlstream.stream.events import SpeechEnded


async def main(url: str) -> None:
    """Print until interrupted."""
    token = os.environ.get("CMLSTREAM_TOKEN")
    async for event in follow(url, since=0, types=["speech.ended"], embedding=False, token=token):
        if isinstance(event, SpeechEnded) and event.emotion:
            likeliest = max(event.emotion, key=event.emotion.__getitem__)
            print(event.stream, likeliest, event.activation, event.valence, flush=True)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    try:
        asyncio.run(main(sys.argv[1]))
    except CmlstreamError as error:
        sys.exit(str(error))
