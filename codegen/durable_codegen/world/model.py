"""The world of the user's component, as the build sees it: what it exports, function by function, and what it imports.

wasm-tools parses the WIT; this module turns its answer into a small model, refuses what a Golem 1.x component cannot
have, and keeps where things stand in the files for the messages of later stages.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from durable_codegen.faults import BuildFailed, Fault
from durable_codegen.source.names import InterfaceId, camel, snake
from durable_codegen.wit.json_form import Document, WitError, read_document
from durable_codegen.wit.user import UserWit, read_user_wit, shown_path
from durable_dsl import temporary

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from durable_codegen.wit.files import Places

__all__ = ["Function", "Interface", "Param", "World", "read_world"]

FunctionKind = Literal["freestanding", "constructor", "method", "static"]


@dataclass(frozen=True, slots=True)
class Param:
    """A parameter: its WIT name, and its type as WIT writes it."""

    name: str
    type: str


@dataclass(frozen=True, slots=True)
class Function:
    """A function; `params` leaves out self, and `fallible` says that domain errors are returned as its `result`."""

    name: str
    export: str
    kind: FunctionKind
    resource: str | None
    params: tuple[Param, ...]
    result: str | None
    fallible: bool
    docs: str

    @property
    def signature(self) -> str:
        """As WIT writes it, for messages."""
        params = ", ".join(f"{param.name}: {param.type}" for param in self.params)
        if self.kind == "constructor":
            return f"constructor({params})"
        result = "" if self.result is None else f" -> {self.result}"
        return f"{self.name}: {'static ' if self.kind == 'static' else ''}func({params}){result}"


@dataclass(frozen=True, slots=True)
class Interface:
    """An exported interface; `id` is None for the world's own functions, and only a name if the world declares it."""

    id: str | None
    name: str
    functions: tuple[Function, ...]
    resources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class World:
    """A world of the user's package. Equal worlds have equal WIT; the places are for messages."""

    package: str
    version: str
    name: str
    exports: tuple[Interface, ...]
    imports: tuple[str, ...]
    golem_api: str | None
    golem_api_exported: str | None
    file: str
    docs: str
    places: Places = field(compare=False, repr=False)

    @property
    def id(self) -> str:
        """As an `include` names it."""
        return f"{self.package}/{self.name}" + (f"@{self.version}" if self.version else "")

    @property
    def class_name(self) -> str:
        """What a world module of the world's own name calls the class of its functions."""
        return camel(self.name)

    def place_of(self, interface: Interface, function: Function | None = None) -> tuple[str | None, int | None]:
        """File and line of an exported function, or of the interface; None for what is not found."""
        if function is None:
            return self._place_of_interface(interface)
        scope = f"world {self.name}" if interface.id is None else interface.name
        if function.resource is not None:
            name = "constructor" if function.kind == "constructor" else function.name
            place = self.places.of(f"{scope}.{function.resource}", name)
        else:
            place = self.places.of(scope, function.name)
        return place if place[0] is not None else self._place_of_interface(interface)

    def place_of_resource(self, interface: Interface, resource: str) -> tuple[str | None, int | None]:
        place = self.places.of(interface.name, resource)
        return place if place[0] is not None else self._place_of_interface(interface)

    def place_of_import(self, prefix: str) -> tuple[str | None, int | None]:
        """File and line where the world imports something whose id begins so."""
        return self.places.of_prefix(f"world {self.name}", prefix)

    def _place_of_interface(self, interface: Interface) -> tuple[str | None, int | None]:
        world = self.places.of("", self.name)
        if interface.id is None:
            return world
        for scope, name in (("", interface.name), (f"world {self.name}", interface.name)):
            if (place := self.places.of(scope, name))[0] is not None:
                return place
        place = self.places.of_prefix(f"world {self.name}", interface.id)
        return place if place[0] is not None else world


