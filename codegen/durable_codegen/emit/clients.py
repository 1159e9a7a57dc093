"""A module for those who call a component: its exports as protocol classes of `durable_dsl.remote`, with their types.

What WIT says is written down in the hints that `remote` understands: a record is a dataclass, each case of a variant a
class of its own, a `result` what its function raises. Functions that take or give resources are left out by name.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from durable_codegen.emit.wrapper import template
from durable_codegen.infer.world import INTERFACE
from durable_codegen.source.literals import docstring, in_comment
from durable_codegen.source.names import InterfaceId, camel, kebab, python_name, snake

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from durable_codegen.wit.json_form import Document, TypeRef

__all__ = ["client_module"]

_PRIMITIVES = {"bool": "bool", "string": "str", "s64": "int", "f64": "float"}
_NAMED = frozenset({"u8", "u16", "u32", "u64", "s8", "s16", "s32", "f32", "char"})
#: Exports that are not for other workers: the runtime's, and what Golem itself calls.
_NOT_FOR_CALLERS = ("wasi", "golem")


class _Unsendable(Exception):  # noqa: N818 - never leaves this module
    """The type cannot be sent; the text says which it is."""


@dataclass
class _Method:
    name: str
    parameters: str
    returns: str
    #: What `@remote.method` is given.
    declared: str
    docs: str


@dataclass
class _Protocol:
    name: str
    interface: str
    docs: str
    methods: list[_Method] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)


def client_module(document: Document, world: Mapping[str, Any], component: str, *, version: str) -> str:
    """The text of the module for the exports of a world; `component` is what the component is called."""
    writer = _Writer(document, component)
    exported = list(_exports(document, world))
    writer.look_for_errors(exported)
    protocols = [writer.protocol(id_, functions, docs) for id_, functions, docs in exported]
    return template("client.py.jinja").render(
        component=component,
        version=version,
        protocols=[each for each in protocols if each.methods],
        left_out=[line for each in protocols for line in each.left_out],
        types=writer.types,
        aliases=writer.aliases,
        imports=writer.imports(),
        widths=writer.widths,
    )


def _exports(document: Document, world: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any], str]]:
    """Interface id ("" for the world's own), its functions and what it says of itself."""
    own: dict[str, Any] = {}
    for kind, name, content in document.items(dict(world), "exports"):
        if kind == "function" and isinstance(content, dict):
            own[name] = content
        elif kind == "interface" and isinstance(content, int) and ":" in name:
            interface = document.interface(content)
            if InterfaceId.parse(name).namespace not in _NOT_FOR_CALLERS:
                yield name, interface["functions"], _docs(interface)
    if own:
        yield "", own, _docs(world)


class _Writer:
    def __init__(self, document: Document, component: str) -> None:
        self._document = document
        self._component = component
        self._names: dict[int, str] = {}
        #: Types that functions refuse with: a record among them is an exception.
        self._errors: set[int] = set()
        self._taken = {"Protocol", "TypeAlias", "Enum", "Flag", "Ok", "Err", *_NAMED}
        #: Definitions of classes, and of unions of them, in the order in which they are needed.
        self.types: list[str] = []
        self.aliases: list[str] = []
        self.widths: set[str] = set()
        self.uses: set[str] = set()

    def look_for_errors(self, exported: Iterable[tuple[str, Mapping[str, Any], str]]) -> None:
        """Note what functions refuse with, before any type is written."""
        for _, functions, _ in exported:
            for function in functions.values():
                result = function.get("result")
                if self._document.is_result(result) and isinstance(result, int):
                    ((_, sides),) = self._document.type_definition(result)["kind"].items()
                    error = None if sides["err"] is None else self._resolved(sides["err"])
                    if isinstance(error, int):
                        self._errors.add(error)

    def protocol(self, interface: str, functions: Mapping[str, Any], docs: str) -> _Protocol:
        name = camel(InterfaceId.parse(interface).name) if interface else "World"
        if interface == f"app:{self._component}/{INTERFACE}":  # of a component without WIT
            name = camel(self._component)
        made = _Protocol(self._free(name, "Calls"), interface, docs or f"{interface or 'The functions of the world'}.")
        for wit, function in functions.items():
            try:
                made.methods.append(self._method(wit, function))
            except _Unsendable as unsendable:
                made.left_out.append(f"{interface}#{wit}: {unsendable}".lstrip("#"))
        return made

    def _method(self, wit: str, function: Mapping[str, Any]) -> _Method:
        if function["kind"] not in ("freestanding", {"freestanding": {}}):
            raise _Unsendable("a function of a resource")
        name = python_name(wit)
        params = function["params"]
        parameters = ["self", *(f"{python_name(each['name'])}: {self.hint(each['type'])}" for each in params)]
        result, raises = function.get("result"), ""
        if self._document.is_result(result) and isinstance(result, int):
            ((_, sides),) = self._document.type_definition(result)["kind"].items()
            raises = self._refusal(name, sides["err"])
            result = sides["ok"]
        given = [*([f"raises={raises}"] if raises else []), *([f'name="{wit}"'] if kebab(name) != wit else [])]
        returns = "None" if result is None else self.hint(result)
        declared = f"@remote.method({', '.join(given)})" if given else "@remote.method"
        return _Method(name, ", ".join(parameters), returns, declared, _docs(function))

    def _refusal(self, function: str, kind: TypeRef | None) -> str:
        """What a function raises: the type of its err, or a class of its own where that says nothing."""
        if kind is not None:
            return self.hint(kind)
        name = self._free(f"{camel(function)}Refused", "Too")
        self.types.append(f'@dataclass\nclass {name}(Exception):\n    """{function} has refused, and says no more."""')
        self.uses.add("dataclass")
        return name

    def imports(self) -> list[str]:
        """The import statements of the module, the standard library's first."""
        found = {
            "dataclasses": self.uses & {"dataclass"},
            "enum": self.uses & {"Enum", "Flag"},
            "typing": {"Protocol", *(self.uses & {"TypeAlias"})},
        }
        ours = {"durable_dsl": {"remote", *(self.uses & {"Err", "Ok"})}, "durable_dsl.types": self.widths}
        blocks = [[_import(module, names) for module, names in each.items() if names] for each in (found, ours)]
        return [*blocks[0], "", *blocks[1]]

    def hint(self, kind: TypeRef) -> str:
        """The hint of a type."""
        if isinstance(kind, str):
            if kind in _NAMED:
                self.widths.add(kind)
            return _PRIMITIVES.get(kind, kind)
        definition = self._document.type_definition(kind)
        content = definition["kind"]
        inside: Any
        name, inside = (content, None) if isinstance(content, str) else next(iter(content.items()))
        if name in {"record", "variant", "enum", "flags"}:
            if kind not in self._names:
                self._names[kind] = self._free(camel(definition["name"]), "Type")
                base = "(Exception)" if name == "record" and kind in self._errors else ""
                getattr(self, f"_{name}")(self._names[kind] + base, inside, _docs(definition))
            return self._names[kind]
        match name:
            case "type":
                return self.hint(inside)
            case "list" if self._resolved(inside) == "u8":
                return "bytes"
            case "list":
                return f"list[{self.hint(inside)}]"
            case "tuple" if inside["types"]:
                return f"tuple[{', '.join(map(self.hint, inside['types']))}]"
            case "option" if not self._is_option(inside):
                return f"{self.hint(inside)} | None"
            case "result":
                self.uses |= {"Ok", "Err"}
                ok, err = ("None" if side is None else self.hint(side) for side in (inside["ok"], inside["err"]))
                return f"Ok[{ok}] | Err[{err}]"
        raise _Unsendable(f"{self._document.type_text(kind)} cannot be sent to another worker")

    def _resolved(self, kind: TypeRef) -> TypeRef:
        while isinstance(kind, int):
            content = self._document.type_definition(kind)["kind"]
            if not (isinstance(content, dict) and "type" in content):
                break
            kind = content["type"]
        return kind

    def _is_option(self, kind: TypeRef) -> bool:
        resolved = self._resolved(kind)
        content = self._document.type_definition(resolved)["kind"] if isinstance(resolved, int) else ""
        return isinstance(content, dict) and "option" in content

    def _record(self, name: str, inside: Any, docs: str) -> None:
        fields = [f"{python_name(each['name'])}: {self.hint(each['type'])}" for each in inside["fields"]]
        self._class("@dataclass", f"class {name}:", docs, fields)
        self.uses.add("dataclass")

    def _variant(self, name: str, inside: Any, docs: str) -> None:
        cases = []
        for each in inside["cases"]:
            case = self._free(f"{name}{camel(each['name'])}", "Case")
            cases.append(case)
            payload = each["type"]
            decorators = "@dataclass" if payload is None else "@remote.case\n@dataclass"
            fields = [] if payload is None else [f"value: {self.hint(payload)}"]
            self._class(decorators, f"class {case}:", _docs(each) or f"{name}: {each['name']}.", fields)
        note = f"  # {in_comment(docs.splitlines()[0])}" if docs else ""
        self.aliases.append(f"{name}: TypeAlias = {' | '.join(cases)}{note}")
        self.uses |= {"dataclass", "TypeAlias"}

    def _enum(self, name: str, inside: Any, docs: str) -> None:
        members = [f'{_member(each["name"])} = "{each["name"]}"' for each in inside["cases"]]
        self._class("", f"class {name}(Enum):", docs, members)
        self.uses.add("Enum")

    def _flags(self, name: str, inside: Any, docs: str) -> None:
        members = [f"{_member(each['name'])} = {1 << at}" for at, each in enumerate(inside["flags"])]
        self._class("", f"class {name}(Flag):", docs, members)
        self.uses.add("Flag")

    def _class(self, decorators: str, head: str, docs: str, lines: list[str]) -> None:
        body = [f"    {docstring(docs, 4)}", *([""] if lines else [])] if docs else []
        body += [f"    {line}" for line in lines]
        self.types.append("\n".join([*filter(None, [decorators]), head, *(body or ["    pass"])]))

    def _free(self, name: str, suffix: str) -> str:
        while name in self._taken:
            name += suffix
        self._taken.add(name)
        return name


def _import(module: str, names: Iterable[str]) -> str:
    return f"from {module} import {', '.join(sorted(names))}"


def _member(name: str) -> str:
    return snake(name).upper()


def _docs(item: Mapping[str, Any]) -> str:
    return str((item.get("docs") or {}).get("contents") or "").strip()
