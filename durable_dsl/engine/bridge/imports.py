"""A component's imports, implemented by Python callables: one linker per component, shared by all its instances.

Each imported function gets a C callback of its own whose Python code is written for its type when it is first
called. The callback finds the instance that calls through the address of its store, in `HOSTS`: an entry lives as
long as a call into that instance, so an address that is used again cannot be mistaken.
"""

from __future__ import annotations

import threading
from types import FunctionType as PythonFunction
from typing import TYPE_CHECKING, Any, Protocol

from wasmtime import component as wc

from durable_dsl.engine.bridge import ffi
from durable_dsl.engine.bridge.codegen import Namespace, Word, has_resources
from durable_dsl.engine.bridge.entry import HOSTS, RUNNING, fail
from durable_dsl.engine.bridge.lift import Lifter
from durable_dsl.engine.bridge.lower import Lowerer
from durable_dsl.engine.traps import ComponentFault, GuestTrap, ImplementationFault, MissingImports
from durable_dsl.engine.wit.values import find_fault

if TYPE_CHECKING:
    from collections.abc import Callable

    from durable_dsl.engine.bridge.component import Component
    from durable_dsl.engine.wit import types as t
    from durable_dsl.engine.wit.exports import Export, Import


class Lookup(Protocol):
    """Finds the implementation of an import, or None where there is none.

    `interface` has no version ("wasi:io/poll"; "" for a function that the world itself imports), `version` is as in
    the component ("0.2.9", "" if there is none). `function` is decorated: "now", "[constructor]fields",
    "[method]pollable.block", "[static]fields.from-list"; and "[resource-drop]pollable", called as
    implementation(host, object) when the guest drops a handle that it owns (None: nothing is called).

    An implementation is called with the calling instance's host object and the arguments in Python form. It returns
    the result in Python form; without a WIT result, what it returns is ignored. Whatever it raises ends the guest
    call and comes out of `Instance.call`.
    """

    def __call__(self, interface: str, function: str, version: str, /) -> Callable[..., Any] | None: ...


