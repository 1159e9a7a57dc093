"""What the world outside of a worker sees of it, and what is on disk at the instant at which it sees that first.

A guest program puts a text that nobody else could have made, its *token*, into an effect. `World` looks at every place
of the engine and at every request for a token: on the wire, in another worker, in a file, in a table, in what is
written. At the first sight it copies what is committed, which is what a process that is killed there leaves behind.
"""

from __future__ import annotations

import base64
import http.server
import json
import re
import sqlite3
import threading
from contextlib import closing, contextmanager

from durable_dsl.engine.directory.copying import copied
from durable_dsl.engine.oplog.entries import ExportedFunctionInvoked
from durable_dsl.engine.oplog.store import FILE

TOKEN = re.compile(rb"<<\w+>>")
#: Where others read what a worker has left for them.
_TABLES = (
    "SELECT value FROM bucket", "SELECT data FROM object", "SELECT name FROM container", "SELECT request FROM queue",
    "SELECT request FROM schedule", "SELECT name FROM worker",
)  # fmt: skip


class World:
    """A probe of the engine, an HTTP server, a directory and whoever reads what is written, in one."""

    def __init__(self, folder, acting):
        self.folder = folder
        self.acting = acting
        self.shared = folder / "shared"
        self.shared.mkdir()
        self.data = folder / "data"
        self.left = folder / "left"
        self.sent = []
        self._numbers = {}
        self._lock = threading.RLock()

    # The engine's probe

    def called(self, _place, host, _name, _type):
        self._numbers[host.log.worker] = host.worker.name
        self.look()

    def added(self, worker, _index, entry):
        if isinstance(entry, ExportedFunctionInvoked) and self._numbers.get(worker) != self.acting:
            self.sent.append(entry.request.encode())
        self.look()

    def committed(self, _worker, _index):
        self.look()

    # Other eyes

    def written(self, _level, data):
        self.sent.append(data)
        self.look()

    def asked(self, part):
        self.sent.append(part)
        self.look()

    def look(self):
        with self._lock:
            if not self.left.exists() and self.seen(self.data):
                leave(self.data, self.left)

    def seen(self, data):
        """The tokens that somebody has seen, or can see in this data directory."""
        found = set()
        for piece in [*self.sent, *self._files(), *_readable(data / FILE)]:
            found |= set(TOKEN.findall(piece))
        return found

    def _files(self):
        for file in self.shared.rglob("*"):
            yield file.name.encode()
            if file.is_file():
                yield file.read_bytes()


def leave(data, target):
    """Make `target` the data directory that a process leaves behind that is killed now."""
    with copied(data) as copy:
        target.mkdir()
        (target / FILE).write_bytes((copy / FILE).read_bytes())
        (target / "components").symlink_to((data / "components").resolve())


def _readable(file):
    if not file.exists():
        return
    with closing(sqlite3.connect(file, timeout=30)) as connection:
        for query in _TABLES:
            for (value,) in connection.execute(query):
                yield value if isinstance(value, bytes) else str(value).encode()
        for (value,) in connection.execute("SELECT data FROM promise WHERE data IS NOT NULL"):
            yield base64.b64decode(json.loads(value)["base64"])


@contextmanager
def serving(world):
    """An HTTP server that looks before it answers; gives its authority."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            world.asked(self.path.encode())
            world.asked(self.rfile.read(int(self.headers.get("content-length", 0))))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_):
            """Quiet."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
