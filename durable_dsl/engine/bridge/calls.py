"""Instances of a component, and calls of their exports.

What a call needs is prepared once per export: wasmtime's function, memory for arguments and result, and the
conversions. wasmtime 50 does a function's post-return work itself.
"""

from __future__ import annotations

import ctypes
import re
import threading
from typing import TYPE_CHECKING, Any, Self

from durable_dsl.engine.bridge import ffi
from durable_dsl.engine.bridge.codegen import has_resources, owns_memory
from durable_dsl.engine.bridge.entry import EPOCH_TICK, HOSTS, RUNNING, enter, stop
from durable_dsl.engine.bridge.instantiation import beginning
from durable_dsl.engine.bridge.resources import Handles
from durable_dsl.engine.traps import ComponentFault, GuestTrap, InstanceUnusable
from durable_dsl.engine.wit.values import ValueFault, counted, find_fault

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from durable_dsl.engine.bridge.imports import ImportSet
    from durable_dsl.engine.wit.exports import Export
    from durable_dsl.engine.wit.types import GuestResource

_VAL_WORDS = ffi.VAL_SIZE // 8
_BACKTRACE = "error while executing at wasm backtrace:"
_TOO_MUCH = "fuel allocated for hostcalls has been exhausted"
_TOO_MUCH_SAID = (
    "a result, or the arguments of a host call, are too big to be taken out of the guest in one piece: about "
    f"{ffi.COPY_LIMIT // ffi.COPY_COST >> 20} MiB of bytes, or as many numbers, is the most; pass it in parts"
)


class Instance:
    """One instance of a component, in a store of its own. Any thread may call it, one at a time.

    `host` is handed to every implementation as its first argument. Instantiating may run start code of the component;
    what implementations raise then comes out of the constructor. Resources of the guest that the host holds are
    numbered from `first_resource` up.
    """

    def __init__(
        self, imports: ImportSet, host: Any, *, max_memory: int | None = None, first_resource: int = 0
    ) -> None:
        self.imports = imports
        self.host = host
        #: False once a call did not return; nothing can be called any more.
        self.usable = True
        #: What ends the guest at its next host call, and what ended it.
        self.reason: BaseException | None = None
        self.failure: BaseException | None = None
        self._entries: dict[str, _Call | _Drop] = {}
        self._busy = threading.Lock()
        component = imports.component
        self._store: int | None = ffi.new_store(ffi.address_of(component.engine.ptr()), None, None)
        self.context: int = ffi.store_context(self._store)
        ffi.raise_copy_limit(self.context)
        #: What the guest holds of the host, and the host of the guest.
        self.handles = Handles(self.context, first_resource)
        if max_memory is not None:
            ffi.limit_store(self._store, max_memory, -1, -1, -1, -1)
        if component.interruptible:
            ffi.on_epoch(self._store, ffi.address_of(EPOCH_TICK), None, None)
            ffi.set_epoch_deadline(self.context, 1)
        self._instance = (ctypes.c_uint64 * 2)()
        self.address = ctypes.addressof(self._instance)
        linker, raw = ffi.address_of(imports.linker.ptr()), ffi.address_of(component.raw.ptr())
        try:
            with beginning():
                self.run(ffi.instantiate, linker, self.context, raw, self.address)
        except GuestTrap as trap:
            self.close()
            if trap.backtrace:
                raise
            raise ComponentFault(f"{component.path} cannot be instantiated: {trap}") from None
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()

    def call(self, export: Export, args: Sequence[Any] = ()) -> Any:
        """Calls an export with arguments in Python form; the result in Python form, None where there is none.

        `[drop]cart` exports drop the resource that is their argument. Raises `ValueFault` (the arguments do not fit;
        nothing ran, the instance stays usable), `GuestTrap`, whatever an implementation raised, the reason given to
        `interrupt`, or `InstanceUnusable`; after any but the first, `usable` is False.
        """
        if self._busy.locked():
            raise InstanceUnusable("the instance is in a call already")
        with self._busy:
            if not self.usable:
                raise InstanceUnusable("the instance ended in an earlier call, or was closed")
            try:
                return (self._entries.get(export.name) or self._prepare(export)).call(args)
            except ValueFault:
                raise
            except BaseException:  # a signal's too, in between
                self.usable = False
                raise

    def check(self, export: Export, args: Sequence[Any]) -> None:
        """Raises the `ValueFault` that `call` would, and runs nothing: a resource may have been dropped meanwhile."""
        fault = fault_of(export, args, self.handles)
        if fault is not None:
            raise fault

    def interrupt(self, reason: BaseException) -> None:
        """From any thread: ends the call that is running, or the next one, by raising `reason`.

        The guest ends at its next host call; if its component was loaded `interruptible`, in its own code too. A host
        call that is being performed is not disturbed.
        """
        stop(self, reason)
        component = self.imports.component
        if component.interruptible:
            ffi.increment_epoch(ffi.address_of(component.engine.ptr()))

    def guest_resource(self, number: int) -> GuestResource:
        """The exported resource of that number that the host holds; `KeyError` if it was dropped or never was."""
        for held in self.handles.guests():
            if held.id == number:
                return held
        raise KeyError(number)

    @property
    def guest_resources(self) -> tuple[GuestResource, ...]:
        """The exported resources that the host holds, oldest first."""
        return self.handles.guests()

    def close(self) -> None:
        """Frees the instance; `with` and garbage collection do it too. Refused while a call is running."""
        if getattr(self, "_store", None) is None:
            return
        if self._busy.locked():
            raise InstanceUnusable("the instance is in a call")
        with self._busy:
            self.usable = False
            store, self._store = self._store, None
            self.context = 0  # the address may be another store's from now on
            self.handles.close()
            self._entries.clear()
            ffi.delete_store(store)

    def _prepare(self, export: Export) -> _Call | _Drop:
        entry = _Call(self, export) if export.dropped is None else _Drop(self, export)
        self._entries[export.name] = entry
        return entry

    def run(self, guest: Callable[..., int | None], *arguments: Any) -> None:
        """Calls a C function that enters the guest; whatever ends it is raised. For `call` alone."""
        context = self.context
        RUNNING[context] = self
        HOSTS[context] = self.host
        try:
            if self.reason is not None:
                raise self.reason
            error = enter(self, guest, *arguments)
            if error:
                raise self._ended(error)
            if self.reason is not None:
                raise self.reason
        except BaseException:
            self.usable = False
            raise
        finally:
            HOSTS.pop(context, None)
            del RUNNING[context]

    def _ended(self, error: int) -> BaseException:
        message = ffi.take_message(error)
        failure, self.failure = self.failure, None
        if failure is not None:
            return failure
        if _TOO_MUCH in message:
            return GuestTrap(_TOO_MUCH_SAID)
        if message.startswith(_BACKTRACE):
            backtrace, _, cause = message.removeprefix(_BACKTRACE).partition("\n\nCaused by:\n")
            return GuestTrap(_in_one_line(cause), backtrace.strip("\n"))
        return GuestTrap(message)