class ImportSet:
    """The imports of one component. Built once, then shared by any number of instances on any threads.

    An import that nobody implements traps when it is called, and names itself; with `strict` it is refused here
    (`MissingImports`). `missing` lists them either way, as "interface@version#function".

    Host resources: an implementation returns any Python object for an `own<…>` and gets that object back for a later
    `own<…>` (it is the host's again: no drop will follow) or `borrow<…>`. `pollable` is one type, whichever
    interfaces re-export it.
    """

    def __init__(self, component: Component, lookup: Lookup, *, strict: bool = False) -> None:
        self.component = component
        self.namespace = Namespace()
        self.namespace.names.update(HOSTS=HOSTS, RUNNING=RUNNING, fail=fail)
        self.lifter = Lifter(self.namespace)
        self.lowerer = Lowerer(self.namespace)
        self._callbacks: list[Any] = []
        self._writing = threading.Lock()
        self._exports: dict[str, tuple[Callable[..., None], Callable[..., Any]]] = {}
        missing: list[str] = []
        self._types = [ffi.new_host_type(resource.index) for resource in component.host_resources]
        self._destructors = [self._destructor(resource, lookup) for resource in component.host_resources]
        self.linker = wc.Linker(component.engine)
        with self.linker.root() as root:
            for item in component.imports:
                if item.id:
                    with root.add_instance(item.id) as instance:
                        self._define(item, instance, lookup, missing)
                else:
                    self._define(item, root, lookup, missing)
        self.missing = tuple(missing)
        if missing and strict:
            raise MissingImports(missing)

    def export_code(self, export: Export) -> tuple[Callable[..., None], Callable[..., Any]]:
        """`lower(args, w, h)` for an export's arguments, and `lift(w, h)` for its result."""
        with self._writing:
            known = self._exports.get(export.name)
            if known is None:
                known = self._exports[export.name] = self._write_export(export)
        return known

    def _write_export(self, export: Export) -> tuple[Callable[..., None], Callable[..., Any]]:
        kind = export.type
        names = [f"v{i}" for i in range(len(kind.params))]
        body = [f"# {export.signature}", f"({', '.join(names)}{',' if len(names) == 1 else ''}) = args"]
        for i, (_, part) in enumerate(kind.params):
            body += self.lowerer.statements(part, Word("w", 4 * i), names[i])
        lower = self.namespace.compile("lower_arguments", "args, w, h", body, f"arguments of {export.name}")
        result = "None" if kind.result is None else self.lifter.expression(kind.result, Word("w"))
        lift = self.namespace.compile("lift_result", "w, h", [f"return {result}"], f"result of {export.name}")
        return lower, lift

    def __del__(self) -> None:
        for kind in getattr(self, "_types", ()):
            ffi.delete_host_type(kind)

    def _define(self, item: Import, instance: wc.LinkerInstance, lookup: Lookup, missing: list[str]) -> None:
        pointer = ffi.address_of(instance.ptr())
        for name, resource in item.resources.items():
            data = name.encode()
            destructor = ffi.address_of(self._destructors[resource.index])
            error = ffi.linker_add_resource(
                pointer, data, len(data), self._types[resource.index], destructor, None, None
            )
            if error:
                raise ComponentFault(f"{item.id}: {ffi.take_message(error)}")
        for function in item.functions:
            data = function.encode()
            implementation = lookup(item.name, function, item.version)
            if implementation is None:
                missing.append(f"{item.id}#{function}" if item.id else function)
            callback = ffi.HOST_CALL(self._host_call(item, function, implementation))
            self._callbacks.append(callback)
            error = ffi.linker_add_function(pointer, data, len(data), ffi.address_of(callback), None, None)
            if error:
                raise ComponentFault(f"{item.id}: {ffi.take_message(error)}")

    def _host_call(self, item: Import, function: str, implementation: Callable[..., Any] | None) -> PythonFunction:
        """A callback that at its first call replaces its own code by code made for the function's type."""

        def write() -> None:
            if implementation is None:
                raise GuestTrap(f"the component called {name}, which this engine does not offer")
            with self._writing:
                code = self._write(name, item.type_of(function), implementation)
            callback.__code__ = code.__code__
            callback.__defaults__ = None

        name = f"{item.id}#{function}" if item.id else function
        callback = PythonFunction(_first_call.__code__, self.namespace.names, "host_call")
        callback.__defaults__ = (write, callback)
        return callback

    def _write(self, name: str, kind: t.FunctionType, implementation: Callable[..., Any]) -> PythonFunction:
        choose = getattr(implementation, "for_type", None)  # its types differ within one version of the interface
        implementation = implementation if choose is None else choose(kind)
        constant = self.namespace.constant
        resources = any(has_resources(part) for part in (*(part for _, part in kind.params), kind.result))
        arguments = ["HOSTS[context]"]
        arguments += [self.lifter.expression(part, Word("w", 4 * i)) for i, (_, part) in enumerate(kind.params)]
        call = f"{constant('implementation', implementation)}({', '.join(arguments)})"
        body = [f"# {kind.signature(name)}", "try:"]
        if kind.params:
            body.append("    w = args >> 3")
        if resources:
            body.append("    h = RUNNING[context].handles")
        elif kind.params or kind.result is not None:
            body.append("    h = None")
        if kind.result is None:
            body.append(f"    {call}")
        else:
            explain = constant("explain", _explainer(name, kind.result))
            body += [
                f"    v = {call}",
                "    w = results >> 3",
                "    try:",
                *(f"        {line}" for line in self.lowerer.statements(kind.result, Word("w"))),
                "    except Exception as error:",
                f"        {explain}(v, error)",
                "        raise",
            ]
        body += ["except BaseException as error:", "    return fail(context, error)"]
        return self.namespace.compile(
            "host_call", "data, context, kind, args, nargs, results, nresults", body, f"import {name}"
        )

    def _destructor(self, resource: t.Resource, lookup: Lookup) -> Any:
        interface, _, version = resource.interface.partition("@")
        hook = lookup(interface, f"[resource-drop]{resource.name}", version)

        def host_call(_data: int | None, context: int, rep: int) -> int | None:
            try:
                host = HOSTS[context]
                dropped = RUNNING[context].handles.objects.pop(rep)
                if hook is not None:
                    hook(host, dropped)
            except BaseException as error:  # noqa: BLE001  (kept and raised again by Instance.call)
                return fail(context, error)
            return None

        return ffi.DESTRUCTOR(host_call)


def _first_call(
    data: int | None, context: int, kind: int, args: int, nargs: int, results: int, nresults: int,
    write: Any, callback: Any,
) -> int | None:  # fmt: skip
    """What a callback does before its code is written. Its globals are the generated code's."""
    try:
        write()
    except BaseException as error:  # noqa: BLE001  (kept and raised again by Instance.call)
        return fail(context, error)
    answer: int | None = callback(data, context, kind, args, nargs, results, nresults)
    return answer


_DECLARED_OTHERWISE = "it may be declared for a later version than the engine offers; then build against an older one"


def _explainer(name: str, kind: t.Type) -> Callable[[Any, Exception], None]:
    """For a result that could not be written: says what is wrong with it as plainly as for a user's argument."""

    def explain(value: Any, error: Exception) -> None:
        fault = find_fault(value, kind, f"{name} result", lambda *_: "")
        if fault is not None:
            raise ImplementationFault(f"{fault}\n  {_DECLARED_OTHERWISE}") from error

    return explain
