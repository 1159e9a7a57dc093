"""The world of an app without WIT: inferred from the type hints of what bears `@export`.

All exported functions make one interface `api` in the package `app:NAME`, an exported class is a resource of it. The
package has no version, so that a release of the app is no new interface to those who call it. Which WIT a hint stands
for is decided in `hints`, how a class is spelt there in `worldnames`; the text is written by `worldtext`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from durable_codegen.app.places import Place, Places
from durable_codegen.faults import Fault, errors_in
from durable_codegen.infer.defaults import default_faults
from durable_codegen.infer.hints import HintReader
from durable_codegen.source.names import kebab
from durable_codegen.world.explicit import explicit_in, unseen_exports

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from durable_codegen.app.modules import Module
    from durable_codegen.discovery.scan import Class, MarkRecord, Scan
    from durable_codegen.discovery.scan import Function as AppFunction
    from durable_codegen.infer.shapes import PyClass, Shapes, Type
    from durable_codegen.world.explicit import Explicit

__all__ = ["INTERFACE", "Inferred", "InferredFunction", "InferredParam", "infer"]

#: The interface of all exports.
INTERFACE = "api"

#: What the bindings call the object of a method, in every function.
_RECEIVERS = ("self", "cls")

Kind = Literal["freestanding", "constructor", "method", "static"]


@dataclass(frozen=True, slots=True)
class InferredParam:
    """A parameter; `keyword`: Python wants it by its name. `default` is as in `Parameter`."""

    python: str
    wit: str
    type: Type
    keyword: bool
    default: tuple[Any, ...] = ()
    has_default: bool = False


@dataclass(frozen=True, slots=True)
class InferredFunction:
    """An export: `owner` is the key of its resource, `errors` the exception classes of `raises=` with their payloads.

    `error` is the type of the err side: None without payload. `scanned` is None where Python itself makes the object.
    """

    name: str
    python: str
    kind: Kind
    owner: str | None
    params: tuple[InferredParam, ...]
    result: Type | None
    errors: tuple[tuple[PyClass, Type | None], ...]
    error: Type | None
    docs: str
    explicit: Explicit
    scanned: AppFunction | None
    file: str | None
    line: int | None


@dataclass(frozen=True, slots=True)
class Inferred:
    """An inferred world; `name` is the component's in WIT."""

    name: str
    functions: tuple[InferredFunction, ...]
    shapes: Shapes

    def freestanding(self) -> Iterator[InferredFunction]:
        return (each for each in self.functions if each.owner is None)

    def of_resource(self, key: str) -> Iterator[InferredFunction]:
        return (each for each in self.functions if each.owner == key)

    def resources(self) -> dict[str, Explicit]:
        """The exported classes, by key."""
        return {each.owner: each.explicit for each in self.functions if each.owner is not None}


def infer(name: str, app: str, scan: Scan, sources: Mapping[str, Module], faults: list[Fault]) -> Inferred | None:
    """The world of the app module `app`; what is wrong with it goes to `faults`, and None comes back then."""
    before = len(faults)
    places = Places(sources)
    reader = HintReader(scan.types, places, faults)
    modules = sorted(scan.modules.values(), key=lambda module: (module.name != app, module.name))
    found = sorted(explicit_in(modules), key=lambda each: (each.module.name != app, each.mark.file, each.mark.line))
    world = _World(reader, places, faults)
    functions = [function for each in found for function in world.exports_of(each)]
    if not found and not scan.faults:  # else a mark has been refused, which may have been the one
        shown = sources[app].file if app in sources else app
        hint = "put @export on the functions that are called from outside, or write the world into wit/"
        faults.append(Fault("DSL605", "there is no WIT, and nothing bears @export", shown, None, hint))
    faults += _same_names(functions)
    faults += unseen_exports(scan)
    faults += _methods_alone(scan, found)
    return None if errors_in(faults[before:]) else Inferred(name, tuple(functions), reader.shapes)


