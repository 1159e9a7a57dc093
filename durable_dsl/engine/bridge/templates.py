"""Component values made once and cloned many times.

Names of fields and cases belong to each value, so writing a record field by field would allocate every name. One
clone of a prepared value does it in a single call; the payloads, `false` in the template, are then written over.
The templates lie in memory of ours: wasmtime reads them and never frees them.
"""

from __future__ import annotations

import ctypes

from durable_dsl.engine.bridge import ffi

_VAL_WORDS = ffi.VAL_SIZE // 8


class Templates:
    """Owns the memory; what its methods return are addresses of component values."""

    def __init__(self) -> None:
        self._memory: list[ctypes.Array[ctypes.c_uint64] | ctypes.Array[ctypes.c_char]] = []

    def record(self, names: tuple[str, ...]) -> int:
        entries: list[int] = []
        for name in names:
            entries += self._name(name)
            entries += [0] * _VAL_WORDS  # the bool `false`
        return self._words(ffi.RECORD, len(names), self._words(*entries), 0)

    def tuple_of(self, count: int) -> int:
        return self._words(ffi.TUPLE, count, self._words(*[0] * (_VAL_WORDS * count)), 0)

    def enum(self, case: str) -> int:
        return self._words(ffi.ENUM, *self._name(case), 0)

    def variant(self, case: str, *, payload: bool) -> int:
        return self._words(ffi.VARIANT, *self._name(case), self._payload() if payload else 0)

    def some(self) -> int:
        return self._words(ffi.OPTION, self._payload(), 0, 0)

    def result(self, *, ok: bool, payload: bool) -> int:
        return self._words(ffi.RESULT, int(ok), self._payload() if payload else 0, 0)

    def _payload(self) -> int:
        return self._words(*[0] * _VAL_WORDS)

    def _name(self, name: str) -> tuple[int, int]:
        data = name.encode()
        buffer = ctypes.create_string_buffer(data)
        self._memory.append(buffer)
        return len(data), ctypes.addressof(buffer)

    def _words(self, *words: int) -> int:
        memory = (ctypes.c_uint64 * len(words))(*words)
        self._memory.append(memory)
        return ctypes.addressof(memory)
