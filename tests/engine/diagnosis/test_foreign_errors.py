"""Failures of guests in other languages, taken out of what their runtimes print, from text and from a real trap."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from durable_dsl.engine.errors import InvocationError
from durable_dsl.engine.failures.foreign_errors import extract_foreign
from tests.engine.programs import Shown, opened

if TYPE_CHECKING:
    from durable_dsl.engine.api import Engine

#: Among what `_failure` has written: a host call, one that does not count as going on and one that does.
NOW, INDEX = "now", "index"
ABORT = "Redirecting call to abort() to mozalloc_abort\n\n"
GO = """panic: index out of range [5] with length 0

goroutine 1 [running]:
shop.Place({0x28e028, 0x5})
	/shop/place.go:44 +0x48

goroutine 2 [GC worker (idle)]:
runtime.gopark(0x3afd8)
	/go/src/runtime/proc.go:462 +0x21
"""


def test_a_javascript_error_with_its_frames():
    """The message is the line above the stack; the frames of the glue go."""
    found = extract_foreign(
        "cart is empty\nno such article\nStack:\n  find@app.js:3:15\n  @app.js:9:3\n"
        f"  export_api$place@/tmp/7b8f/sources/initializer.js:6778:15\n\n{ABORT}"
    )

    assert ("Error", "no such article", "cart is empty\n") == (found.type, found.message, found.rest)
    assert "Error: no such article\n    at find (app.js:3:15)\n    at (anonymous) (app.js:9:3)" == found.traceback


def test_what_javascript_throws_without_a_stack():
    """A string or an object that is thrown has no frames."""
    found = extract_foreign(f"({{code:42}})\n{ABORT}")

    assert ("({code:42})", "Error: ({code:42})") == (found.message, found.traceback)


def test_javascript_that_recurses_without_end():
    """Hundreds of frames of one function are not shown."""
    found = extract_foreign("too much recursion\nStack:\n" + 127 * "  f@app.js:43:44\n" + ABORT)

    assert "    … 107 more" in found.traceback.splitlines()
    assert 22 == len(found.traceback.splitlines())


def test_a_go_panic_with_the_goroutine_that_ran():
    """Others only wait, most of them the runtime's own."""
    found = extract_foreign(f"ready\n{GO}")

    assert ("panic", "index out of range [5] with length 0") == (found.type, found.message)
    assert found.traceback.endswith("/shop/place.go:44 +0x48")
    assert "ready\n" == found.rest


@pytest.mark.parametrize("text", ["", "\n", "panic: at the disco\n", "Stack:\n  f@app.js:1:1\n", ABORT])
def test_other_text_is_no_failure(text):
    """A runtime's own words are needed, all of them."""
    assert extract_foreign(text) is None


def test_a_trap_tells_a_javascript_error_once(tmp_path):
    """Its stack is in the error and not in the output too; the wasm frames are nowhere."""
    with opened(tmp_path / "data", output=(shown := Shown())) as engine:
        error = _failure(engine, tmp_path, "loading", "\nboo\n", "Stack:\n", "  f@app.js:1:2\n", "\n", ABORT)

    assert ("Error", "boo", "Error: boo\n    at f (app.js:1:2)") == (error.type, error.message, error.traceback)
    assert "loading\nboo\n" == shown.text


def test_a_trap_tells_a_go_panic_once(tmp_path):
    """As above; what came before is output."""
    with opened(tmp_path / "data", output=(shown := Shown())) as engine:
        error = _failure(engine, tmp_path, "ready\n", "pan", GO[3:])

    assert "panic" == error.type
    assert "ready\n" == shown.text


def test_a_trap_of_any_other_guest_tells_its_last_words(tmp_path):
    """As an assertion of a C program, which is output as well."""
    with opened(tmp_path / "data", output=(shown := Shown())) as engine:
        error = _failure(engine, tmp_path, "Assertion failed: n > 0 (app.c: run: 12)\n")

    assert "Trap" == error.type
    assert "`unreachable`" in error.message
    assert error.message.endswith("; the last line of its stderr was: Assertion failed: n > 0 (app.c: run: 12)")
    assert "" == error.traceback
    assert "Assertion failed: n > 0 (app.c: run: 12)\n" == shown.text


def test_advice_of_rust_is_no_last_word(tmp_path):
    """Where an allocation fails, Rust says so without a panic, and adds how to see frames."""
    said = "memory allocation of 1000 bytes failed\nnote: run with `RUST_BACKTRACE=1` environment variable to …\n"
    with opened(tmp_path / "data") as engine:
        error = _failure(engine, tmp_path, said)

    assert error.message.endswith("; the last line of its stderr was: memory allocation of 1000 bytes failed")


