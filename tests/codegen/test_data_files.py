"""What a component reads of the app and its packages, and what the library imports late: there when it runs."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from durable_dsl.engine import Engine
from tests.components import built_once

APP = Path(__file__).parent / "apps" / "files"


class _Page(BaseHTTPRequestHandler):
    def do_GET(self):
        body = b"5 \x80"
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; charset=windows-1252")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_said):
        """Keep quiet."""


@pytest.fixture(scope="module")
def page():
    with HTTPServer(("127.0.0.1", 0), _Page) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def worker(tmp_path_factory):
    component = built_once(APP, tmp_path_factory)
    with Engine.open(tmp_path_factory.mktemp("data"), allow_http=("127.0.0.1",), output=lambda *_: None) as engine:
        yield engine.worker("files", engine.load(component))


def test_time_zones_come_from_tzdata(worker):
    """A package that nothing imports before it is read."""
    assert 7200.0 == worker.invoke("offset", "Europe/Berlin")


def test_data_files_of_the_app_are_read_in_every_way(worker):
    """By paths, from a folder that is no package of its own, by pkgutil, and as a listing."""
    assert ["3", "hello", "hello", "3", "prices.txt,words"] == worker.invoke("own")


def test_what_the_library_imports_late_is_there(worker):
    """The names in an archive, and an XML reader with its encoding."""
    assert ["a.txt", "€"] == worker.invoke("late")


def test_a_page_in_an_encoding_of_the_web_is_read(worker, page):
    """Its name stands in the answer alone."""
    assert "5 €" == worker.invoke("page", page)
