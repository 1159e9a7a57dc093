"""What bytes cost on their way: few bytes of ours for each, and streams of any length a bounded number."""

from __future__ import annotations

import tracemalloc

import pytest
from wasmtime import wat2wasm

from tests.engine.http_guest import http_program
from tests.engine.http_server import serving
from tests.engine.programs import opened, worker

SIZE = 2 << 20
#: Takes bytes or text, or gives as many as it is asked for, with memory that is never freed.
ECHO = """
(component
  (core module $m
    (memory (export "memory") 256)
    (global $end (mut i32) (i32.const 1024))
    (func $room (export "realloc") (param i32 i32 i32 i32) (result i32)
      (global.get $end) (global.set $end (i32.add (global.get $end) (local.get 3))))
    (func (export "take") (param i32 i32))
    (func (export "give") (param i32) (result i32) (local $at i32)
      (local.set $at (call $room (i32.const 0) (i32.const 0) (i32.const 1) (local.get 0)))
      (memory.fill (local.get $at) (i32.const 120) (local.get 0))
      (i32.store (i32.const 16) (local.get $at))
      (i32.store (i32.const 20) (local.get 0))
      (i32.const 16)))
  (core instance $i (instantiate $m))
  (alias core export $i "memory" (core memory $memory))
  (alias core export $i "realloc" (core func $realloc))
  (alias core export $i "take" (core func $take))
  (alias core export $i "give" (core func $give))
  (func (export "take-bytes") (param "v" (list u8))
    (canon lift (core func $take) (memory $memory) (realloc $realloc)))
  (func (export "take-text") (param "v" string)
    (canon lift (core func $take) (memory $memory) (realloc $realloc)))
  (func (export "give-bytes") (param "n" u32) (result (list u8))
    (canon lift (core func $give) (memory $memory) (realloc $realloc)))
  (func (export "give-text") (param "n" u32) (result string)
    (canon lift (core func $give) (memory $memory) (realloc $realloc))))
"""


def peak(call):
    """The most that Python held at a time during a call, beyond what it holds anyway."""
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        call()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("export", "argument"),
    [("take-bytes", b"x" * SIZE), ("take-text", "x" * SIZE), ("give-bytes", SIZE), ("give-text", SIZE)],
)
def test_a_byte_costs_few(tmp_path, export, argument):
    """The value, its text in the oplog, and what is on the way between them."""
    component = tmp_path / "echo.wasm"
    component.write_bytes(wat2wasm(ECHO))
    with opened(tmp_path / "data") as engine:
        one = engine.worker("w", engine.load(component))
        one.invoke("give-text", 1)

        assert 8 * SIZE > peak(lambda: one.invoke(export, argument))


def test_a_response_costs_no_more_the_longer_it_is(tmp_path):
    """Whatever the guest wants at once."""
    source = """
        got = 0
        with answer(send("get", URL + "/bytes/24000000")) as response, response.consume() as body:
            with body.stream() as stream:
                while True:
                    try:
                        got += len(stream.blocking_read(2**40))
                    except Err:
                        break
        result = got
    """
    with serving() as server, opened(tmp_path, allow_http=[server.authority]) as engine:
        one = worker(engine)
        said = []

        assert 24_000_000 + (16 << 20) > peak(lambda: said.append(one.invoke("run", http_program(server.url, source))))
        assert ["24000000"] == said
