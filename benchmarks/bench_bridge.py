"""Host calls through our linker against wasmtime-py's `add_func`, in turns, with the same guest and the same work.

Ratios are stock over ours: how many times cheaper a call is, the guest's loop included. The rows in microseconds are
what one call costs through our linker, for orientation.
"""

from __future__ import annotations

import hashlib
import os
import statistics
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import wasmtime
from wasmtime import component as wc

from benchmarks.building import CACHE, HERE
from benchmarks.rounds import ROUNDS, ratio, row, seconds
from durable_dsl.engine.bridge.calls import Instance
from durable_dsl.engine.bridge.component import Component, load
from durable_dsl.engine.bridge.imports import ImportSet

if TYPE_CHECKING:
    from collections.abc import Callable

SOURCES = HERE / "bridge_app"
KIB = 1 << 10

#: Row name, host function, size of its data, calls a round, how many times cheaper it must be at least.
CASES = [
    ("no-op host call", "noop", 0, 20_000, 3),
    ("host call with a number and a result", "inc", 0, 20_000, 3),
    ("host call with a variant argument", "set", 0, 10_000, 8),
    ("host call with a variant result", "get", 0, 10_000, 8),
    ("1 KiB of bytes to the host", "take-bytes", KIB, 200, 3),
    ("1 KiB of bytes to the guest", "give-bytes", KIB, 200, 3),
    ("64 KiB of bytes to the host", "take-bytes", 64 * KIB, 4, 3),
    ("64 KiB of bytes to the guest", "give-bytes", 64 * KIB, 4, 3),
    ("1 KiB of text to the host", "take-text", KIB, 2_000, 1),
    ("1 KiB of text to the guest", "give-text", KIB, 2_000, 1),
]
#: Absolute limits in microseconds, as the guest sees one call.
LIMITS = {"noop": 1.0, "set": 2.3}


def built() -> Path:
    """The guest, built by componentize-py alone; an unchanged one is not built again."""
    content = b"".join(path.read_bytes() for path in sorted(SOURCES.iterdir()) if path.is_file())
    target = CACHE / f"bridge-{hashlib.sha256(content).hexdigest()[:16]}.wasm"
    if not target.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as empty:
            output = Path(empty) / "bridge.wasm"
            command = [str(Path(sys.executable).with_name("componentize-py")), "-d", str(SOURCES / "world.wit")]
            command += ["-w", "bench", "componentize", "app", "-p", str(SOURCES), "-o", str(output)]
            environment = {**os.environ, "VIRTUAL_ENV": empty, "PYTHONDONTWRITEBYTECODE": "1"}
            subprocess.run(command, check=True, capture_output=True, env=environment)
            output.replace(target)
    return target


def give_bytes(size: int) -> bytes:
    """What `give-bytes` answers, made once."""
    return b"x" * size


def ours(component: Component) -> Callable[[str, int, int], Any]:
    """Calls the guest's loop through our linker."""
    texts, data = {KIB: "x" * KIB}, {size: give_bytes(size) for size in (KIB, 64 * KIB)}
    functions: dict[str, Callable[..., Any]] = {
        "noop": lambda _host: None,
        "inc": lambda _host, n: n + 1,
        "set": lambda _host, _level: None,
        "get": lambda _host: "smart",
        "take-bytes": lambda _host, _data: None,
        "give-bytes": lambda _host, size: data[size],
        "take-text": lambda _host, _text: None,
        "give-text": lambda _host, size: texts[size],
    }
    at_start: dict[str, Callable[..., Any]] = {
        "get-environment": lambda _host: [],
        "get-arguments": lambda _host: [],
        "get-stdin": lambda _host: object(),
        "get-stdout": lambda _host: object(),
        "get-stderr": lambda _host: object(),
        "get-terminal-stdin": lambda _host: None,
        "get-terminal-stdout": lambda _host: None,
        "get-terminal-stderr": lambda _host: None,
        "get-directories": lambda _host: [],
        "get-random-bytes": lambda _host, count: bytes(count),
    }

    def lookup(interface: str, function: str, _version: str) -> Callable[..., Any] | None:
        return (functions if interface == "bench:bridge/host" else at_start).get(function)

    instance = Instance(ImportSet(component, lookup), None)
    calls = component.resolve("calls")
    return lambda name, size, count: instance.call(calls, [name, size, count])


def stock(path: Path) -> Callable[[str, int, int], Any]:
    """Calls the guest's loop through wasmtime-py's own linker."""
    engine = wasmtime.Engine()
    component = wc.Component.from_file(engine, str(path))
    linker = wc.Linker(engine)
    linker.add_wasip2()
    smart = wc.Variant("smart")
    data, texts = {size: give_bytes(size) for size in (KIB, 64 * KIB)}, {KIB: "x" * KIB}
    with linker.root() as root, root.add_instance("bench:bridge/host") as host:
        host.add_func("noop", lambda _store: None)
        host.add_func("inc", lambda _store, n: n + 1)
        host.add_func("set", lambda _store, _level: None)
        host.add_func("get", lambda _store: smart)
        host.add_func("take-bytes", lambda _store, _data: None)
        host.add_func("give-bytes", lambda _store, size: data[size])
        host.add_func("take-text", lambda _store, _text: None)
        host.add_func("give-text", lambda _store, size: texts[size])
    store = wasmtime.Store(engine)
    store.set_wasi(wasmtime.WasiConfig())
    instance = linker.instantiate(store, component)
    calls = instance.get_func(store, "calls")
    assert calls is not None
    return lambda name, size, count: calls(store, name, size, count)


def measure() -> list[dict[str, object]]:
    """The rows: how many times cheaper, then the microseconds of a call."""
    path = built()
    fast, slow = ours(load(path, CACHE / "compiled")), stock(path)
    rows = []
    for name, function, size, count, required in CASES:
        loop = (function, size, count)
        cost = ratio(partial(seconds, partial(slow, *loop)), partial(seconds, partial(fast, *loop)))
        rows.append(row(f"{name}, stock / ours", cost, f">= {required}"))
        if function in LIMITS:
            each = statistics.median(seconds(partial(fast, *loop)) for _ in range(ROUNDS)) / count
            rows.append(row(f"{name}, microseconds", each * 1e6, f"<= {LIMITS[function]}"))
    return rows
