"""For programs that use a server: follow its events, or send it audio, typed and reconnecting.

    from cmlstream.stream.client import follow, send

`follow` is an asynchronous iterator of events from a server or a Redis; `send` feeds a server with audio.
Neither loads the model or torch; what only Redis needs is imported when a Redis is followed.
"""

from .following import follow
from .states import Connected, Connecting, Lost, State

__all__ = ["Connected", "Connecting", "Lost", "State", "follow"]
