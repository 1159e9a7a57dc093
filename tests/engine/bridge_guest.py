"""The guest of the bridge's tests, built once per content and kept in a temporary folder, and a host for it."""

from __future__ import annotations

import functools
import hashlib
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from durable_dsl.engine.bridge.calls import Instance
from durable_dsl.engine.bridge.component import load
from durable_dsl.engine.bridge.imports import ImportSet
from tests.components import alone

SOURCES = Path(__file__).parents[1] / "guests" / "bridge"
CACHE = Path(tempfile.gettempdir()) / "durable-dsl-tests"
SHAPES = "tests:bridge/shapes@1.2.0"


@functools.cache
def built() -> Path:
    """The component file."""
    parts = [path.read_bytes() for path in sorted(SOURCES.iterdir()) if path.is_file()]
    target = CACHE / f"bridge-{hashlib.sha256(b'|'.join(parts)).hexdigest()[:16]}.wasm"
    CACHE.mkdir(parents=True, exist_ok=True)
    with alone(target.with_suffix(".lock")), tempfile.TemporaryDirectory(dir=CACHE) as empty:
        if not target.exists():
            output = Path(empty) / "bridge.wasm"
            command = [Path(sys.executable).with_name("componentize-py"), "-d", SOURCES / "world.wit", "-w", "bridge"]
            command += ["componentize", "app", "-p", SOURCES, "-o", output]
            environment = {**os.environ, "VIRTUAL_ENV": empty, "PYTHONDONTWRITEBYTECODE": "1"}
            subprocess.run(command, check=True, capture_output=True, env=environment)
            output.replace(target)
    return target


@functools.cache
def loaded(*, interruptible=False):
    """The component, its machine code from a cache that all test runs share."""
    return load(built(), CACHE / "compiled", interruptible=interruptible)


class Stream:
    """Stands for stdin, stdout and stderr."""


class Cursor:
    """A host resource that counts up."""

    def __init__(self, start):
        self.at = start

    def next(self):
        self.at += 1
        return self.at - 1


class Host:
    """What one instance's host calls see, and what they did."""

    def __init__(self, mirror=None):
        self.seen = []
        self.output = b""
        self.dropped = []
        self.slept = []
        self.calls = 0
        self.mirror = mirror or (lambda _name, value: value)
        self.on_noop = lambda: None

    def noop(self):
        self.calls += 1
        self.on_noop()

    def fail(self, how):
        if isinstance(how, str) and how in FAILURES:
            raise FAILURES[how]

    def write(self, _stream, data):
        self.output += data
        return {"ok": None}

    def subscribe(self, nanoseconds):
        self.slept.append(nanoseconds)
        return ("timer", nanoseconds)

    def poll(self, pollables):
        self.seen.append(pollables)
        return list(range(len(pollables)))


class Stop(BaseException):
    """As the engine's control flow: no `except Exception` catches it."""


FAILURES = {"stop": Stop("end"), "error": LookupError("lost"), "interrupt": KeyboardInterrupt()}

IMPLEMENTATIONS = {
    "tests:bridge/tools": {
        "noop": Host.noop,
        "fail": Host.fail,
        "[constructor]cursor": lambda _host, start: Cursor(start),
        "[method]cursor.next": lambda _host, cursor: cursor.next(),
        "[method]cursor.child": lambda _host, cursor: Cursor(cursor.at + 100),
        "[static]cursor.sum": lambda _host, all_of_them: sum(cursor.at for cursor in all_of_them),
        "[resource-drop]cursor": lambda host, cursor: host.dropped.append(cursor.at),
        "open": lambda _host, start: {"ok": Cursor(start)},
        "take": lambda _host, cursor: cursor.at,
    },
    "tests:bridge/views": {"peek": lambda _host, cursor: cursor.at},
    "": {"log": lambda host, line: host.seen.append(line)},
    "wasi:cli/environment": {"get-environment": lambda _host: [], "get-arguments": lambda _host: []},
    "wasi:cli/stdin": {"get-stdin": lambda _host: Stream()},
    "wasi:cli/stdout": {"get-stdout": lambda _host: Stream()},
    "wasi:cli/stderr": {"get-stderr": lambda _host: Stream()},
    "wasi:cli/terminal-stdin": {"get-terminal-stdin": lambda _host: None},
    "wasi:cli/terminal-stdout": {"get-terminal-stdout": lambda _host: None},
    "wasi:cli/terminal-stderr": {"get-terminal-stderr": lambda _host: None},
    "wasi:filesystem/preopens": {"get-directories": lambda _host: []},
    "wasi:io/streams": {
        "[method]output-stream.check-write": lambda _host, _stream: {"ok": 4096},
        "[method]output-stream.write": Host.write,
        "[method]output-stream.blocking-write-and-flush": Host.write,
        "[method]output-stream.blocking-flush": lambda _host, _stream: {"ok": None},
    },
    "wasi:io/poll": {
        "poll": Host.poll,
        "[method]pollable.block": lambda host, pollable: host.seen.append(pollable),
    },
    "wasi:clocks/monotonic-clock": {
        "now": lambda _host: time.perf_counter_ns(),
        "subscribe-duration": Host.subscribe,
        "subscribe-instant": Host.subscribe,
    },
    "wasi:clocks/wall-clock": {"now": lambda _host: {"seconds": 1_700_000_000, "nanoseconds": 5}},
    "wasi:random/random": {"get-random-bytes": lambda _host, count: bytes(range(256))[:count]},
}


def lookup(interface, function, _version):
    """Finds what the tests' host implements."""
    if interface == "tests:bridge/shapes":
        return mirrored(function)
    return IMPLEMENTATIONS.get(interface, {}).get(function)


def mirrored(function):
    """An implementation that keeps what it was given and answers what the host's mirror makes of it."""

    def answer(host, *values):
        host.seen.append(values[0] if len(values) == 1 else values)
        return host.mirror(function, values[-1])

    return answer


@functools.cache
def linked(*, interruptible=False):
    """The imports, shared by all tests as they are by all workers."""
    return ImportSet(loaded(interruptible=interruptible), lookup)


def opened(host=None, *, interruptible=False, **limits):
    """A new instance."""
    return Instance(linked(interruptible=interruptible), host or Host(), **limits)


def call(instance, name, *args):
    """Calls an export by any spelling of its name."""
    return instance.call(instance.imports.component.resolve(name), args)