def test_a_failure_that_began_before_the_last_recorded_call_is_told_once(tmp_path):
    """A retry replays the first half of the text and writes the second one live: that is no output either."""
    with opened(tmp_path / "data", output=(shown := Shown())) as engine:
        error = _failure(
            engine, tmp_path, "ready\n", "fatal error: boo\n", NOW, "\ngoroutine 1 [running]:\n", NOW, "main()\n"
        )
        attempts = [record for record in engine.worker("w").oplog() if record.kind == "error"]

    assert ("fatal error", "boo") == (error.type, error.message)
    assert 4 == len(attempts)
    assert "ready\n" == shown.text


def test_what_only_looked_like_a_failure_in_replay_is_output(tmp_path):
    """The guest went on after it: that was shown then, and is no part of the failure."""
    with opened(tmp_path / "data", output=(shown := Shown())) as engine:
        error = _failure(engine, tmp_path, "panic: not really\n", INDEX, "on\n", NOW, "and on\n")

    assert error.message.endswith("was: and on")
    assert "panic: not really\non\nand on\n" == shown.text


def test_a_memory_fault_is_told_in_one_line(tmp_path):
    """The trap, then where; functions with names are frames, wasmtime's advice is none."""
    path = tmp_path / "fault.wat"
    path.write_text("""
(component
  (core module $m (memory 1)
    (func $inner (drop (i32.load (i32.const 0xfffffff0))))
    (func (export "f") (call $inner)))
  (core instance $i (instantiate $m))
  (func (export "fail") (canon lift (core func $i "f"))))
""")
    with opened(tmp_path / "data") as engine, pytest.raises(InvocationError) as caught:
        engine.worker("w", engine.load(path)).invoke("fail")

    where = "(memory fault at wasm address 0xfffffff0 in linear memory of size 0x10000)"
    assert f"wasm trap: out of bounds memory access {where}" == caught.value.message
    assert ["inner"] == [line.rpartition("!")[2] for line in caught.value.traceback.splitlines()]


def _failure(engine: Engine, folder, *writes: str) -> InvocationError:
    """What a component that writes these to stderr, and then traps, fails with."""
    path = folder / "fails.wat"
    path.write_text(_component(writes))
    with pytest.raises(InvocationError) as caught:
        engine.worker("w", engine.load(path)).invoke("fail")
    return caught.value


def _component(writes: tuple[str, ...]) -> str:
    data, calls, at = "", "", 64
    for text in writes:
        if text in {NOW, INDEX}:
            calls += f"(drop (call ${text}))\n"
            continue
        content = text.encode()
        data += "".join(f"\\{byte:02x}" for byte in content)
        calls += f"(call $write (local.get $err) (i32.const {at}) (i32.const {len(content)}) (i32.const 0))\n"
        at += len(content)
    return f"""
(component
  (import "wasi:io/error@0.2.0" (instance $error (export "error" (type (sub resource)))))
  (alias export $error "error" (type $error))
  (import "wasi:io/streams@0.2.0" (instance $streams
    (alias outer 1 $error (type $e))
    (export "error" (type $error (eq $e)))
    (export "output-stream" (type $out (sub resource)))
    (type $failed (own $error))
    (type $problem (variant (case "last-operation-failed" $failed) (case "closed")))
    (export "stream-error" (type $stream-error (eq $problem)))
    (export "[method]output-stream.blocking-write-and-flush" (func
      (param "self" (borrow $out)) (param "contents" (list u8)) (result (result (error $stream-error)))))))
  (alias export $streams "output-stream" (type $out))
  (import "wasi:cli/stderr@0.2.0" (instance $stderr
    (alias outer 1 $out (type $o))
    (export "output-stream" (type $out (eq $o)))
    (export "get-stderr" (func (result (own $out))))))
  (import "wasi:clocks/monotonic-clock@0.2.0" (instance $clock (export "now" (func (result u64)))))
  (import "golem:api/host@0.2.0" (instance $golem (export "get-oplog-index" (func (result u64)))))
  (core module $memory (memory (export "memory") 2))
  (core instance $memory (instantiate $memory))
  (alias core export $memory "memory" (core memory $bytes))
  (core func $get (canon lower (func $stderr "get-stderr")))
  (core func $write (canon lower (func $streams "[method]output-stream.blocking-write-and-flush") (memory $bytes)))
  (core func $now (canon lower (func $clock "now")))
  (core func $index (canon lower (func $golem "get-oplog-index")))
  (core module $m
    (import "" "memory" (memory 2))
    (import "" "get" (func $get (result i32)))
    (import "" "write" (func $write (param i32 i32 i32 i32)))
    (import "" "now" (func $now (result i64)))
    (import "" "index" (func $index (result i64)))
    (data (i32.const 64) "{data}")
    (func (export "fail") (local $err i32)
      (local.set $err (call $get))
      {calls}
      unreachable))
  (core instance $i (instantiate $m (with "" (instance
    (export "memory" (memory $bytes)) (export "get" (func $get)) (export "write" (func $write))
    (export "now" (func $now)) (export "index" (func $index))))))
  (func (export "fail") (canon lift (core func $i "fail"))))
"""
