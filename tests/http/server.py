"""A server on loopback for requests of every kind: it echoes, redirects, compresses, is slow, and breaks off."""

from __future__ import annotations

import gzip
import json
import threading
import time
from collections import Counter
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class EchoServer:
    """`seen` are the paths that were asked for, `keys` the idempotency keys by path, in order."""

    def __init__(self):
        self.seen: list[str] = []
        self.keys: list[tuple[str, str | None]] = []
        self.counts: Counter[str] = Counter()
        self.slow = threading.Lock()
        self.under_way = self.most = 0
        echo = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self):
                path, _, query = self.path.partition("?")
                echo.seen.append(path)
                echo.keys.append((path, self.headers.get("idempotency-key")))
                echo.counts[path] += 1
                body = self.body()
                with suppress(BrokenPipeError, ConnectionResetError):
                    self.reply(path, query, body)

            def body(self):
                if self.headers.get("transfer-encoding", "").lower() != "chunked":
                    return self.rfile.read(int(self.headers.get("content-length", 0)))
                whole = b""
                while size := int(self.rfile.readline(), 16):
                    whole += self.rfile.read(size)
                    self.rfile.readline()
                self.rfile.readline()
                return whole

            def reply(self, path, query, body):
                if path == "/slow":
                    with echo.slow:
                        echo.under_way += 1
                        echo.most = max(echo.most, echo.under_way)
                    time.sleep(0.4)
                    with echo.slow:
                        echo.under_way -= 1
                if path == "/redirect":
                    return self.whole(302, b"", location="/echo?from=redirect")
                if path == "/cookie":
                    return self.whole(200, b"", **{"set-cookie": "a=1; Path=/"})
                if path == "/empty":
                    return self.whole(204, b"")
                if path == "/gzip":
                    return self.whole(200, gzip.compress(b"zipped"), **{"content-encoding": "gzip"})
                if path == "/big":
                    return self.whole(200, b"y" * 500_000)
                if path == "/short":
                    self.close_connection = True
                    return self.whole(200, b"short", short=5)
                if path == "/short-chunks":
                    self.close_connection = True
                    self.send_response(200)
                    self.send_header("transfer-encoding", "chunked")
                    self.end_headers()
                    self.wfile.write(b"5\r\nshort\r\n5\r\nsh")
                    return None
                told = {
                    "method": self.command,
                    "query": query,
                    "key": self.headers.get("idempotency-key"),
                    "cookie": self.headers.get("cookie"),
                    "test": self.headers.get("x-test"),
                    "count": echo.counts[path],
                    "body": body.decode() if len(body) < 100 else len(body),
                }
                if path in {"/echo", "/missing"}:
                    del told["count"]
                text = json.dumps(told).encode()
                return self.whole(404 if path == "/missing" else 200, text, **{"x-one": "1"})

            def whole(self, status, payload, *, short=0, **headers):
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                if status != 204:
                    self.send_header("content-length", str(len(payload) + short))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(payload)

            do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = answer

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self._server.server_port}"
        self.url = f"http://{self.address}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def clear(self):
        self.seen.clear()
        self.keys.clear()
        self.counts.clear()

    def close(self):
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def echo_server():
    server = EchoServer()
    try:
        yield server
    finally:
        server.close()