def read_world(wit: Path, world: str | None) -> World:
    """Read the user's WIT and choose its world: the one that is named, or the only one."""
    user = read_user_wit(wit)
    with temporary.folder() as folder:
        staged = Path(folder) / "wit"
        user.stage(staged)
        try:
            document = read_document(staged)
        except WitError as error:
            raise BuildFailed([_parse_fault(error, user, staged)]) from None
    chosen = _choose(document, user, world)
    if faults := list(_refused(document, chosen, user)):
        raise BuildFailed(faults)
    return _model(document, chosen, user)


def _choose(document: Document, user: UserWit, wanted: str | None) -> dict[str, Any]:
    own = [entry for entry in document.worlds if document.package_name(entry["package"]) == user.id]
    names = [entry["name"] for entry in own]
    if wanted is not None:
        plain = wanted.partition("@")[0].rpartition("/")[2].replace("_", "-")
        for entry in own:
            if entry["name"] in {wanted, plain}:
                return entry
        message = f'the package {user.id} has no world "{wanted}"'
    elif len(own) == 1:
        return own[0]
    else:
        message = f"the package {user.id} has {'several worlds' if own else 'no world'}"
    hint = f"Name one with --world: {', '.join(names)}." if names else "Write a world that exports what the app offers."
    file, line = user.places.of("", names[0]) if names else (shown_path(user.files[0]), 1)
    raise BuildFailed([Fault("DSL103", message, file, line, hint=hint)])


def _model(document: Document, world: dict[str, Any], user: UserWit) -> World:
    own_functions: list[Function] = []
    interfaces: list[Interface] = []
    for kind, key, content in document.items(world, "exports"):
        if kind == "function" and not isinstance(content, int):
            own_functions.append(_function(document, content))
        elif kind == "interface" and isinstance(content, int):
            interfaces.append(_interface(document, key, content))
    if own_functions:
        interfaces.insert(0, Interface(None, "", tuple(own_functions), ()))
    imports = tuple(document.interfaces_of(world, "imports"))
    file, _ = user.places.of("", world["name"])
    return World(
        package=user.package,
        version=user.version,
        name=world["name"],
        exports=tuple(interfaces),
        imports=imports,
        golem_api=_golem_api(imports),
        golem_api_exported=_golem_api(entry.id for entry in interfaces if entry.id is not None),
        file=file or shown_path(user.files[0]),
        docs=_docs(world),
        places=user.places,
    )


def _golem_api(interfaces: Iterable[str]) -> str | None:
    """The version of golem:api among some interfaces; that of its host goes first."""
    ids = [InterfaceId.parse(text) for text in interfaces]
    versions = [this.version for this in ids if (this.namespace, this.package) == ("golem", "api")]
    hosts = [this.version for this in ids if this[:3] == ("golem", "api", "host")]
    return next(iter(hosts or versions), None)


def _interface(document: Document, key: str, position: int) -> Interface:
    interface = document.interface(position)
    functions = tuple(_function(document, function) for function in interface["functions"].values())
    resources = tuple(
        name for name, entry in interface["types"].items() if document.type_definition(entry)["kind"] == "resource"
    )
    return Interface(key, InterfaceId.parse(key).name, functions, resources)


def _function(document: Document, function: dict[str, Any]) -> Function:
    kind, owner = _kind(function)
    resource = None if owner is None else str(document.type_definition(owner)["name"])
    params = function["params"][1:] if kind == "method" else function["params"]
    result = None if kind == "constructor" else function.get("result")
    return Function(
        name=_plain_name(function["name"]),
        export=function["name"],
        kind=kind,
        resource=resource,
        params=tuple(Param(param["name"], document.type_text(param["type"])) for param in params),
        result=None if result is None else document.type_text(result),
        fallible=document.is_result(function.get("result")),
        docs=_docs(function),
    )


def _kind(function: dict[str, Any]) -> tuple[FunctionKind, int | None]:
    match function["kind"]:
        case {"method": owner}:
            return "method", owner
        case {"static": owner}:
            return "static", owner
        case {"constructor": owner}:
            return "constructor", owner
        case _:
            return "freestanding", None


