"""For programs that use a server: follow its events, or send it audio, typed and reconnecting.

    from cmlstream.stream.client import follow, send

`follow` is an asynchronous iterator of events from a server or a Redis; `send` feeds a server with audio,
from whatever yields it; `open_sender` is for programs that push.
Neither loads the model or torch; what only Redis needs is imported when a Redis is followed.
"""

from .audio import AudioFormat
from .following import follow
from .sender import Progress, Sender, open_sender
from .sending import send
from .states import Connected, Connecting, Lost, State

__all__ = [
    "AudioFormat",
    "Connected",
    "Connecting",
    "Lost",
    "Progress",
    "Sender",
    "State",
    "follow",
    "open_sender",
    "send",
]
