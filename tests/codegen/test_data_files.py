"""What a component reads of the app and its packages, and what the library imports late: there when it runs."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from durable_codegen.app.data_files import data_faults
from durable_codegen.build import build
from durable_codegen.faults import BuildFailed
from durable_codegen.project.config import resolve
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


def test_data_files_are_opened_by_their_paths(worker):
    """Beside the module that opens them, as a listing, for reading only; what is not there is not."""
    found = worker.invoke("by-path")

    assert ["3", "hello", "prices.txt,words", "hello.txt,prices.txt", "1 True False"] == found[:5]
    assert ["r: FileNotFoundError", "w: FileNotFoundError"] == found[5:]


def test_other_paths_are_the_hosts(worker):
    """Among them the folder that a worker has to itself."""
    assert "kept" == worker.invoke("own-files")


def test_jinja_and_yaml_run_without_their_native_code(worker):
    """Templates are found by package and by path, and texts are escaped."""
    pages = worker.invoke("rendered", "prices: {tea: 3, '<b>': 4}")

    assert ["<tea: 3><&lt;b&gt;: 4>", "<tea: 3><&lt;b&gt;: 4>", "not there"] == pages


@pytest.mark.parametrize(("size", "code", "severity"), [(900_000, None, None), (1_200_000, "DSL308", "note")])
def test_a_build_says_how_much_data_it_takes(tmp_path, size, code, severity):
    """From a megabyte on."""
    (tmp_path / "big.bin").write_bytes(bytes(size))
    (tmp_path / "code.py").write_bytes(bytes(size))
    found = list(data_faults([tmp_path], 32.0))

    assert ([] if code is None else [(code, severity)]) == [(each.code, each.severity) for each in found]


def test_too_much_data_is_refused_with_the_largest_files(tmp_path):
    """By a limit that is a setting."""
    app = tmp_path / "heavy"
    app.mkdir()
    (app / "__init__.py").write_text(
        "from durable_dsl import export\n\nHERE = __file__\n\n\n@export\ndef f() -> None: ...\n"
    )
    (app / "model.bin").write_bytes(bytes(2_500_000))
    (app / "words.txt").write_text("a word")
    (tmp_path / "pyproject.toml").write_text("[tool.durable-dsl]\napp = 'heavy'\ndata-limit = 2\n")
    with pytest.raises(BuildFailed) as raised:
        build(resolve({}, environment={}, folder=tmp_path))

    (fault,) = raised.value.faults
    assert "DSL307" == fault.code
    assert "the data files of the app and its packages have 2.5 MB, more than 2" == fault.message
    assert fault.detail.startswith("The largest: heavy/model.bin (2.5 MB), heavy/words.txt")


def test_what_the_library_imports_late_is_there(worker):
    """The names in an archive, and an XML reader with its encoding."""
    assert ["a.txt", "€"] == worker.invoke("late")


def test_a_page_in_an_encoding_of_the_web_is_read(worker, page):
    """Its name stands in the answer alone."""
    assert "5 €" == worker.invoke("page", page)