def _plain_name(name: str) -> str:
    """`[method]cart.add` as `add`, `[constructor]cart` as `cart`."""
    return name.rpartition("]")[2].rpartition(".")[2]


def _docs(entry: dict[str, Any]) -> str:
    docs = entry.get("docs") or {}
    return str(docs.get("contents") or "").strip()


def _refused(document: Document, world: dict[str, Any], user: UserWit) -> Iterator[Fault]:
    """What the build does not take, in what the user wrote: Golem's own packages have nothing of it."""
    for direction in ("imports", "exports"):
        for kind, key, content in document.items(world, direction):
            if kind == "function" and not isinstance(content, int):
                yield from _refused_function(document, content, f"world {world['name']}", user)
            elif kind == "interface" and isinstance(content, int):
                if direction == "imports" and InterfaceId.parse(key).package == "":
                    yield _inline_import(key, world["name"], user)
                interface = document.interface(content)
                for function in interface["functions"].values():
                    yield from _refused_function(document, function, InterfaceId.parse(key).name, user)
                for name, position in interface["types"].items():
                    place = user.places.of(InterfaceId.parse(key).name, name)
                    yield from _refused_types(document, f"the type {name}", [position], place)


def _refused_function(document: Document, function: dict[str, Any], scope: str, user: UserWit) -> Iterator[Fault]:
    name = _plain_name(function["name"])
    resource = re.match(r"\[\w+\](.+?)(?:\.|$)", function["name"])
    file, line = user.places.of(f"{scope}.{resource[1]}" if resource else scope, name)
    kind = function["kind"]
    is_async = kind.startswith("async") if isinstance(kind, str) else next(iter(kind)).startswith("async")
    if is_async:
        yield Fault(
            "DSL104",
            f"{name} is an async func, which no Golem 1.x server runs",
            file,
            line,
            hint=f"Write func here and async def {snake(name)} in Python: it runs on an event loop of its own.",
        )
    types = [*(param["type"] for param in function["params"]), function.get("result")]
    yield from _refused_types(document, name, types, (file, line))


def _refused_types(
    document: Document, what: str, types: Sequence[str | int | None], place: tuple[str | None, int | None]
) -> Iterator[Fault]:
    used = {part for reference in types for part in document.kinds_within(reference)}
    for part, instead in _REFUSED_TYPES.items():
        if part in used:
            message = f"{what} uses {_TYPE_NAMES.get(part, part)}, which no Golem 1.x server has"
            yield Fault("DSL109", message, *place, hint=instead)


_REFUSED_TYPES = {
    "stream": "Use list<u8> or list<…>, or a resource with a method that gives the next part.",
    "future": "Return the value itself: an async def is awaited before its result goes out.",
    "error-context": "Use result<…, string>, or an error type of your own.",
    "map": "Use list<tuple<…, …>>.",
    "fixed-length-list": "Use list<…> or a tuple.",
}
_TYPE_NAMES = {"fixed-length-list": "list<…, N>"}


def _inline_import(name: str, world: str, user: UserWit) -> Fault:
    file, line = user.places.of(f"world {world}", name)
    return Fault(
        "DSL109",
        f"the world {world} imports the interface {name}, which it declares itself; Python cannot get at it",
        file,
        line,
        hint=f"Declare it outside of the world (interface {name} {{ … }}) and import it by its name.",
    )


def _parse_fault(error: WitError, user: UserWit, staged: Path) -> Fault:
    """The message of wasm-tools, said of the user's file."""
    text = str(error).removeprefix("error: ")
    file: str | None = None
    line: int | None = None
    if match := re.search(r"--> (.+?):(\d+):(\d+)", text):
        original = user.original_of(match[1], staged)
        if original is not None:
            file, line = shown_path(original), int(match[2])
            text = text.replace(match[1], file)
    for prefix in (str(staged.resolve()), str(staged)):
        text = text.replace(prefix, shown_path(user.path))
    return Fault("DSL101", text, file, line)
