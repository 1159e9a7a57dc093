"""The site that the crawler's tests read: a real server on loopback, which remembers what it was asked for."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PAGES = {
    "/": ("Home", ["/a", "/b", "/c#top", "https://elsewhere.example/"]),
    "/a": ("A", ["/", "/a/1", "/a/2"]),
    "/a/1": ("A1", ["/a"]),
    "/a/2": ("A2", ["/missing"]),
    "/b": ("B", ["/moved"]),
    "/c": ("C", []),
    "/moved": ("", []),
    "/new": ("New", ["/"]),
}


class Site:
    """`asked` are the paths that were asked for, `most` how many at once; each answer takes `delay` seconds."""

    def __init__(self, delay: float = 0.0) -> None:
        self.asked: list[str] = []
        self.most = 0
        counting, under_way = threading.Lock(), 0
        site = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                nonlocal under_way
                site.asked.append(self.path)
                with counting:
                    under_way += 1
                    site.most = max(site.most, under_way)
                time.sleep(delay)
                with counting:
                    under_way -= 1
                title, links = PAGES.get(self.path, ("Not found", []))
                text = f"<title>{title}</title>" + "".join(f'<a href="{link}">{link}</a>' for link in links)
                self.send_response(301 if self.path == "/moved" else 200 if self.path in PAGES else 404)
                if self.path == "/moved":
                    self.send_header("location", "/new")
                self.send_header("content-type", "text/html; charset=utf-8")
                self.send_header("content-length", str(len(text)))
                self.end_headers()
                with suppress(BrokenPipeError, ConnectionResetError):  # who asked may have been killed meanwhile
                    self.wfile.write(text.encode())

            def log_message(self, *_: object) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self._server.server_port}"
        self.url = f"http://{self.address}/"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
