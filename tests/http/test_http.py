"""durable_dsl.http gives the same in a component and in plain Python, and is durable in the component."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from durable_dsl import Err
from durable_dsl.engine import Engine, InvocationError
from durable_dsl.testing.building import component_of
from tests.engine.http_server import serving
from tests.engine.programs import command, run_command

APP = Path(__file__).parent / "app" / "fetcher.py"
KINDS = ["get", "post", "large", "missing", "late", "refused", "short", "stream", "left"]


class Handler(BaseHTTPRequestHandler):
    """Echoes; some paths are slow, large, or break off."""

    protocol_version = "HTTP/1.1"
    seen: ClassVar[list[str]] = []
    slow: ClassVar[threading.Lock] = threading.Lock()
    under_way = most = 0

    def answer(self):
        Handler.seen.append(self.path)
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        if self.path == "/slow":
            with Handler.slow:
                Handler.under_way += 1
                Handler.most = max(Handler.most, Handler.under_way)
            time.sleep(0.4)
            with Handler.slow:
                Handler.under_way -= 1
        told = {"path": self.path, "key": self.headers.get("idempotency-key"), "test": self.headers.get("x-test")}
        payload = json.dumps({**told, "body": body.decode() if len(body) < 100 else len(body)}).encode()
        if self.path == "/big":
            payload = b"y" * 500_000
        self.send_response(404 if self.path == "/missing" else 200)
        self.send_header("set-cookie", "a=1")
        self.send_header("set-cookie", "b=2")
        self.send_header("content-length", str(len(payload) + (5 if self.path == "/short" else 0)))
        self.end_headers()
        try:
            self.wfile.write(payload)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True
        if self.path == "/short":
            self.close_connection = True

    do_GET = do_POST = do_PUT = do_DELETE = answer

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def server():
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{httpd.server_port}"
        httpd.shutdown()


@pytest.fixture(scope="module")
def worker(server, tmp_path_factory):
    data = tmp_path_factory.mktemp("http")
    with Engine.open(data, allow_http=(server, "127.0.0.1:9"), output=lambda *_: None) as engine:
        yield engine.worker("fetcher", engine.load(component_of(APP)))


@pytest.fixture(scope="module")
def plain():
    spec = importlib.util.spec_from_file_location("fetcher", APP)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def in_plain_python(module, name, *arguments):
    try:
        result = getattr(module, name)(*arguments)
        return {"ok": asyncio.run(result) if asyncio.iscoroutine(result) else result}
    except Err as error:
        return {"err": error.value}


@pytest.mark.parametrize("name", ["blocking", "waiting"])
@pytest.mark.parametrize("kind", KINDS)
def test_component_and_plain_python_agree(worker, plain, server, kind, name):
    """Status, headers, body and errors of every kind of request, blocking and waiting."""
    base = f"http://{server}"
    expected = in_plain_python(plain, name, kind, base)

    assert expected == worker.invoke(name, kind, base)
    assert ("err" in expected) == (kind in {"late", "refused", "short"})


def test_requests_are_under_way_at_the_same_time(worker, server):
    """Where they may: the server has the next before it has answered the first."""
    Handler.most = 0
    worker.invoke("together", f"http://{server}", 4)

    assert Handler.most > 1


def test_a_recovery_sends_nothing_again(server, tmp_path):
    """What is recorded is answered from the oplog."""
    base = f"http://{server}"
    with Engine.open(tmp_path, allow_http=(server,), output=lambda *_: None) as engine:
        worker = engine.worker("fetcher", engine.load(component_of(APP)))
        first = worker.invoke("waiting", "get", base, idempotency_key="once")
    before = len(Handler.seen)
    with Engine.open(tmp_path, allow_http=(server,), output=lambda *_: None) as engine:
        again = engine.worker("fetcher")

        assert first == again.invoke("waiting", "get", base, idempotency_key="once")
        assert before == len(Handler.seen)
        assert {"ok": "500000"} == again.invoke("blocking", "stream", base)
        assert [*Handler.seen[:before], "/big"] == Handler.seen


def test_nothing_is_allowed_by_default(server, tmp_path):
    """The worker stops before anything of it is on record, the server sees nothing; what is allowed then is done."""
    before = len(Handler.seen)
    said = []
    with Engine.open(tmp_path, output=lambda _level, data: said.append(data)) as engine:
        worker = engine.worker("fetcher", engine.load(component_of(APP)))
        with pytest.raises(InvocationError) as raised:
            worker.invoke("blocking", "get", f"http://{server}", idempotency_key="k")

        assert ("NotGranted", before) == (raised.value.type, len(Handler.seen))
        assert b"".join(said).endswith(f"durable-dsl worker grant fetcher --allow-http {server}\n".encode())
        worker.grant(allow_http=[server])
        assert "ok" in worker.invoke("blocking", "get", f"http://{server}", idempotency_key="k")
    assert before + 1 == len(Handler.seen)


def test_a_time_out_around_a_request_that_a_crash_cut_off(tmp_path):
    """It is sent again beside the guest, whose time goes on meanwhile; nobody waits for the response."""
    with serving() as server:
        call = ("run", str(component_of(APP)), "waiting", "limited", server.url, "--worker", "w")
        options = ("--idempotency-key", "k", "--allow-http", server.authority)
        first = subprocess.Popen(command(tmp_path, *call, *options), stderr=subprocess.DEVNULL)
        assert server.arrived.wait(300)
        first.kill()
        first.wait()
        started = time.monotonic()
        again = run_command(tmp_path, *call, *options)

        assert {"ok": "too slow"} == json.loads(again.stdout), again.stderr
        assert 35 > time.monotonic() - started
        assert 2 == server.requests["GET /slow/40"]
