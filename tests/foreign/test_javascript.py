"""A component that componentize-js makes of JavaScript: the engine knows nothing of its language.

It is built from `javascript/` with Node's packages, in a temporary folder.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from durable_dsl.engine import Engine, InvocationError
from durable_dsl.testing import effect_server
from tests.components import alone, shared
from tests.engine.programs import Shown, command, opened
from tests.foreign.waiting import until

pytestmark = [pytest.mark.exhaustive, pytest.mark.durable(sample=24, real=0.25)]

SOURCE = Path(__file__).parent / "javascript"
DAY = 24 * 3600 * 1000


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """The component, built once in a test run."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not installed: it brings componentize-js")
    folder = shared(tmp_path_factory) / "foreign-javascript"
    with alone(folder.with_suffix(".lock")):
        if not (folder / "shop.wasm").exists():
            shutil.copytree(SOURCE, folder, dirs_exist_ok=True)
            installed = subprocess.run(
                [npm, "install", "--no-audit", "--no-fund"], cwd=folder, capture_output=True, text=True, check=False
            )
            if installed.returncode:
                pytest.skip(f"npm cannot install componentize-js: {installed.stderr.strip()[-300:]}")
            subprocess.run([npm, "run", "build"], cwd=folder, check=True, capture_output=True)
    return folder / "shop.wasm"


@pytest.fixture
def server():
    with effect_server() as running:
        yield running


def any_result(_expected, _actual):
    """For results that hold a time, or how often the server was asked."""
    return True


@pytest.mark.parametrize("export", ["place", "once", "attempts"])
def test_requests_and_regions_survive_a_crash_anywhere(crash_driver, server, shop, export):
    """Atomic regions, commits, idempotence mode and jumps of golem:api; `fetch` is wasi:http."""
    arguments = [server.url, "o-1"] if export == "place" else [server.url]
    crash_driver.run(
        shop, export, *arguments,
        effects=server.effects, before_each=server.clear, allow_http=[server.address], same=any_result,
    )  # fmt: skip


def test_a_body_that_is_read_in_pieces_survives_a_crash_anywhere(crash_driver, server, shop):
    """A stream is read again from its beginning where its end is not on record."""
    crash_driver.run(
        shop, "size-of", f"{server.url}/file",
        effects=server.effects, before_each=server.clear, allow_http=[server.address],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("export", "arguments"), [("nap", [DAY]), ("timers", []), ("remember", ["a"]), ("fails", ["error"]), ("drawn", [])]
)
def test_calls_without_requests_survive_a_crash_anywhere(crash_driver, shop, export, arguments):
    """Timers, clocks, random numbers, the key-value store, and failures."""
    same = {"drawn": any_result, "nap": lambda expected, actual: abs(actual - expected) < 60_000}
    crash_driver.run(shop, export, *arguments, same=same.get(export))


def test_a_promise_survives_a_crash_anywhere(crash_driver, shop):
    """It is completed from outside while the worker is suspended."""
    crash_driver.run(shop, "approval", answers=[b"granted"])


def test_what_a_worker_did_is_the_same_after_it_lost_its_instance(shop, tmp_path):
    """Resources by name, a day of sleep, values of every kind; and nothing of it in the output again."""
    with opened(tmp_path, output=(shown := Shown())) as engine:
        worker = engine.worker("w", engine.load(shop))
        worker.invoke('judge:shop/api#counter("c1").inc-by', 5)
        before = (worker.invoke("drawn"), worker.invoke("nap", DAY), worker.invoke("timers"), worker.invoke("check", 0))
        worker.simulate_crash()
        worker.invoke('judge:shop/api#counter("c1").inc-by', 2)
        value = worker.invoke('judge:shop/api#counter("c1").get')
        again = worker.invoke("drawn")

    (time_drawn, number, _), slept, timers, refused = before
    assert 7 == value
    assert DAY <= slept < DAY + 60_000
    assert ["timer 1", "timer 2", "timer 3"] == timers
    assert {"err": "sold out"} == refused
    assert time_drawn + DAY <= again[0]
    assert number != again[1]
    assert "c1 is 5\nc1 is 7\n" == shown.text


def test_requests_that_nobody_read_are_not_sent_again_after_their_invocation(shop, server, tmp_path):
    """They stay open in the oplog, for the garbage collector never came to them; but their invocation is complete."""
    with opened(tmp_path, allow_http=[server.address]) as engine:
        worker = engine.worker("w", engine.load(shop))
        assert 400 == worker.invoke("glance", server.url)
        worker.simulate_crash()
        assert 400 == worker.invoke("glance", server.url)

    assert {"first": 2, "second": 2} == server.effects()


@pytest.mark.parametrize(
    ("how", "message", "frame"),
    [
        ("error", "no such article", "at fails (shop.js:"),
        ("bug", 'can\'t access property "price" of undefined', "at fails (shop.js:"),
        ("object", "({code:42})", "Error: ({code:42})"),
    ],
)
def test_what_is_thrown_is_the_failure(shop, tmp_path, how, message, frame):
    """The text and the frames of JavaScript, none of WebAssembly, none of componentize-js."""
    with opened(tmp_path, output=(shown := Shown())) as engine, pytest.raises(InvocationError) as caught:
        engine.worker("w", engine.load(shop)).invoke("fails", how)

    error = caught.value
    assert ("Error", message) == (error.type, error.message)
    assert frame in error.traceback
    assert "wasm" not in error.traceback
    assert "initializer.js" not in error.traceback
    assert f"about to fail\n{message}\n" == shown.text


def test_memory_is_bounded(shop, tmp_path):
    """JavaScript says itself that it has none left."""
    with opened(tmp_path, max_memory=200 << 20) as engine, pytest.raises(InvocationError, match="memory"):
        engine.worker("w", engine.load(shop)).invoke("fails", "memory")


def test_a_killed_process_goes_on_where_it_was(shop, server, tmp_path):
    """The same command again finishes it: each request is sent once, the sleep in between is not cut short."""
    with Engine.open(tmp_path) as engine:
        engine.load(shop)  # compiled before anything is timed
    arguments = [
        "run", str(shop), "place", server.url, "o-1",
        "--worker", "w", "--idempotency-key", "k", "--allow-http", server.address,
    ]  # fmt: skip
    first = subprocess.Popen(command(tmp_path, *arguments), stdout=subprocess.DEVNULL)
    try:
        until(lambda: {"charge": 1, "mail": 1} == server.effects() and _suspended(tmp_path))
    finally:
        first.send_signal(signal.SIGKILL)
        first.wait()

    with opened(tmp_path, allow_http=[server.address]) as engine:  # skips the minute
        assert "o-1" == engine.worker("w").invoke("place", server.url, "o-1", idempotency_key="k")
    assert {"charge": 1, "mail": 1, "done": 1} == server.effects()


def _suspended(data: Path) -> bool:
    listed = subprocess.run(
        [sys.executable, "-m", "durable_dsl", "worker", "list", "--status", "suspended", "--data", str(data)],
        capture_output=True,
        text=True,
        check=False,
    )
    return "suspended" in listed.stdout