class _World:
    """Reads exports one by one."""

    def __init__(self, reader: HintReader, places: Places, faults: list[Fault]) -> None:
        self._reader = reader
        self._places = places
        self._faults = faults

    def exports_of(self, explicit: Explicit) -> Iterator[InferredFunction]:
        """The export that a function is, or those of a class."""
        if explicit.function is not None:
            yield from self._function(explicit, explicit.function, explicit.name, "freestanding", None)
        elif explicit.class_ is not None:
            yield from self._class(explicit, explicit.class_)

    def _class(self, explicit: Explicit, owner: Class) -> Iterator[InferredFunction]:
        assert owner.type is not None, "exported classes are described"
        mark = explicit.mark
        file, line = self._places.class_(owner.module, owner.qualname)
        file, line = file or mark.file, line or mark.line
        if owner.abstract or owner.variables or owner.stands_for:
            what = f"has the abstract method {owner.abstract[0]}" if owner.abstract else f"is {owner.stands_for}"
            what = f"has the type variable {owner.variables[0]}" if owner.variables else what
            message = f"{owner.name} {what}: no object can be made of it from outside"
            hint = "put @export on the class that is complete"
            hint = "mark the class that objects are made of, and leave this one to hints" if owner.stands_for else hint
            self._faults.append(Fault("DSL609", message, file, line, hint))
            return
        if mark.arguments["raises"]:
            message, hint = f"raises= on the class {owner.name}", "put @export(raises=…) on the methods that raise it"
            self._faults.append(Fault("DSL610", message, file, line, hint))
        key = self._reader.resource(owner.type).key
        self._reader.owner = key
        init = owner.methods.get("__init__")
        if init is None or init.hints is None:
            yield InferredFunction(
                *("__init__", "__init__", "constructor", key, (), None, (), None, ""), explicit, None, file, line
            )
        for name, method in sorted(owner.methods.items(), key=_by_line):
            if method.hints is None or (method.file is None and name != "__init__"):
                continue
            kind: Kind = "method" if method.kind == "instance" else "static"
            yield from self._function(explicit, method, name, "constructor" if name == "__init__" else kind, key)
        self._reader.owner = None

    def _function(
        self, explicit: Explicit, function: AppFunction, name: str, kind: Kind, owner: str | None
    ) -> Iterator[InferredFunction]:
        shown = name if owner is None else f"{owner.partition(':')[2]}.{name}"
        mark = next((each for each in function.marks if each.kind == "export"), None)
        file, first = function.file or explicit.module.file, function.line
        if owner is not None and (not (function.file or "").endswith(".py") or (function.file or "").startswith("/")):
            # A dataclass's own __init__ stands in no file, a partialmethod in one of Python's.
            file, first = explicit.mark.file, explicit.mark.line
        line = self._places.function(file, first)
        before = len(self._faults)
        params = list(self._params(function, shown, file, first))
        hints = function.hints or {}
        result: Type | None = None
        if kind != "constructor":
            result = self._result(hints["returns"], Place(f"the result of {shown}", file, line))
        errors, error = self._errors(mark, shown, kind, file, line)
        if function.is_generator:
            hint = "collect what it yields and return a list"
            self._faults.append(
                Fault("DSL207", f"{shown} is a generator; an export returns its result", file, line, hint)
            )
        placed = [(each, file, self._places.parameter(file, first, each.python)) for each in params]
        self._faults += default_faults(placed, shown, self._reader.shapes)
        wit = self._name(explicit.mark if owner is None else mark, name, shown, kind, file, line)
        if not errors_in(self._faults[before:]) and wit is not None:
            docs = str(hints.get("doc", "")) if function.file else ""
            yield InferredFunction(
                *(wit, name, kind, owner, tuple(params), result, errors, error, docs), explicit, function, file, line
            )

    def _params(
        self, function: AppFunction, shown: str, file: str | None, first: int | None
    ) -> Iterator[InferredParam]:
        hints = (function.hints or {})["parameters"]
        seen: dict[str, str] = {}
        if function.parameters is None:
            message = f"Python cannot tell the parameters of {shown}"
            self._faults.append(Fault("DSL602", message, file, first, "write a def that calls it, with type hints"))
        for each in function.parameters or ():
            line = self._places.parameter(file, first, each.name)
            place = Place(f"the parameter {each.name} of {shown}", file, line)
            if each.kind.startswith("VAR_"):
                stars = "*" if each.kind == "VAR_POSITIONAL" else "**"
                message = f"{shown} takes {stars}{each.name}, and an export has a fixed number of parameters"
                hint = f"take {each.name}: {'list[T]' if stars == '*' else 'dict[str, T]'}"
                self._faults.append(Fault("DSL608", message, file, line, hint))
                continue
            wit = kebab(each.name)
            if wit is None or wit in seen or wit in _RECEIVERS:
                why = "has no name in WIT" if wit is None else f"is called {wit} in WIT, as {seen.get(wit)} is"
                why = f"cannot be called {wit}: the bindings have that name already" if wit in _RECEIVERS else why
                self._faults.append(
                    Fault("DSL606", f"{place.what} {why}", file, line, "rename it: letters a to z, digits and _")
                )
                continue
            seen[wit] = each.name
            kind = self._reader.of(hints.get(each.name, {"is": "missing", "text": ""}), place)
            if kind is not None:
                keyword = each.kind == "KEYWORD_ONLY"
                yield InferredParam(each.name, wit, kind, keyword, each.default, each.has_default)

    def _result(self, hint: Mapping[str, Any], place: Place) -> Type | None:
        if hint["is"] == "none":
            return None
        if hint["is"] == "missing":
            message = f"{place.what} has no type hint, and without WIT the hints are the world"
            more = "write -> None if it gives nothing back, or else the type"
            self._faults.append(Fault("DSL602", message, place.file, place.line, more))
            return None
        return self._reader.of(hint, place)

    def _errors(
        self, mark: MarkRecord | None, shown: str, kind: Kind, file: str | None, line: int | None
    ) -> tuple[tuple[tuple[PyClass, Type | None], ...], Type | None]:
        raises: Sequence[Mapping[str, Any]] = [] if mark is None else mark.arguments["raises"]
        if raises and kind == "constructor":
            message = f"raises= on {shown}: making a resource cannot be refused"
            hint = "make it in a class method or a function, which can"
            self._faults.append(Fault("DSL610", message, file, line, hint))
            return (), None
        found: list[tuple[PyClass, Type | None]] = []
        for each in raises:
            key = f"{each['module']}:{each['qualname']}"
            if key in {"builtins:Exception", "builtins:BaseException"}:
                message = f"{shown} raises {each['qualname']}: then every failure would be an outcome"
                self._faults.append(Fault("DSL610", message, file, line, "name the exceptions that are meant"))
                continue
            if not self._reader.is_error(key):
                message = f"{shown} raises {each['qualname']}, which is no Exception"
                self._faults.append(Fault("DSL610", message, file, line, "derive it from Exception"))
                continue
            error = self._reader.error(key, Place(f"raises= of {shown}", file, line))
            if error is not None:
                found.append(error)
        if len(found) == 1:
            return tuple(found), found[0][1]
        names = [kebab(each.qualname.rpartition(".")[2]) for each, _ in found]
        if len(set(names)) < len(names):
            message = f"{shown} raises two classes of one name"
            self._faults.append(Fault("DSL606", message, file, line, "rename one of the classes"))
            return (), None
        return tuple(found), self._reader.variant(found, None) if found else None

    def _name(
        self, mark: MarkRecord | None, name: str, shown: str, kind: Kind, file: str | None, line: int | None
    ) -> str | None:
        """The name of an export in WIT: that of `@export("name")`, or the function's own."""
        given = None if mark is None or kind == "constructor" else mark.arguments["name"]
        if kind == "constructor":
            return "__init__"
        wit = kebab(str(given or name))
        if wit is None or (given is not None and "#" in given):
            message = f"{shown} cannot be called {given or name} in WIT"
            hint = "all exports of an inferred world are in one interface: give the name of the function alone"
            hint = hint if wit is not None or "#" in str(given) else "use letters a to z, digits and _"
            self._faults.append(Fault("DSL606", message, file, line, hint))
            return None
        if kind in {"method", "static"} and wit == kebab(shown.rpartition(".")[0].rpartition(".")[2]):
            message = f"{shown} is called {wit} in WIT, as its class is"
            self._faults.append(Fault("DSL606", message, file, line, 'name it otherwise: @export("another-name")'))
            return None
        return wit


