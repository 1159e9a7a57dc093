"""wasmtime's C API as the bridge uses it: addresses are ints, memory is read and written through memoryviews.

The only module that touches the private parts of wasmtime-py; therefore one version of it is accepted.

Decisions:
- `U64` and its siblings are memoryviews of the whole address space. Reading a word costs 40 ns; making a ctypes
  object to read it costs twice that, and a callback reads many. An index is an address divided by the item size.
- Short functions are called with the GIL held (`PYFUNCTYPE`); those that run guest code or take long release it.
"""

from __future__ import annotations

import ctypes
import importlib.util
from ctypes import CFUNCTYPE, PYFUNCTYPE, c_bool, c_char_p, c_int64, c_size_t, c_uint32, c_uint64, c_void_p
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    import wasmtime
    from wasmtime import component as wc

WASMTIME_VERSION = "50.0.1"


def _check_version() -> None:
    """Refuses any other wasmtime before anything of it is loaded.

    Its metadata's folder bears the version; reading the metadata itself would cost more than loading wasmtime.
    """
    found = importlib.util.find_spec("wasmtime")
    if found is None or found.origin is None:
        raise ImportError(f"the engine needs wasmtime: pip install wasmtime=={WASMTIME_VERSION}", name="wasmtime")
    if Path(found.origin).parents[1].joinpath(f"wasmtime-{WASMTIME_VERSION}.dist-info").is_dir():
        return
    from importlib import metadata

    installed = metadata.version("wasmtime")
    if installed != WASMTIME_VERSION:
        raise ImportError(
            f"the engine works with wasmtime {WASMTIME_VERSION} only, and {installed} is installed: "
            f"pip install wasmtime=={WASMTIME_VERSION}",
            name="wasmtime",
        )


_check_version()

from wasmtime import Config, Engine, WasmtimeError, _ffi  # noqa: E402  (only after the version is known)
from wasmtime import component as _wc  # noqa: E402

from durable_dsl.engine.bridge import threads as guest_threads  # noqa: E402

Refusal = WasmtimeError
"""What compiling and deserializing raise."""

VAL_SIZE = 32
"""Bytes of a `wasmtime_component_val_t`: the kind in the first, the payload from the ninth on."""
ENTRY_WORDS = 6
"""Words of a record's field: its name (length, address) and its value."""

KINDS = {
    name: number
    for number, name in enumerate(
        ("bool", "s8", "u8", "s16", "u16", "s32", "u32", "s64", "u64", "f32", "f64", "char", "string")
    )
}
"""wasmtime's numbers for the kinds of values; the composite ones follow."""
LIST, RECORD, TUPLE, VARIANT, ENUM, OPTION, RESULT, FLAGS, RESOURCE = range(len(KINDS), len(KINDS) + 9)

_layout = _ffi.wasmtime_component_val_t
if (
    ctypes.sizeof(_layout) != VAL_SIZE
    or _layout.of.offset != 8
    or ctypes.sizeof(_ffi.wasmtime_component_valrecord_entry_t) != 8 * ENTRY_WORDS
    or _ffi.WASMTIME_COMPONENT_RESOURCE.value != RESOURCE
):
    raise ImportError("wasmtime's component values are not laid out as this version of the engine expects")

_COPY_LIMIT_OFFSET = 1432
"""Where a store holds how many bytes one call may copy out of a guest ("hostcall fuel"), which has no function in C."""
_COPY_LIMIT_GIVEN = 128 << 20
COPY_LIMIT = 1 << 30
"""So a list<u8> of 21 MiB fits; what wasmtime gives is used up by one of 2.6 MiB."""
COPY_COST = 48
"""What each value in a list counts, whatever its type: measured."""

_ADDRESS_SPACE = 1 << 47
"""User-space addresses end here on x86-64 and 64-bit ARM, unless a process asks for more."""

