"""durable_dsl.http in plain Python, against a real server on loopback."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from durable_dsl import http
from durable_dsl.errors import HttpConnectionError, HttpStatusError, HttpTimeout

#: Lets requests go on when three of them are under way.
THREE = threading.Barrier(3)


class Handler(BaseHTTPRequestHandler):
    """Says what it was asked; some paths misbehave."""

    protocol_version = "HTTP/1.1"

    def answer(self):
        length = int(self.headers.get("content-length", 0))
        body = self.rfile.read(length).decode()
        if self.path == "/slow":
            time.sleep(0.5)
        if self.path == "/together":
            THREE.wait(300)
        status = 404 if self.path == "/missing" else 200
        told = {"method": self.command, "path": self.path, "headers": dict(self.headers.items()), "body": body}
        payload = json.dumps(told).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Set-Cookie", "a=1")
        self.send_header("Set-Cookie", "b=2")
        self.send_header("Content-Length", str(len(payload) + (9 if self.path == "/short" else 0)))
        self.end_headers()
        self.wfile.write(payload)
        if self.path == "/short":
            self.close_connection = True

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = answer

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def server():
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{httpd.server_port}"
        httpd.shutdown()


def test_get_with_query(server):
    """Parameters join the query that the URL has."""
    response = http.get(f"{server}/a?x=1", params={"y": ["2", "3"]}, headers={"X-One": "1"})

    assert (200, True) == (response.status, response.ok)
    assert "/a?x=1&y=2&y=3" == response.json()["path"]
    assert "1" == response.json()["headers"]["x-one"]


def test_an_unknown_option_is_refused(server):
    """What other libraries call the body is not left out without a word."""
    with pytest.raises(TypeError, match="a request has no option 'data'; the body goes in content, or as JSON in json"):
        http.post(server, data=b"lost")


def test_post_json_with_an_idempotency_key(server):
    """JSON and key become body and headers."""
    told = http.post(server, json={"cents": 1}, idempotency_key="k-1").json()

    assert ("POST", "/", '{"cents":1}') == (told["method"], told["path"], told["body"])
    assert "k-1" == told["headers"]["idempotency-key"]
    assert "application/json" == told["headers"]["content-type"]


def test_repeated_headers_are_kept(server):
    """As a list of pairs; the mapping joins them."""
    response = http.put(server, content="x")

    assert ["a=1", "b=2"] == [value for name, value in response.header_list if name == "set-cookie"]
    assert "a=1, b=2" == response.headers["set-cookie"]


def test_status_errors_are_asked_for(server):
    """A 404 is a response; `raise_for_status` makes it an error."""
    response = http.delete(f"{server}/missing")

    assert 404 == response.status
    with pytest.raises(HttpStatusError, match=r"DELETE http://127.0.0.1:\d+/missing: status 404") as caught:
        response.raise_for_status()
    assert 404 == caught.value.status


def test_timeout_is_a_timeout_error(server):
    """What one would catch already."""
    with pytest.raises(HttpTimeout) as caught:
        http.get(f"{server}/slow", timeout="100ms")

    assert isinstance(caught.value, TimeoutError)


def test_connection_errors(server):
    """Nobody listens; the body breaks off."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    with pytest.raises(HttpConnectionError):
        http.get(f"http://127.0.0.1:{port}/")
    with pytest.raises(HttpConnectionError):
        http.patch(f"{server}/short")


def test_async_requests_run_at_the_same_time(server):
    """Each of three is answered only when all of them are there."""

    async def three():
        return await asyncio.gather(*(http.aget(f"{server}/together", timeout="1m") for _ in range(3)))

    responses = asyncio.run(three())

    assert [200] * 3 == [response.status for response in responses]


def test_streams(server):
    """The body in pieces, blocking and not."""

    async def pieces():
        async with http.astream("GET", server) as response:
            return b"".join([piece async for piece in response.raise_for_status()])

    with http.stream("GET", server) as response:
        assert "GET" == json.loads(b"".join(response))["method"]
    assert "GET" == json.loads(asyncio.run(pieces()))["method"]


@pytest.mark.parametrize("url", ["ftp://host/", "host/path", "http://"])
def test_nonsense_is_refused_before_it_is_sent(url):
    """ValueError names the URL."""
    with pytest.raises(ValueError, match="not an http"):
        http.get(url)


def test_content_and_json_exclude_each_other():
    """One body."""
    with pytest.raises(ValueError, match="not both"):
        http.post("http://host/", json=1, content=b"")
