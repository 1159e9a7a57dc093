"""HTTP in plain Python: the standard library's client on the real network, so that code under test works as it is."""

from __future__ import annotations

import asyncio
import http.client
from collections.abc import AsyncIterable
from dataclasses import replace
from typing import TYPE_CHECKING

from durable_dsl.errors import HttpConnectionError, HttpError, HttpTimeout

if TYPE_CHECKING:
    from durable_dsl.binding.http.exchange import Asked

_READ = 65_536


class _Answer:
    """A response of http.client; see `Answered`."""

    def __init__(self, asked: Asked, connection: http.client.HTTPConnection) -> None:
        self._asked = asked
        self._connection = connection
        self._response = connection.getresponse()
        self.status = self._response.status
        self.headers = [(name.lower(), value.encode("latin-1")) for name, value in self._response.getheaders()]

    def read(self) -> bytes:
        try:
            chunk = self._response.read1(_READ)
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise _failure(self._asked, error) from error
        if not chunk:
            missing = self._response.length
            self.close()
            if missing:
                # http.client takes an early end of a body with a length for its end.
                raise HttpConnectionError(
                    self._asked.method, self._asked.url, f"{missing} bytes of the body are missing"
                )
        return chunk

    async def read_async(self) -> bytes:
        return await asyncio.to_thread(self.read)

    def close(self) -> None:
        self._response.close()
        self._connection.close()


def send(asked: Asked) -> _Answer:
    """Send `asked` and block until the head of the response has arrived."""
    timeout = None if asked.timeouts.connect is None else asked.timeouts.connect / 1e9
    kind = http.client.HTTPSConnection if asked.scheme == "https" else http.client.HTTPConnection
    connection = kind(asked.authority, timeout=timeout)
    assert not isinstance(asked.body, AsyncIterable), "a blocking request takes no asynchronous iterable"
    try:
        connection.putrequest(asked.method, asked.target, skip_host=True, skip_accept_encoding=True)
        connection.putheader("host", asked.authority)
        for name, value in asked.headers:
            connection.putheader(name, value)
        chunked = not isinstance(asked.body, bytes) and all(name != "content-length" for name, _ in asked.headers)
        if chunked:
            connection.putheader("transfer-encoding", "chunked")
        connection.endheaders(asked.body or None, encode_chunked=chunked)
        return _Answer(asked, connection)
    except (OSError, http.client.HTTPException) as error:
        connection.close()
        raise _failure(asked, error) from error
    except BaseException:
        connection.close()
        raise


async def send_async(asked: Asked) -> _Answer:
    """The same; other tasks run meanwhile."""
    if isinstance(asked.body, AsyncIterable):
        asked = replace(asked, body=[piece async for piece in asked.body])
    return await asyncio.to_thread(send, asked)


def _failure(asked: Asked, error: Exception) -> HttpError:
    if isinstance(error, TimeoutError):
        return HttpTimeout(asked.method, asked.url, "timed out")
    if isinstance(error, (OSError, http.client.IncompleteRead, http.client.RemoteDisconnected)):
        return HttpConnectionError(asked.method, asked.url, str(error))
    return HttpError(asked.method, asked.url, str(error))
