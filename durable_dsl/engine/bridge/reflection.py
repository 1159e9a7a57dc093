"""Reads a component's imports and exports into `types`, through wasmtime-py's public reflection.

Names and resources are read at once (a few milliseconds for all of WASI); function types only when asked for, since
a guest calls few of the functions that its runtime imports.

Two resources that wasmtime calls equal are one `Resource`: `pollable` is the same whichever interface uses it. A
component names a type before it uses it, so the first interface to name a resource is the one that declares it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from wasmtime import component as wc

from durable_dsl.engine.traps import ComponentFault
from durable_dsl.engine.wit import types as t

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wasmtime import Engine

_PRIMITIVES: dict[type, t.Primitive] = {
    wc.Bool: t.Primitive("bool"),
    wc.U8: t.Primitive("u8"),
    wc.U16: t.Primitive("u16"),
    wc.U32: t.Primitive("u32"),
    wc.U64: t.Primitive("u64"),
    wc.S8: t.Primitive("s8"),
    wc.S16: t.Primitive("s16"),
    wc.S32: t.Primitive("s32"),
    wc.S64: t.Primitive("s64"),
    wc.F32: t.Primitive("f32"),
    wc.F64: t.Primitive("f64"),
    wc.Char: t.Primitive("char"),
    wc.String: t.Primitive("string"),
}
_NAMED = (wc.RecordType, wc.VariantType, wc.EnumType, wc.FlagsType)


@dataclass(slots=True)
class Interface:
    """One imported or exported interface; `id` is "" for what stands in the world itself."""

    id: str
    functions: dict[str, wc.FuncType] = field(default_factory=dict)
    resources: dict[str, t.Resource] = field(default_factory=dict)
    names: list[tuple[Any, str]] = field(default_factory=list)


class Reflection:
    """The interfaces of one component, in the component's order."""

    def __init__(self, component: wc.Component, engine: Engine) -> None:
        self._engine = engine
        self._resources: list[tuple[wc.ResourceType, t.Resource]] = []
        self._read: dict[tuple[str, str, bool], t.FunctionType] = {}
        #: By the names of exported types, what their cases are called besides.
        self.aliases: Mapping[str, Mapping[str, str]] = {}
        #: By the names of exported records, what their fields are where nothing is said.
        self.fields: Mapping[str, Mapping[str, Any]] = {}
        kind = component.type
        self.imports = self._interfaces(kind.imports(engine), host=True)
        self.exports = self._interfaces(kind.exports(engine), host=False)

    @property
    def host_resources(self) -> tuple[t.Resource, ...]:
        """The resource types that the host implements, by their index."""
        return tuple(resource for _, resource in self._resources if resource.host)

    def function(self, interface: Interface, name: str) -> t.FunctionType:
        """The type of one function; a type that this engine cannot carry is a `ComponentFault`."""
        raw = interface.functions[name]
        where = f"{interface.id}#{name}" if interface.id else name
        try:
            params = tuple((param, self._type(kind, interface)) for param, kind in raw.params)
            result = raw.result
            return t.FunctionType(params, None if result is None else self._type(result, interface))
        except TypeError as error:  # wasmtime-py's answer to a kind that it does not know
            raise ComponentFault(f"{where}: {error}; this engine carries WASI 0.2 types only") from error

    def _interfaces(self, externs: dict[str, Any], *, host: bool) -> dict[str, Interface]:
        root = Interface("")
        found: dict[str, Interface] = {}
        for name, extern in externs.items():
            item = extern.ty
            if isinstance(item, wc.ComponentInstanceType):
                interface = found[name] = Interface(name)
                for inner, inner_extern in item.exports(self._engine).items():
                    self._add(interface, inner, inner_extern.ty, host=host)
            else:
                self._add(root, name, item, host=host)
        if root.functions or root.resources:
            found = {"": root, **found}
        return found

    def _add(self, interface: Interface, name: str, item: Any, *, host: bool) -> None:
        if isinstance(item, wc.FuncType):
            interface.functions[name] = item
        elif isinstance(item, wc.ResourceType):
            interface.resources[name] = self._resource(interface.id, name, item, host=host)
        elif isinstance(item, _NAMED):
            interface.names.append((item, name))

    def _resource(self, interface: str, name: str, raw: wc.ResourceType, *, host: bool) -> t.Resource:
        known = self._known(raw, name)
        if known is None:
            index = sum(resource.host is host for _, resource in self._resources)
            known = t.Resource(interface, name, host, index)
            self._resources.append((raw, known))
        return known

    def _known(self, raw: wc.ResourceType, name: str = "") -> t.Resource | None:
        """Compares with resources of the same name first: an alias nearly always keeps the name."""
        for kind, resource in sorted(self._resources, key=lambda pair: pair[1].name != name):
            if kind == raw:
                return resource
        return None

    def _type(self, raw: Any, interface: Interface) -> t.Type:
        simple = _PRIMITIVES.get(type(raw))
        if simple is not None:
            return simple
        match raw:
            case wc.ListType():
                return t.ListOf(self._type(raw.element, interface))
            case wc.TupleType():
                return t.Tuple(tuple(self._type(element, interface) for element in raw.elements))
            case wc.OptionType():
                return t.Option(self._type(raw.payload, interface))
            case wc.ResultType():
                ok, err = raw.ok, raw.err
                return t.Result(
                    None if ok is None else self._type(ok, interface),
                    None if err is None else self._type(err, interface),
                )
            case wc.RecordType():
                fields = tuple((name, self._type(kind, interface)) for name, kind in raw.fields)
                name = self._name(raw, interface)
                return t.Record(name, fields, self._own(self.fields, name, interface))
            case wc.VariantType():
                cases = tuple((name, None if kind is None else self._type(kind, interface)) for name, kind in raw.cases)
                return t.Variant(self._name(raw, interface), cases)
            case wc.EnumType():
                name = self._name(raw, interface)
                return t.Enum(name, tuple(raw.names), self._own(self.aliases, name, interface))
            case wc.FlagsType():
                name = self._name(raw, interface)
                return t.Flags(name, tuple(raw.names), self._own(self.aliases, name, interface))
            case wc.OwnType():
                return t.Own(self._handle(raw.ty))
            case wc.BorrowType():
                return t.Borrow(self._handle(raw.ty))
            case _:
                raise TypeError(f"a value of type {type(raw).__name__}")

    def _handle(self, raw: wc.ResourceType) -> t.Resource:
        known = self._known(raw)
        if known is None:
            raise TypeError("a resource that no interface names")
        return known

    def _own(
        self, said: Mapping[str, Mapping[str, Any]], name: str | None, interface: Interface
    ) -> tuple[tuple[str, Any], ...]:
        """What the build has said of a type that the component exports itself."""
        if not said or interface is not self.exports.get(interface.id):
            return ()
        return tuple(said.get(name or "", {}).items())

    def _name(self, raw: Any, interface: Interface) -> str | None:
        """The WIT name: the interface's own, else any other interface's for an equal type."""
        for other in (interface, *self.imports.values(), *self.exports.values()):
            for kind, name in other.names:
                if type(kind) is type(raw) and kind == raw:
                    return name
        return None
