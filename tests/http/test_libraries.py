"""httpx, requests and urllib, unmodified: the same in a component as on the real network, errors included."""

from __future__ import annotations

import asyncio
import importlib.util
from pathlib import Path

import pytest

from durable_dsl.engine import Engine, InvocationError
from tests.components import built_once

FOLDER = Path(__file__).parent / "libraries"
KINDS = (
    *("get", "post", "pieces", "large", "missing", "head", "empty", "redirect", "cookies", "gzip", "stream", "left"),
    *("late", "refused", "short", "short chunks", "tls"),
)
#: What urllib does not do by itself.
NOT_URLLIB = {"gzip", "pieces"}
CASES = [
    *(("httpx", kind) for kind in (*KINDS, "retried")),
    *(("httpx async", kind) for kind in KINDS),
    *(("requests", kind) for kind in KINDS),
    *(("urllib", kind) for kind in KINDS if kind not in NOT_URLLIB),
]


@pytest.fixture(scope="module")
def component(tmp_path_factory):
    return built_once(FOLDER, tmp_path_factory)


@pytest.fixture(scope="module")
def worker(server, component, tmp_path_factory):
    data = tmp_path_factory.mktemp("libraries")
    with Engine.open(data, allow_http=("127.0.0.1",), output=lambda *_: None) as engine:
        yield engine.worker("libraries", engine.load(component))


@pytest.fixture(scope="module")
def plain():
    spec = importlib.util.spec_from_file_location("libraries", FOLDER / "libraries.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(("library", "kind"), CASES)
def test_libraries_do_the_same_in_a_component(worker, plain, server, library, kind):
    """Bodies both ways, redirects, cookies, compression, time-outs, and the exceptions that users expect."""
    if library == "httpx async":
        expected = asyncio.run(plain.told_async(kind, server.url))
        actual = worker.invoke("told-async", kind, server.url)
    else:
        expected = plain.told(library, kind, server.url)
        actual = worker.invoke("told", library, kind, server.url)

    assert expected == actual
    assert expected.startswith("raised") == (kind in {"late", "refused", "retried", "short", "short chunks", "tls"})


def test_packages_tell_their_versions(worker, plain):
    """Those that are in the component, by any spelling of the name; no other."""
    for said in (plain.told, lambda *call: worker.invoke("told", *call)):
        assert "0.28." == said("metadata", "httpx", "")[:5]
        assert said("metadata", "Charset.Normalizer", "")[0].isdigit()
        assert "raised PackageNotFoundError" == said("metadata", "nothing", "")


def test_names_are_looked_up_beside_the_libraries(component, tmp_path):
    """What the import of one of them asks of sockets in the build is not frozen into the component."""
    with Engine.open(tmp_path, allow_http=("localhost",)) as engine:
        found = engine.worker("w", engine.load(component)).invoke("told", "looked up", "localhost", "")

    assert found in {"127.0.0.1", "::1"}


def test_a_refused_request_leaves_no_complaint(component, tmp_path):
    """There never was a response; its finalizer says nothing of that on stderr."""
    shown = []
    with Engine.open(tmp_path, allow_http=("127.0.0.1",), output=lambda _, data: shown.append(data)) as engine:
        worker = engine.worker("w", engine.load(component))
        for library in ("requests", "urllib"):
            worker.invoke("refused", library, "http://127.0.0.1:1/", "x y", "1")

    assert b"" == b"".join(shown)


@pytest.mark.parametrize("library", ["httpx", "httpx async", "requests", "urllib"])
def test_a_denied_host_stops_the_worker(server, component, tmp_path, library):
    """No library gets to see it as an error; nothing reaches the server, and once it is allowed the worker goes on."""
    before = len(server.seen)
    call = ("told-async", "get") if library == "httpx async" else ("told", library, "get")
    with Engine.open(tmp_path, output=lambda *_: None) as engine:
        worker = engine.worker("libraries", engine.load(component))
        with pytest.raises(InvocationError, match=f"--allow-http {server.address}") as raised:
            worker.invoke(*call, server.url, idempotency_key="k")
        assert ("NotGranted", before) == (raised.value.type, len(server.seen))
        worker.grant(allow_http=[server.address])

        assert not worker.invoke(*call, server.url, idempotency_key="k").startswith("raised")
    assert before < len(server.seen)


def test_gathered_requests_that_are_denied(server, component, tmp_path):
    """None of the tasks is told of it; all are under way at the same time when the worker goes on."""
    server.most = 0
    with Engine.open(tmp_path, allow_http=["127.0.0.1:1"], output=lambda *_: None) as engine:
        worker = engine.worker("libraries", engine.load(component))
        with pytest.raises(InvocationError, match="NotGranted"):
            worker.invoke("together-in", server.url, 4, "overlapping", idempotency_key="k")
        assert 0 == server.most
        worker.grant(allow_http=[server.address])
        worker.invoke("together-in", server.url, 4, "overlapping", idempotency_key="k")

    assert server.most > 1


@pytest.mark.parametrize("way", ["httpx", "requests", "urllib"])
def test_what_a_traceback_keeps_open_is_closed_with_the_export(server, component, tmp_path, way):
    """A later recovery finds every request finished, and sends none again."""
    server.clear()
    with Engine.open(tmp_path, allow_http=("127.0.0.1",), output=lambda *_: None) as engine:
        worker = engine.worker("libraries", engine.load(component))
        assert {"err": "left open"} == worker.invoke("left-open", server.url, way)
        kinds = [record.kind for record in worker.oplog()]
    with Engine.open(tmp_path, allow_http=("127.0.0.1",), output=lambda *_: None) as engine:
        assert "HTTPException" not in engine.worker("libraries").invoke("told", "urllib", "get", server.url)

    assert kinds.count("begin-remote-write") == kinds.count("end-remote-write") == 2
    assert ["/big", "/after", "/echo"] == server.seen


@pytest.mark.guarantee("HTTP-2")
def test_a_made_key_is_the_same_on_each_attempt(server, component, tmp_path):
    """Equal requests in a region that fails twice have two keys, which stay what they are; other calls have others."""
    server.clear()
    with Engine.open(tmp_path, allow_http=("127.0.0.1",), output=lambda *_: None) as engine:
        worker = engine.worker("libraries", engine.load(component))
        first = worker.invoke("keyed", server.url, 2).split()
        second = worker.invoke("keyed", server.url, 0).split()
    keys = [key for path, key in server.keys if path == "/keyed/same"]

    assert [*first[1:] * 3, *second[1:]] == keys
    assert 6 == len({*first, *second})