def _by_line(item: tuple[str, AppFunction]) -> tuple[bool, str, int]:
    """The constructor first, then as the methods stand in the source."""
    name, method = item
    return name != "__init__", method.file or "", method.line or 0


def _same_names(functions: Iterable[InferredFunction]) -> list[Fault]:
    """Two exports of one name."""
    seen: dict[tuple[str | None, str], InferredFunction] = {}
    found = []
    for each in functions:
        before = seen.setdefault((each.owner, each.name), each)
        if before is not each:
            message = (
                f"{each.python} and {before.python} ({before.file}:{before.line}) are both called {each.name} in WIT"
            )
            found.append(Fault("DSL606", message, each.file, each.line, 'name one of them: @export("another-name")'))
    return found


def _methods_alone(scan: Scan, found: Iterable[Explicit]) -> Iterator[Fault]:
    """Marks of `@export` on methods that are no exports: of classes that are not exported, or with private names."""
    exported = {each.class_.type for each in found if each.class_ is not None}
    # Those that an exported class inherits are exports with it.
    inherited = {
        (method.defined, name)
        for each in found
        if each.class_ is not None
        for name, method in each.class_.methods.items()
    }
    for module in scan.modules.values():
        for owner in module.classes.values():
            for name, method in owner.methods.items():
                export = next((each for each in method.marks if each.kind == "export"), None)
                if (
                    export is not None
                    and owner.type not in exported
                    and f"{owner.module}.{owner.qualname}" == method.defined
                    and (method.defined, name) not in inherited
                ):
                    message = f"@export on {owner.name}.{name}, a method of a class that is not exported"
                    yield Fault("DSL609", message, export.file, export.line, f"put @export on the class {owner.name}")
                elif export is not None and name.startswith("_") and name != "__init__" and owner.type in exported:
                    message = f"@export on {owner.name}.{name}: a method whose name begins with _ is not exported"
                    yield Fault("DSL609", message, export.file, export.line, "rename it, or leave @export out")
