"""A component in Rust: its standard library, WASI 0.2, Golem's API and resources, as a stranger writes them.

It is built from `rust/` in a temporary folder, with the crates that Cargo brings.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from durable_dsl.engine import Engine, InvocationError
from durable_dsl.testing import effect_server
from tests.components import alone, shared
from tests.engine.programs import Shown, command, opened, run_command
from tests.foreign.waiting import until

pytestmark = [pytest.mark.exhaustive, pytest.mark.durable(sample=40, real=0.25)]

SOURCE = Path(__file__).parent / "rust"
TARGET = "wasm32-wasip2"
DAY = 24 * 3600 * 1000


@pytest.fixture(scope="module")
def depot(tmp_path_factory):
    """The component, built once in a test run."""
    if shutil.which("cargo") is None or shutil.which("rustc") is None:
        pytest.skip("cargo is not installed; the component is built with Rust")
    libraries = subprocess.run(
        ["rustc", "--print", "target-libdir", "--target", TARGET], capture_output=True, text=True, check=False
    )
    if libraries.returncode or not Path(libraries.stdout.strip()).is_dir():
        pytest.skip(f"Rust's target {TARGET} is not installed: rustup target add {TARGET}")
    folder = shared(tmp_path_factory) / "foreign-rust"
    with alone(folder.with_suffix(".lock")):
        if not (folder / "depot.wasm").exists():
            shutil.copytree(SOURCE, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("target"))
            _build(folder)
    return folder / "depot.wasm"


def _build(folder: Path) -> None:
    fetched = subprocess.run(["cargo", "fetch"], cwd=folder, capture_output=True, text=True, check=False)
    if fetched.returncode:
        pytest.skip(f"cargo cannot bring the crates: {fetched.stderr.strip()[-300:]}")
    cargo = ["cargo", "build", "--release", "--target", TARGET, "--target-dir", "target"]
    ended = subprocess.run(cargo, cwd=folder, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    shutil.copy(folder / "target" / TARGET / "release" / "depot.wasm", folder / "depot.wasm")


@pytest.fixture
def server():
    with effect_server() as running:
        yield running


def test_what_an_order_asks_for(depot, server, tmp_path):
    """Each once, but for the request that it goes back to."""
    with opened(tmp_path, allow_http=[server.address]) as engine:
        answer = engine.worker("w", engine.load(depot)).invoke("order", server.address)

    assert {"ok": "2"} == answer
    assert {"reserve": 1, "charge": 1, "ship": 1, "mail": 1, "poll": 2} == server.effects()


def test_requests_and_regions_survive_a_crash_anywhere(crash_driver, depot, server):
    """One request may be sent again, a region as a whole, what is not idempotent never."""
    crash_driver.run(
        depot, "order", server.address, effects=server.effects, before_each=server.clear,
        expect={"mail": (0, 1), "poll": (0, 3)}, allow_http=[server.address], same=lambda _expected, _actual: True,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("export", "arguments"),
    [("notes", []), ("nap", [DAY]), ("reversed", [b"abc"]), ("fails", ["panic"]), ("fails", ["exit"])],
)
def test_other_calls_survive_a_crash_anywhere(crash_driver, depot, export, arguments):
    """Files, clocks, random hash maps, sleeps, panics and exits of the standard library."""
    same = {"notes": lambda _expected, _actual: True, "nap": lambda expected, actual: abs(actual - expected) < 60_000}
    crash_driver.run(depot, export, *arguments, same=same.get(export))


def test_promises_survive_a_crash_anywhere(crash_driver, depot):
    """Made, awaited without an instance, completed from outside."""
    crash_driver.run(depot, "ask", answers=[b"granted"])


def test_resources_live_as_long_as_their_worker(depot, tmp_path):
    """By handle and by what they were made with, in one process and the next."""
    with opened(tmp_path) as engine:
        worker = engine.worker("w", engine.load(depot))
        tally = worker.invoke("[constructor]tally", "tea")
        assert 3 == worker.invoke("[method]tally.add", tally, 3)
        assert 1 == worker.invoke('stock#tally("salt").add', 1)
    with opened(tmp_path) as engine:
        worker = engine.worker("w", engine.load(depot))

        assert 5 == worker.invoke("[method]tally.add", tally, 2)
        assert 8 == worker.invoke('stock#tally("salt").add', 7)
        assert 2 == worker.invoke("[static]tally.all")


def test_big_values(depot, tmp_path):
    """Ten million bytes in and out."""
    data = bytes(range(250)) * 40_000
    with opened(tmp_path) as engine:
        assert data[::-1] == engine.worker("w", engine.load(depot)).invoke("reversed", data)


def test_a_snapshot_moves_a_worker_to_another_build(depot, tmp_path):
    """Its own `save` and `load` are called; handles do not move."""
    other = tmp_path / "depot.wasm"
    other.write_bytes(depot.read_bytes() + b"\x00\x06\x05other")  # one more custom section
    data = tmp_path / "data"
    with opened(data) as engine:
        worker = engine.worker("w", engine.load(depot))
        worker.invoke('stock#tally("tea").add', 4)
    done = run_command(data, "worker", "update", "w", str(other), "--snapshot")

    assert 0 == done.returncode, done.stderr
    with opened(data) as engine:
        worker = engine.worker("w")
        assert ("idle", 1) == (worker.status, worker.version)
        assert 1 == worker.invoke("[static]tally.all")


@pytest.mark.parametrize(
    ("how", "kind", "message"),
    [
        ("panic", "panic", "the shelf is empty"),
        ("exit", "Exit", "exit status 1"),  # a WASI exit has no other
        ("memory", "Trap", "memory allocation of"),
        ("recursion", "RecursionError", "call stack is exhausted"),
    ],
)
def test_how_it_ends(depot, tmp_path, how, kind, message):
    """In Rust's own words, and nothing that it said is lost."""
    with opened(tmp_path, output=(shown := Shown()), max_memory=200 << 20) as engine:
        with pytest.raises(InvocationError, match=message) as caught:
            engine.worker("w", engine.load(depot)).invoke("fails", how)

    assert kind == caught.value.type
    assert ("closing early" in shown.text) == (how == "exit")


def test_a_socket_is_refused(depot, tmp_path):
    """Permission denied for the guest; whoever runs it is told what to use instead."""
    with opened(tmp_path, output=(shown := Shown())) as engine:
        answer = engine.worker("w", engine.load(depot)).invoke("fails", "socket")

    assert "ermission denied" in answer["err"]
    assert "refused: a TCP socket" in shown.text


def test_a_killed_process_goes_on_where_it_was(depot, tmp_path):
    """The same command again finishes the sleep, with a fresh process."""
    data = tmp_path / "data"
    with Engine.open(data) as engine:
        engine.load(depot)  # compiled before anything is timed
    call = ("run", str(depot), "nap", "3000", "--worker", "w", "--idempotency-key", "k")
    first = subprocess.Popen(command(data, *call), stdout=subprocess.DEVNULL)
    try:
        until(lambda: begun(data))
    finally:
        first.send_signal(signal.SIGKILL)
        first.wait()
    again = run_command(data, *call)

    assert 0 == again.returncode, again.stderr
    assert 3000 <= int(again.stdout) < 30_000


def begun(data: Path) -> bool:
    """Whether the invocation is on disk."""
    shown = run_command(data, "worker", "oplog", "w")
    return "exported-function-invoked" in shown.stdout
