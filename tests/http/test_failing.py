"""The way of a failure: whatever is open, and whoever lets go of it, the host only writes the traceback."""

from __future__ import annotations

import pytest

from durable_dsl.engine import Engine, InvocationError, api
from durable_dsl.engine.interfaces.registry import lookup
from tests.components import built_once
from tests.http.test_libraries import FOLDER

SYNCHRONOUS = (
    *("durable_dsl stream", "httpx stream", "requests stream", "requests without a block", "urllib"),
    *("urllib without a block", "a body that fails", "a region", "finally"),
)
TASKS = ("gather", "a task group", "a task left alone", "a time-out around", "a stream")
#: What writing on stderr takes.
WRITING = {
    "wasi:cli/stderr#get-stderr",
    "wasi:io/streams#[method]output-stream.check-write",
    "wasi:io/streams#[method]output-stream.write",
    "wasi:io/streams#[method]output-stream.blocking-write-and-flush",
    "wasi:io/streams#[method]output-stream.blocking-flush",
    "wasi:io/streams#[resource-drop]output-stream",
}


@pytest.fixture(scope="module")
def component(tmp_path_factory):
    return built_once(FOLDER, tmp_path_factory)


@pytest.fixture
def asked(monkeypatch):
    """The functions of the host that a component calls, drops of resources included, in order."""
    names = []

    def noting(interface, function, version):
        implementation = lookup(interface, function, version)
        if implementation is None and not function.startswith("[resource-drop]"):
            return None

        def noted(*arguments):
            names.append(f"{interface}#{function}")
            return None if implementation is None else implementation(*arguments)

        return noted

    monkeypatch.setattr(api, "lookup", noting)
    return names


@pytest.mark.guarantee("HOST-4")
@pytest.mark.parametrize("way", [*SYNCHRONOUS, *TASKS])
def test_a_failure_asks_the_host_for_nothing_but_the_traceback(asked, server, component, tmp_path, way):
    """Nothing is closed, dropped or read, no file is looked at: not by us, by tasks, by `with` or by finalizers."""
    with Engine.open(tmp_path, allow_http=("127.0.0.1",), output=lambda *_: None) as engine:
        worker = engine.worker("w", engine.load(component))
        with pytest.raises(InvocationError, match=r"a failure|errors in a TaskGroup"):
            worker.invoke("fails" if way in SYNCHRONOUS else "fails-async", server.url, way)
        kinds = [record.kind for record in worker.oplog()]
    last = max(at for at, name in enumerate(asked) if name == "wasi:clocks/monotonic-clock#now")

    assert set(asked[last + 1 :]) <= WRITING, asked[last + 1 :]
    if way in SYNCHRONOUS and way != "a region":  # which begins with nothing open
        assert kinds.count("begin-remote-write") > kinds.count("end-remote-write")
