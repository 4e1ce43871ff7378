"""Which streams wait apart because Redis, or a node of it, did not take their events."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cmlstream.stream.redis_client import is_node_away, node_of
from cmlstream.stream.redis_keys import REGISTRY_KEY, stream_keys

from .redis_calls import NOBODY

if TYPE_CHECKING:
    from cmlstream.stream.redis_client import Client


class Apart:
    """Remembers why each stream failed when last tried; under the name NOBODY, why the registry did."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._nodes: frozenset[str] = frozenset()
        self.failures: dict[str, Exception] = {}

    def __bool__(self) -> bool:
        """Return whether anything waits apart."""
        return bool(self.failures)

    @property
    def has_node(self) -> bool:
        """Whether a whole node was away when last sorted out."""
        return bool(self._nodes)

    @property
    def has_registry(self) -> bool:
        """Whether the registry is to be tried apart from the other streams."""
        return NOBODY in self.failures

    @property
    def streams(self) -> list[str]:
        """The streams that failed; others may wait for their node."""
        return [stream for stream in self.failures if stream != NOBODY]

    def sort_out(self) -> None:
        """Find which nodes are away, once all that was tried together is known."""
        self._nodes = frozenset(
            self._node_of(stream) for stream, failure in self.failures.items() if is_node_away(failure)
        )

    def holds(self, stream: str) -> bool:
        """Tell whether a stream failed, or is on a node that is away."""
        return stream in self.failures or (bool(self._nodes) and self._node_of(stream) in self._nodes)

    def _node_of(self, stream: str) -> str:
        return node_of(self._client, REGISTRY_KEY if stream == NOBODY else stream_keys(stream)[0])
