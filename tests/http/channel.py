"""wasi:http as far as sending a request needs it, with bodies as servers of Golem take them.

A stand-in, for no such server can be had in a test: a channel with room for two pieces, each of at most 1 MiB, which is
emptied while somebody reads and never in a replay; and an oplog that has nothing but the waits.
"""

from __future__ import annotations

from types import ModuleType, SimpleNamespace

from durable_dsl.results import Err

ROOM, PIECE = 2, 1 << 20


class Server:
    """`reads` says whether anybody takes pieces out of the channel, `until` after how many bytes it stops for good."""

    def __init__(self, *, reads=True, until=None, recorded=None):
        self.reads = reads
        self.until = until
        self.recorded = recorded
        self.waits = 0
        self.channel: list[bytes] = []
        self.body = b""
        self.finished = None
        self.closed = False

    def wait(self):
        """What is recorded: live it lasts until there is room, in a replay it is answered at once."""
        self.waits += 1
        if self.recorded is not None:
            assert self.waits <= self.recorded, "the replay waits more often than was recorded"
            return
        assert self.reads, "the channel is full, and nobody reads: this waits for ever"
        self.drain()

    def drain(self):
        self.body += b"".join(self.channel)
        self.channel.clear()
        if self.until is not None and len(self.body) >= self.until:
            self.closed = True


class Resource:
    def __exit__(self, *_):
        pass


class Pollable(Resource):
    def __init__(self, server):
        self.server = server

    def block(self):
        self.server.wait()


class Stream(Resource):
    def __init__(self, server):
        self.server = server

    def subscribe(self):
        return Pollable(self.server)

    def check_write(self):
        if self.server.closed:
            raise Err(StreamErrorClosed())
        return PIECE if len(self.server.channel) < ROOM else 0

    def write(self, data):
        assert len(data) <= PIECE, "more than was permitted"
        assert len(self.server.channel) < ROOM, "the host traps: there is no room"
        self.server.channel.append(data)


class Body(Resource):
    def __init__(self, server):
        self.server = server

    def write(self):
        return Stream(self.server)


class StreamErrorClosed:
    pass


def host_module(serve):
    """The module `durable_http_host`; `serve()` is the server of the next request."""
    module = ModuleType("durable_http_host")

    class Request(Resource):
        def __init__(self, headers):
            self.headers = headers
            self.server = serve()

        def body(self):
            return Body(self.server)

        def __getattr__(self, name):
            assert name.startswith("set_"), name
            return lambda _value: None

    def finish(body, _trailers):
        if body.server.reads and not body.server.closed:
            body.server.drain()
        body.server.finished = True

    module.Fields = SimpleNamespace(from_list=lambda pairs: pairs)
    module.OutgoingRequest = Request
    module.OutgoingBody = SimpleNamespace(finish=finish)
    module.handle = lambda _request, _options: Resource()
    module.StreamError_Closed = StreamErrorClosed
    module.StreamError_LastOperationFailed = type("StreamErrorLastOperationFailed", (), {})

    def named(name):
        if name.startswith("__"):
            raise AttributeError(name)
        made = type(name, (), {})
        setattr(module, name, made)
        return made

    module.__getattr__ = named
    return module