def _in_one_line(causes: str) -> str:
    """The trap first, then what wasmtime says of it: several causes are numbered, the innermost last."""
    told = [re.sub(r"^\d+: ", "", line.strip()) for line in causes.strip().splitlines()]
    return told[-1] if len(told) == 1 else f"{told[-1]} ({', '.join(told[:-1])})"


class _Call:
    """An exported function, ready to be called."""

    __slots__ = (
        "_arguments", "_count", "_export", "_function", "_handles", "_instance", "_lift", "_lower", "_memory",
        "_owned", "_resources", "_result", "_result_word", "_word",
    )  # fmt: skip

    def __init__(self, instance: Instance, export: Export) -> None:
        kind = export.type
        self._instance = instance
        self._handles = instance.handles
        self._export = export
        self._count = len(kind.params)
        function = (ctypes.c_uint64 * 4)()
        values = (ctypes.c_uint64 * (_VAL_WORDS * (self._count + 1)))()
        self._memory = (function, values)
        self._function = ctypes.addressof(function)
        self._arguments = ctypes.addressof(values)
        self._word = self._arguments >> 3
        self._result_word = self._word + _VAL_WORDS * self._count
        self._result = None if kind.result is None else self._result_word << 3
        parts = [part for _, part in kind.params] + ([] if kind.result is None else [kind.result])
        #: The values that have to be freed after a call. All are `false`, which owns nothing, in between.
        self._owned = tuple(self._word + _VAL_WORDS * i for i, part in enumerate(parts) if owns_memory(part))
        self._resources = any(map(has_resources, parts))
        self._lower, self._lift = instance.imports.export_code(export)
        index = instance.imports.component.export_index(export)
        if not ffi.instance_function(instance.address, instance.context, index, self._function):
            raise ComponentFault(f"the component does not export {export.name}")

    def call(self, args: Sequence[Any]) -> Any:
        entered = False
        try:
            try:
                self._lower(args, self._word, self._handles)
            except Exception as error:
                fault = fault_of(self._export, args, self._handles)
                if fault is None:  # a signal's, or one of several arguments taken together
                    raise
                raise fault from error
            entered = True
            self._instance.run(
                ffi.call_function, self._function, self._instance.context, self._arguments, self._count,
                self._result, self._result is not None,
            )  # fmt: skip
            return self._lift(self._result_word, self._handles)
        finally:
            for word in self._owned:
                ffi.delete_value(word << 3)
                ffi.U64[word] = 0
            if self._resources:
                self._handles.settle(entered=entered)


class _Drop:
    """The dropping of an exported resource, as if it were a function."""

    __slots__ = ("_export", "_instance")

    def __init__(self, instance: Instance, export: Export) -> None:
        self._instance = instance
        self._export = export

    def call(self, args: Sequence[Any]) -> None:
        handles = self._instance.handles
        fault = fault_of(self._export, args, handles)
        if fault:
            raise fault
        handle = handles.release(args[0])
        try:
            self._instance.run(ffi.drop_any, self._instance.context, handle)
        finally:
            ffi.delete_any(handle)


def fault_of(export: Export, args: Sequence[Any], handles: Handles) -> ValueFault | None:
    """What is wrong with the arguments of a call, or None."""
    params = export.type.params
    if len(args) != len(params):
        return ValueFault(export.function, f"expected {counted(len(params))}, got {len(args)}")
    for value, (name, kind) in zip(args, params, strict=True):
        fault = find_fault(value, kind, name, handles.why_not)
        if fault:
            return fault
    return None
