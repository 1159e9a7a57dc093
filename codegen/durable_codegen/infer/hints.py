"""From type hints to WIT: which type a hint stands for, and what is wrong with it where it stands for none.

Every class is looked at once. A hint that cannot cross is a fault at the line where it stands, with what to use
instead; what contains it is left out without a word of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from durable_codegen.app.places import Place
from durable_codegen.faults import Fault
from durable_codegen.infer.refusals import instead_of
from durable_codegen.infer.shapes import (
    Bytes,
    Case,
    DictOf,
    Enumeration,
    Field,
    FlagSet,
    ListOf,
    Named,
    OptionOf,
    Primitive,
    PyClass,
    Record,
    Resource,
    Shapes,
    TupleOf,
    Type,
    Variant,
)
from durable_codegen.source.names import kebab

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from durable_codegen.app.places import Places

__all__ = ["HintReader"]

_PRIMITIVES = {"int": "s64", "float": "f64", "bool": "bool", "str": "string"}
_BASE_OF_WIDTH = {"f32": "float", "f64": "float", "char": "str"}
_MOST_FLAGS = 32
_CROSS = "cannot cross the border of a component"


class HintReader:
    """Reads hints as the scan describes them. What is found goes to `shapes`, what is wrong to `faults`."""

    def __init__(self, classes: Mapping[str, Any], places: Places, faults: list[Fault]) -> None:
        self._classes = classes
        self._places = places
        self._faults = faults
        self.shapes = Shapes()
        self._done: dict[str, Named | None] = {}
        self._open: list[str] = []
        #: What a class of errors or a resource is called where `Self` stands.
        self.owner: str | None = None

    def of(
        self, hint: Mapping[str, Any], place: Place, variables: Mapping[str, Type | None] | None = None
    ) -> Type | None:
        """The type that a hint stands for; None if it stands for none, which is noted."""
        variables = variables or {}
        match hint["is"]:
            case "int" | "float" | "bool" | "str" as name:
                return Primitive(_PRIMITIVES[name])
            case "bytes":
                return Bytes()
            case "width":
                return self._width(hint, place)
            case "list":
                item = self.of(hint["item"], place, variables)
                return item and ListOf(item, is_tuple=hint["as"] == "tuple")
            case "tuple":
                items = [self.of(each, place, variables) for each in hint["items"]]
                return TupleOf(tuple(each for each in items if each)) if all(items) else None
            case "dict":
                return self._dict(hint, place, variables)
            case "union":
                return self._union(hint, place, variables)
            case "class":
                return self._class(hint, place, variables)
            case "self" if self.owner is not None:
                return Named(self.owner)
            case "variable" if hint["name"] in variables:
                return variables[hint["name"]]
            case _:
                self._faults.append(self._not_a_type(hint, place))
                return None

    def is_error(self, key: str) -> bool:
        """Whether an exception class is one of those that are caught by `except Exception`."""
        return "builtins:Exception" in self._classes[key]["bases"]

    def error(self, key: str, place: Place) -> tuple[PyClass, Type | None] | None:
        """An exception class and its payload: None for one without fields. None instead of both if it will not do."""
        about = self._classes[key]
        if not self._usable(about, place):
            return None
        python = PyClass(about["module"], about["qualname"])
        if about["kind"] != "dataclass":
            return python, Primitive("string")
        if not about["fields"]:
            return python, None
        found = self._class({"key": key, "arguments": [], "text": about["qualname"]}, place, {})
        return (python, found) if found is not None else None

    def resource(self, key: str) -> Named:
        """An exported class."""
        about = self._classes[key]
        self.shapes.table.setdefault(key, Resource(PyClass(about["module"], about["qualname"]), about["doc"]))
        return Named(key)

    def variant(self, cases: Sequence[tuple[PyClass, Type | None]], name: str | None) -> Named:
        """A variant of classes, told apart by their class; `name` is what the app calls the union."""
        keys = [f"{each.module}:{each.qualname}" for each, _ in cases]
        texts = [f"{key}{each.arguments or ''}" for key, (each, _) in zip(keys, cases, strict=True)]
        key = "|".join(sorted(texts))
        if key not in self.shapes.table:
            made = [Case(kebab(each.qualname.rpartition(".")[2]) or "case", each, payload) for each, payload in cases]
            # A subclass is found before its bases.
            order = sorted(range(len(cases)), key=lambda at: -len(self._classes[keys[at]]["bases"]))
            self.shapes.table[key] = Variant(tuple(made), tuple(order))
            self.shapes.names[key] = name or " or ".join(each.wit for each in made)
        return Named(key)

    def _width(self, hint: Mapping[str, Any], place: Place) -> Type | None:
        base = _BASE_OF_WIDTH.get(hint["name"], "int")
        if hint["base"]["is"] == base:
            return Primitive(hint["name"])
        message = f"{place.what} is {hint['name']} of something else than {base}"
        self._faults.append(Fault("DSL601", message, place.file, place.line, f"{hint['name']} is a width of {base}"))
        return None

    def _dict(self, hint: Mapping[str, Any], place: Place, variables: Mapping[str, Type | None]) -> Type | None:
        key, value = (self.of(hint[part], place, variables) for part in ("key", "value"))
        if key is None or value is None:
            return None
        if key != Primitive("string"):
            message = f"{place.what} is {hint['text']}, and only a dict with str keys can cross"
            instead = f"use list[tuple[{hint['key']['text']}, {hint['value']['text']}]], or str keys"
            self._faults.append(Fault("DSL601", message, place.file, place.line, instead))
            return None
        return DictOf(value)

    def _union(self, hint: Mapping[str, Any], place: Place, variables: Mapping[str, Type | None]) -> Type | None:
        items = [each for each in hint["items"] if each["is"] != "none"]
        optional = len(items) < len(hint["items"])
        single = len(items) == 1
        found = self.of(items[0], place, variables) if single else self._variant(items, hint, place, variables)
        if found is None or not optional or isinstance(found, OptionOf):
            return found
        return OptionOf(found)

    def _variant(
        self, items: list[Any], hint: Mapping[str, Any], place: Place, variables: Mapping[str, Type | None]
    ) -> Type | None:
        cases: list[tuple[PyClass, Type | None]] = []
        for each in items:
            about = self._classes.get(each.get("key", ""), {})
            if each["is"] != "class" or about["kind"] != "dataclass" or about["exported"]:
                message = f"{place.what} is {hint['text']}: only dataclasses, or one type and None, make a union"
                instead = f"put {each['text']} into a dataclass of its own, which then names the case"
                self._faults.append(Fault("DSL601", message, place.file, place.line, instead))
                return None
            if not about["fields"]:
                if not self._usable(about, place):
                    return None
                cases.append((PyClass(about["module"], about["qualname"]), None))
                continue
            payload = self._class(each, place, variables)
            if payload is None:
                return None
            record = self.shapes.table[payload.key]
            assert isinstance(record, Record)
            cases.append((record.python, payload))
        names = [kebab(each.qualname.rpartition(".")[2]) for each, _ in cases]
        if len(set(names)) < len(names):
            message = f"{place.what} is {hint['text']}: two of its classes have one name"
            self._faults.append(Fault("DSL606", message, place.file, place.line, "rename one of the classes"))
            return None
        return self.variant(cases, kebab(hint.get("name") or ""))

    def _class(self, hint: Mapping[str, Any], place: Place, variables: Mapping[str, Type | None]) -> Named | None:
        about = self._classes[hint["key"]]
        if about["exported"]:
            return self.resource(hint["key"])
        if about["kind"] == "other":
            self._faults.append(self._not_a_type({**hint, "is": "class"}, place))
            return None
        arguments = [self.of(each, place, variables) for each in hint["arguments"]]
        if not all(arguments):
            return None
        given = tuple(each for each in arguments if each)
        key = hint["key"] + (f"[{', '.join(map(str, given))}]" if given else "")
        if hint["key"] in self._open:
            # Also with other type arguments: what holds itself in a list of itself would never end.
            self._recursive(about, place)
            return None
        if key not in self._done:
            self._done[key] = Named(key) if self._usable(about, place) else None
            self._open.append(hint["key"])
            shape = self._shape(about, given, place) if self._done[key] else None
            self._open.pop()
            if shape is None:
                self._done[key] = None
            else:
                self.shapes.table[key] = shape
        return self._done[key]

    def _shape(
        self, about: Mapping[str, Any], arguments: tuple[Type, ...], place: Place
    ) -> Record | Enumeration | FlagSet | None:
        python = PyClass(about["module"], about["qualname"], arguments)
        if about["kind"] == "dataclass":
            return self._record(about, python, place)
        members = self._named(about["members"], f"the member {{}} of {about['qualname']}", about)
        if members is None:
            return None
        if not members:
            file, line = self._places.class_(about["module"], about["qualname"])
            hint = "add a member" if about["kind"] == "enum" else "add a member of one bit"
            self._faults.append(Fault("DSL601", f"{about['qualname']} has no members", file, line, hint))
            return None
        if about["kind"] == "flags" and len(members) > _MOST_FLAGS:
            file, line = self._places.class_(about["module"], about["qualname"])
            message = f"{about['qualname']} has {len(members)} flags, and a component's flags are at most {_MOST_FLAGS}"
            self._faults.append(Fault("DSL601", message, file, line, "use list[…] of an Enum, or two Flags"))
            return None
        kind = Enumeration if about["kind"] == "enum" else FlagSet
        wit = dict(members)
        aliases = ((kebab(name), wit[member]) for name, member in about["aliases"].items())
        known = set(wit.values())
        return kind(
            python, members, about["doc"], tuple((a, b) for a, b in aliases if a is not None and a not in known)
        )

    def _record(self, about: Mapping[str, Any], python: PyClass, place: Place) -> Record | None:
        name = about["qualname"]
        file, line = self._places.class_(about["module"], name)
        if not about["fields"]:
            message = f"{name} has no fields, and WIT has no record without any"
            hint = "add a field, use None or bool, or make it a case of a union"
            self._faults.append(Fault("DSL601", message, file or place.file, line or place.line, hint))
            return None
        good = True
        hidden = next((each for each in about["fields"] if not each["init"]), None)
        if hidden is not None or about["init"]:
            what = about["init"] or f"field(init=False) for {hidden['name'] if hidden else ''}"
            message = f"{name} has {what}: it cannot be made of its fields, as the build's conversion does"
            hint = "leave the field in the __init__ with a default, or make it a property"
            if hidden is not None:
                file, line = self._places.field(about["module"], name, hidden["name"])
            self._faults.append(Fault("DSL607", message, file or place.file, line or place.line, hint))
            good = False
        if about["parameters"] and len(about["parameters"]) != len(python.arguments):
            message = f"{place.what} is {name} without saying of what"
            hint = f"write {name}[{', '.join(about['parameters'])}] with a type for each"
            self._faults.append(Fault("DSL601", message, place.file, place.line, hint))
            return None
        variables: dict[str, Type | None] = dict(zip(about["parameters"], python.arguments, strict=True))
        names = self._named([each["name"] for each in about["fields"]], f"the field {{}} of {name}", about)
        fields = []
        for at, each in enumerate(about["fields"]):
            module, _, qualname = each["owner"].partition(":")
            file, line = self._places.field(module, qualname, each["name"])
            where = Place(f"{name}.{each['name']} ({place.what})", file or place.file, line or place.line)
            kind = self.of(each["hint"], where, variables)
            if kind is None or names is None or self._holds_resource(kind, where):
                good = False
                continue
            fields.append(Field(each["name"], names[at][1], kind, tuple(each["default"])))
        return Record(python, tuple(fields), about["doc"]) if good else None

    def _holds_resource(self, kind: Type, place: Place) -> bool:
        found = next((each for each in _parts(kind) if isinstance(self.shapes.table.get(each.key), Resource)), None)
        if found is None:
            return False
        name = found.key.partition(":")[2]
        message = f"{place.what} holds {name}, a resource, which is no part of a record"
        hint = f"hand the {name} over as a parameter or a result of its own, in a list, a tuple or an option if need be"
        self._faults.append(Fault("DSL601", message, place.file, place.line, hint))
        return True

    def _named(self, names: Sequence[str], what: str, about: Mapping[str, Any]) -> tuple[tuple[str, str], ...] | None:
        """Pairs of a Python name and its WIT name; None if some have none, or two have one."""
        file, line = self._places.class_(about["module"], about["qualname"])
        found: dict[str, str] = {}
        good = True
        for name in names:
            wit = kebab(name)
            if wit is None or wit in found:
                other = "" if wit is None else f", which {found[wit]} has too"
                message = f"{what.format(name)} has no name in WIT" if wit is None else ""
                message = message or f"{what.format(name)} is called {wit} in WIT{other}"
                self._faults.append(Fault("DSL606", message, file, line, "rename it: letters a to z, digits and _"))
                good = False
            else:
                found[wit] = name
        return tuple((name, wit) for wit, name in found.items()) if good else None

    def _usable(self, about: Mapping[str, Any], place: Place) -> bool:
        """Whether the wrapper can import a class."""
        if about["reachable"]:
            return True
        file, line = self._places.class_(about["module"], about["qualname"])
        message = f"{about['qualname']} ({place.what}) cannot be imported by its name"
        hint = "define the class at the top of a module"
        self._faults.append(Fault("DSL607", message, file or place.file, line or place.line, hint))
        return False

    def _recursive(self, about: Mapping[str, Any], place: Place) -> None:
        message = f"{about['qualname']} contains itself: {place.what} leads back to it; WIT has no recursive types"
        hint = "keep the nodes in one list and refer to them by their number, or send them as JSON in a str"
        self._faults.append(Fault("DSL604", message, place.file, place.line, hint))

    def _not_a_type(self, hint: Mapping[str, Any], place: Place) -> Fault:
        match hint["is"]:
            case "missing":
                message = f"{place.what} has no type hint, and without WIT the hints are the world"
                return Fault("DSL602", message, place.file, place.line, "write its type")
            case "unresolved":
                return self._unresolved(hint, place)
            case "recursive":
                message = f"{place.what} is {hint['text']}, which contains itself; WIT has no recursive types"
                more = "keep the nodes in one list and refer to them by their number, or send them as JSON in a str"
                return Fault("DSL604", message, place.file, place.line, more)
            case "none":
                message = f"{place.what} is None, which says nothing"
                return Fault("DSL601", message, place.file, place.line, "leave it out, or write X | None")
            case "variable":
                message = f"{place.what} is the type variable {hint['name']}, which stands for no type here"
                return Fault("DSL601", message, place.file, place.line, "write the type that crosses")
        about = self._classes.get(hint.get("key", ""))
        name = hint.get("type", "") if about is None else f"{about['module']}.{about['qualname']}"
        instead = instead_of(name, about)
        return Fault("DSL601", f"{place.what} is {hint['text']}, which {_CROSS}", place.file, place.line, instead)

    def _unresolved(self, hint: Mapping[str, Any], place: Place) -> Fault:
        name = hint["name"]
        line = self._places.checked_only(place.file, name) if name else None
        if line is not None:
            message = f"{place.what} is {hint['text']}, and {name} is imported for type checkers only (line {line})"
            more = f"import {name} outside of `if TYPE_CHECKING`: the build evaluates the hints"
        elif name:
            message = f"{place.what} is {hint['text']}, and there is no {name}"
            more = f"import or define {name} at the top of the module"
        else:
            message = f"{place.what} is {hint['text']}, which does not evaluate: {hint['error']}"
            more = "write the hint so that Python can evaluate it"
        return Fault("DSL603", message, place.file, place.line, more)


def _parts(kind: Type) -> list[Named]:
    """The named types that a type is made of, at its own level."""
    match kind:
        case Named():
            return [kind]
        case ListOf(item) | OptionOf(item) | DictOf(item):
            return _parts(item)
        case TupleOf(items):
            return [part for each in items for part in _parts(each)]
        case _:
            return []