U8 = memoryview((ctypes.c_ubyte * _ADDRESS_SPACE).from_address(0)).cast("B")
S8 = U8.cast("b")
BOOLS = U8.cast("?")
U16 = U8.cast("H")
S16 = U8.cast("h")
U32 = U8.cast("I")
S32 = U8.cast("i")
U64 = U8.cast("Q")
S64 = U8.cast("q")
F32 = U8.cast("f")
F64 = U8.cast("d")

HOST_CALL = CFUNCTYPE(c_void_p, c_void_p, c_void_p, c_void_p, c_void_p, c_size_t, c_void_p, c_size_t)
"""error = f(data, context, type, arguments, count, results, count)"""
DESTRUCTOR = CFUNCTYPE(c_void_p, c_void_p, c_void_p, c_uint32)
"""error = f(data, context, rep)"""
EPOCH_TICK = CFUNCTYPE(c_void_p, c_void_p, c_void_p, c_void_p, c_void_p)
"""error = f(context, data, address of the new deadline, address of the kind of update)"""


def _quick(name: str, result: Any, *params: Any) -> Callable[..., Any]:
    """A C function that is over at once and calls nothing back."""
    return PYFUNCTYPE(result, *params)((name, _quick_library))


def _long(name: str, result: Any, *params: Any) -> Callable[..., Any]:
    """A C function during which other threads may run Python."""
    return CFUNCTYPE(result, *params)((name, _library))


_library: Any = _ffi.dll
_quick_library = ctypes.PyDLL(None, handle=_library._handle)  # noqa: SLF001  (ctypes offers no other way)

new_bytes = _quick("wasm_byte_vec_new", None, c_void_p, c_size_t, c_char_p)
delete_bytes = _quick("wasm_byte_vec_delete", None, c_void_p)
clone_value = _quick("wasmtime_component_val_clone", None, c_void_p, c_void_p)
delete_value = _quick("wasmtime_component_val_delete", None, c_void_p)
new_list = _quick("wasmtime_component_vallist_new_uninit", None, c_void_p, c_size_t)
new_flags = _quick("wasmtime_component_valflags_new_uninit", None, c_void_p, c_size_t)

new_error = _quick("wasmtime_error_new", c_void_p, c_char_p)
error_message = _quick("wasmtime_error_message", None, c_void_p, c_void_p)
delete_error = _quick("wasmtime_error_delete", None, c_void_p)

new_host_type = _quick("wasmtime_component_resource_type_new_host", c_void_p, c_uint32)
delete_host_type = _quick("wasmtime_component_resource_type_delete", None, c_void_p)
any_to_host = _quick("wasmtime_component_resource_any_to_host", c_void_p, c_void_p, c_void_p, c_void_p)
clone_any = _quick("wasmtime_component_resource_any_clone", c_void_p, c_void_p)
delete_any = _quick("wasmtime_component_resource_any_delete", None, c_void_p)
drop_any = _long("wasmtime_component_resource_any_drop", c_void_p, c_void_p, c_void_p)
new_host = _quick("wasmtime_component_resource_host_new", c_void_p, c_bool, c_uint32, c_uint32)
host_rep = _quick("wasmtime_component_resource_host_rep", c_uint32, c_void_p)
host_to_any = _quick("wasmtime_component_resource_host_to_any", c_void_p, c_void_p, c_void_p, c_void_p)
delete_host = _quick("wasmtime_component_resource_host_delete", None, c_void_p)

