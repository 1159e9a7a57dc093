"""Values on their way into a store and out of it, for the key-value and the blob store: bytes in memory.

What is written is not in the oplog; replay compares its digest.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from durable_dsl.engine.interfaces.streams import InputStream, OutputStream, StreamClosed

if TYPE_CHECKING:
    from durable_dsl.engine.replay.host import Host


_LARGEST_READ = 1 << 20


class OutgoingValue:
    """The resource `outgoing-value`: what is written until it is stored."""

    resource_kind = "outgoing-value"

    def __init__(self) -> None:
        self.content = bytearray()
        self.stream_given = False

    @property
    def size(self) -> int:
        return len(self.content)

    @property
    def digest(self) -> dict[str, Any]:
        """What replay compares of it."""
        return {"length": self.size, "sha256": hashlib.sha256(self.content).hexdigest()}


class IncomingValue:
    """The resource `incoming-value`: what was stored at the time it was asked for."""

    resource_kind = "incoming-value"

    def __init__(self, content: bytes) -> None:
        self.content = content


class ValueWriter(OutputStream):
    """Appends to a value."""

    def __init__(self, value: OutgoingValue) -> None:
        self._value = value

    def write(self, _host: Host, data: bytes) -> None:
        self._value.content += data


class ValueReader(InputStream):
    """Reads a value from its beginning."""

    def __init__(self, value: IncomingValue) -> None:
        self._content = value.content
        self._at = 0

    def read(self, _host: Host, length: int) -> bytes:
        if length == 0:
            return b""
        data = self._content[self._at : self._at + min(length, _LARGEST_READ)]
        if not data:
            raise StreamClosed
        self._at += len(data)
        return data
