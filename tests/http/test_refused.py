"""Requests that make no sense: each library raises what its users know, never what a host says of a setter."""

from __future__ import annotations

import pytest

from durable_dsl.engine import Engine
from tests.components import built_once
from tests.http.test_libraries import FOLDER, plain  # noqa: F401 - a fixture

OURS, VALUE, UNICODE = "durable_dsl HttpInvalid", "builtins ValueError", "builtins UnicodeEncodeError"
INVALID_URL, LOCAL = "http InvalidURL", "httpx LocalProtocolError"
#: Path below the server, or URL; header and value; what each library raises: durable_dsl.http, httpx, requests, urllib.
SAME = {
    "a space": ("/a b", "", "", (OURS, "sent", "sent", INVALID_URL)),
    "a control character": ("/a\x01", "", "", (OURS, "httpx InvalidURL", "sent", INVALID_URL)),
    "a path beyond ASCII": ("/\xe9", "", "", (OURS, "sent", "sent", UNICODE)),
    "a port that is no number": ("http://x:y/", "", "", (OURS, "httpx InvalidURL", "requests InvalidURL", INVALID_URL)),
    "a port of other digits": (
        "http://x:\xb2/",
        "",
        "",
        (OURS, "httpx InvalidURL", "requests InvalidURL", INVALID_URL),
    ),
    "a header of two lines": ("/", "x", "1\n2", (OURS, LOCAL, "requests InvalidHeader", VALUE)),
    "a header beyond Latin-1": ("/", "x", "\u20ac", (OURS, UNICODE, UNICODE, UNICODE)),
}
#: What other servers might take, and a host does not; or what would wait for ever.
STRICTER = {
    "a header's name with a space": ("/", "x y", "1", (OURS, LOCAL, "requests InvalidHeader", VALUE)),
    "a port too large": ("http://127.0.0.1:99999/", "", "", (OURS, LOCAL, "requests InvalidURL", INVALID_URL)),
    "a length that is none": ("/", "content-length", "abc", (OURS, LOCAL, "sent", VALUE)),
    "a body that is too long": ("/", "content-length", "3", (OURS, LOCAL, "sent", "http HTTPException")),
    "a body that is too short": ("/", "content-length", "9", (OURS, LOCAL, "sent", "http HTTPException")),
}
LIBRARIES = ("durable_dsl.http", "httpx", "requests", "urllib")


@pytest.fixture(scope="module")
def worker(server, tmp_path_factory):
    component = built_once(FOLDER, tmp_path_factory)
    with Engine.open(tmp_path_factory.mktemp("refused"), allow_http=("*",), output=lambda *_: None) as engine:
        yield engine.worker("refused", engine.load(component))


@pytest.mark.parametrize("name", SAME)
def test_what_makes_no_sense_is_refused_as_in_plain_python(worker, plain, server, name):  # noqa: F811
    """The library's own exception, in a component and on the real network."""
    url, header, value, expected = SAME[name]
    url = f"{server.url}{url}" if url.startswith("/") else url

    assert list(expected) == [worker.invoke("refused", each, url, header, value) for each in LIBRARIES]
    assert list(expected) == [plain.refused(each, url, header, value) for each in LIBRARIES]


@pytest.mark.parametrize("name", STRICTER)
def test_what_a_host_has_no_form_for_is_refused_as_the_libraries_refuse(worker, server, name):
    """Nothing of it is sent; the worker goes on."""
    url, header, value, expected = STRICTER[name]
    url = f"{server.url}{url}" if url.startswith("/") else url
    seen = len(server.seen)

    assert list(expected) == [worker.invoke("refused", each, url, header, value) for each in LIBRARIES]
    assert len(server.seen) == seen + expected.count("sent")  # requests puts the right length in the place of any
