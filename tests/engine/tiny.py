"""A component that is instantiated in a millisecond: for tests that need very many instances.

`add(n)` adds to a sum and commits in between; `rest(n)` sleeps for twenty seconds first, which suspends the worker;
`break(n)` traps; `version` is a number of the build.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wasmtime import wat2wasm

if TYPE_CHECKING:
    from pathlib import Path

_TEXT = """
(component
  (import "golem:api/host@0.2.0" (instance $host (export "oplog-commit" (func (param "replicas" u8)))))
  (import "wasi:io/poll@0.2.0" (instance $poll
    (export "pollable" (type $p (sub resource)))
    (export "[method]pollable.block" (func (param "self" (borrow $p))))))
  (alias export $poll "pollable" (type $pollable))
  (import "wasi:clocks/monotonic-clock@0.2.0" (instance $clock
    (alias outer 1 $pollable (type $outer))
    (export "pollable" (type $p (eq $outer)))
    (export "subscribe-duration" (func (param "when" u64) (result (own $p))))))
  (core func $commit (canon lower (func $host "oplog-commit")))
  (core func $block (canon lower (func $poll "[method]pollable.block")))
  (core func $subscribe (canon lower (func $clock "subscribe-duration")))
  (core module $m
    (import "host" "commit" (func $commit (param i32)))
    (import "host" "block" (func $block (param i32)))
    (import "host" "subscribe" (func $subscribe (param i64) (result i32)))
    (global $sum (mut i32) (i32.const 0))
    (func $add (export "add") (param i32) (result i32)
      (call $commit (i32.const 1))
      (global.set $sum (i32.add (global.get $sum) (local.get 0)))
      (global.get $sum))
    (func (export "rest") (param i32) (result i32)
      (call $block (call $subscribe (i64.const 20000000000)))
      (call $add (local.get 0)))
    (func (export "break") (param i32) (result i32) (unreachable))
    (func (export "version") (result i32) (i32.const VERSION)))
  (core instance $i (instantiate $m (with "host" (instance
    (export "commit" (func $commit)) (export "block" (func $block)) (export "subscribe" (func $subscribe))))))
  (func (export "add") (param "amount" u32) (result u32) (canon lift (core func $i "add")))
  (func (export "rest") (param "amount" u32) (result u32) (canon lift (core func $i "rest")))
  (func (export "break") (param "amount" u32) (result u32) (canon lift (core func $i "break")))
  (func (export "version") (result u32) (canon lift (core func $i "version"))))
"""


def tiny(folder: Path, version: int = 1) -> Path:
    """The component, written into `folder`; each version is another build of it."""
    path = folder / f"build-{version}" / "tiny.wasm"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(wat2wasm(_TEXT.replace("VERSION", str(version))))
    return path