linker_add_function = _quick(
    "wasmtime_component_linker_instance_add_func", c_void_p, c_void_p, c_char_p, c_size_t, c_void_p, c_void_p, c_void_p
)
linker_add_resource = _quick(
    "wasmtime_component_linker_instance_add_resource",
    c_void_p, c_void_p, c_char_p, c_size_t, c_void_p, c_void_p, c_void_p, c_void_p,
)  # fmt: skip
instantiate = _long("wasmtime_component_linker_instantiate", c_void_p, c_void_p, c_void_p, c_void_p, c_void_p)
instance_function = _quick("wasmtime_component_instance_get_func", c_bool, c_void_p, c_void_p, c_void_p, c_void_p)
export_index = _quick("wasmtime_component_get_export_index", c_void_p, c_void_p, c_void_p, c_char_p, c_size_t)
delete_export_index = _quick("wasmtime_component_export_index_delete", None, c_void_p)
call_function = _long(
    "wasmtime_component_func_call", c_void_p, c_void_p, c_void_p, c_void_p, c_size_t, c_void_p, c_size_t
)

new_store = _quick("wasmtime_store_new", c_void_p, c_void_p, c_void_p, c_void_p)
delete_store = _long("wasmtime_store_delete", None, c_void_p)
store_context = _quick("wasmtime_store_context", c_void_p, c_void_p)
limit_store = _quick("wasmtime_store_limiter", None, c_void_p, c_int64, c_int64, c_int64, c_int64, c_int64)
on_epoch = _quick("wasmtime_store_epoch_deadline_callback", None, c_void_p, c_void_p, c_void_p, c_void_p)
set_epoch_deadline = _quick("wasmtime_context_set_epoch_deadline", None, c_void_p, c_uint64)
increment_epoch = _quick("wasmtime_engine_increment_epoch", None, c_void_p)


_set_fiber_stack = _quick("wasmtime_config_async_stack_size_set", None, c_void_p, c_uint64)


def address_of(pointer: Any) -> int:
    """The address in a ctypes pointer, callback or array."""
    return ctypes.cast(pointer, c_void_p).value or 0


def raise_copy_limit(context: int) -> None:
    """Lets calls of a new store copy more, if this build of wasmtime keeps the limit where it is looked for."""
    at = (context + _COPY_LIMIT_OFFSET) >> 3
    if U64[at] == _COPY_LIMIT_GIVEN:
        U64[at] = COPY_LIMIT


def take_message(error: int) -> str:
    """The text of an error, which is freed."""
    text = (c_uint64 * 2)()
    error_message(error, text)
    message = U8[text[1] : text[1] + text[0]].tobytes().decode(errors="replace")
    delete_bytes(text)
    delete_error(error)
    return message


_GUEST_STACK = 32 << 20
"""Bytes of stack: so many are full only after CPython's own stack in the guest, wherever that grows too."""
_QUICK_GUEST_STACK = 384 << 20
"""The same for code that was compiled quickly, whose frames are ten times as big."""


def new_engine(*, epoch_interruption: bool, quick: bool = False) -> wasmtime.Engine:
    """An engine; a `quick` one compiles in less than half of the time, to code of half the speed."""
    config = Config()
    config.epoch_interruption = epoch_interruption
    stack = _QUICK_GUEST_STACK if quick else _GUEST_STACK
    guest_threads.provide(stack)
    _set_fiber_stack(address_of(config.ptr()), stack)  # none is made, but the other must not be more
    config.max_wasm_stack = stack
    if quick:
        config.cranelift_opt_level = "none"
        _ffi.wasmtime_config_cranelift_flag_set(config.ptr(), b"regalloc_algorithm", b"single_pass")
    # With concurrency, wasmtime 50.0 traps ("deferred host scope has no call context") when a host function written
    # against values gets two borrowed handles, as wasi:io/poll does. WASI 0.2 needs none.
    _ffi.wasmtime_config_concurrency_support_set(config.ptr(), False)
    _ffi.wasmtime_config_wasm_component_model_async_set(config.ptr(), False)
    return Engine(config)


def compile_component(engine: wasmtime.Engine, content: bytes) -> wc.Component:
    return _wc.Component(engine, content)


def deserialize_component(engine: wasmtime.Engine, file: Path) -> wc.Component:
    return _wc.Component.deserialize_file(engine, str(file))
