"""Type hints of the app's exports as data; the part of the scan's child that a world without WIT needs.

Loaded by `scan_child` from this file alone, in the app's own process: hints are evaluated where the app stands, so
that forward references, aliases and names from other modules mean what they mean to Python. Nothing is judged here.
A hint is a JSON object with `is` (what kind of type it is) and `text` (as people write it); classes are described once,
in a table, and named by their key.
"""

from __future__ import annotations

import dataclasses
import enum
import functools
import inspect
import sys
import types
import typing
from typing import TYPE_CHECKING, Any

from durable_dsl.marks.marked import below_marks, marks_of

if TYPE_CHECKING:
    from collections.abc import Callable

_PLAIN = {int: "int", float: "float", bool: "bool", str: "str", bytes: "bytes", type(None): "none"}
_WIDTHS = {"u8", "u16", "u32", "u64", "s8", "s16", "s32", "s64", "f32", "f64", "char"}
_LISTS = ("list", "collections.abc.Sequence")
_DICTS = ("dict", "collections.abc.Mapping")


class Hints:
    """Describes hints; `classes` is the table that gathers on the way. `app` is the folder that holds the app."""

    def __init__(self, app: str, default_of: Callable[[dataclasses.Field[Any]], list[Any]]) -> None:
        self._app = app
        self._default_of = default_of
        self.classes: dict[str, dict[str, Any]] = {}
        self._unions: dict[frozenset[Any], str] | None = None

    def of_function(self, function: Any, known: dict[Any, Any] | None = None, home: str = "") -> dict[str, Any]:
        """The hints of the parameters by name, and of the result; `known` as in `of`.

        `home` is the module in which the hints of a function stand that is written by no one, as of a NamedTuple.
        """
        innermost = inspect.unwrap(getattr(function, "__func__", function))
        while isinstance(innermost, functools.partial):
            innermost = inspect.unwrap(innermost.func)
        scope = getattr(innermost, "__globals__", {})
        written = scope.get("__name__") in sys.modules
        if not written and home in sys.modules:
            scope = vars(sys.modules[home])
        try:
            signature = _signature(function)
        except (TypeError, ValueError):  # Python cannot tell; the parameters are unknown to the scan too
            signature = inspect.Signature()
        return {
            "parameters": {
                name: self._of_annotation(each.annotation, scope, known) for name, each in signature.parameters.items()
            },
            "returns": self._of_annotation(signature.return_annotation, scope, known),
            "doc": _cleaned(getattr(innermost, "__doc__", None) if written else None),
        }

    def of_class(self, value: type) -> str:
        """Describe a class for its own sake; its key comes back."""
        return self._class(value)

    def _of_annotation(
        self, annotation: Any, scope: dict[str, Any], known: dict[Any, Any] | None = None
    ) -> dict[str, Any]:
        if annotation is inspect.Parameter.empty:
            return {"is": "missing", "text": ""}
        if annotation is None:
            return self.of(type(None))
        holder = types.SimpleNamespace(__annotations__={"it": annotation})
        try:
            evaluated = typing.get_type_hints(holder, globalns=scope, localns={}, include_extras=True)["it"]
        except Exception as error:  # noqa: BLE001 - whatever a hint raises is the hint's fault
            return _unresolved(annotation, error)
        return self.of(evaluated, known)

    def of(self, hint: Any, known: dict[Any, Any] | None = None, within: tuple[Any, ...] = ()) -> dict[str, Any]:
        """A hint that is evaluated; `known` are type variables that stand for something here."""
        text = _text(hint)
        try:
            return {"text": text, **self._of(hint, known or {}, within)}
        except Exception as error:  # noqa: BLE001 - a hint may be any object, and what that does is its own affair
            return {"is": "unresolved", "text": text, "name": None, "error": f"{type(error).__name__}: {error}"}

    def _of(self, hint: Any, known: dict[Any, Any], within: tuple[Any, ...]) -> dict[str, Any]:
        if isinstance(hint, typing.TypeVar):
            return self._of(known[hint], {}, within) if hint in known else {"is": "variable", "name": hint.__name__}
        try:
            plain = _PLAIN.get(hint)
        except TypeError:
            plain = None
        if plain is not None:
            return {"is": plain}
        if hint is typing.Self:
            return {"is": "self"}
        if isinstance(hint, typing.NewType):
            return self._of(hint.__supertype__, known, within)
        if isinstance(hint, dataclasses.InitVar):
            return self._of(hint.type, known, within)
        if hasattr(hint, "__value__") and hasattr(hint, "__type_params__"):
            if any(hint is each for each in within):
                return {"is": "recursive"}
            found = self._of(hint.__value__, known, (*within, hint))
            return {**found, "name": hint.__name__} if found["is"] == "union" else found
        origin, arguments = typing.get_origin(hint), typing.get_args(hint)
        if origin is typing.Annotated:
            width = next(filter(None, map(_width, hint.__metadata__)), None)
            base = self._of(arguments[0], known, within)
            return {"is": "width", "base": base, "name": width} if width else base
        if origin in {typing.Union, types.UnionType}:
            members = [self.of(each, known, within) for each in arguments]
            return {"is": "union", "items": members, "name": self._name_of_union(arguments)}
        if isinstance(hint, type) and origin is None:
            return {"is": "class", "key": self._class(hint), "arguments": []}
        return self._of_generic(hint, origin, arguments, known, within)

    def _of_generic(
        self, hint: Any, origin: Any, arguments: tuple[Any, ...], known: dict[Any, Any], within: tuple[Any, ...]
    ) -> dict[str, Any]:
        name = f"{origin.__module__}.{origin.__qualname__}".removeprefix("builtins.") if origin else ""
        inside = [self.of(each, known, within) for each in arguments if each is not ... and each != ()]
        if name in _LISTS and inside:
            return {"is": "list", "item": inside[0], "as": "list"}
        if name in _DICTS and len(inside) == 2:
            return {"is": "dict", "key": inside[0], "value": inside[1]}
        if name == "tuple" and inside:
            if ... in arguments:
                return {"is": "list", "item": inside[0], "as": "tuple"}
            return {"is": "tuple", "items": inside}
        if isinstance(origin, type) and dataclasses.is_dataclass(origin):
            return {"is": "class", "key": self._class(origin), "arguments": inside}
        return {"is": "other", "type": name or _text(hint)}

    def _class(self, value: type) -> str:
        key = f"{value.__module__}:{value.__qualname__}"
        if key not in self.classes:
            from durable_dsl.marks.decorators import EXPORT_ATTRIBUTE

            found: Any = sys.modules.get(value.__module__)
            for part in value.__qualname__.split("."):
                found = getattr(found, part, None)
            self.classes[key] = about = {
                "module": value.__module__,
                "qualname": value.__qualname__,
                "reachable": found is value,
                "of_app": self._holds(sys.modules.get(value.__module__)),
                "doc": _doc(value),
                "exported": EXPORT_ATTRIBUTE in vars(value),
                "exception": issubclass(value, BaseException),
                "bases": [f"{each.__module__}:{each.__qualname__}" for each in value.__mro__[1:]],
                "kind": "other",
            }
            if issubclass(value, enum.Enum):
                about["kind"] = "flags" if issubclass(value, enum.Flag) else "enum"
                about["members"] = members = _members(value)
                about["aliases"] = {
                    name: each.name
                    for name, each in value.__members__.items()
                    if name != each.name and each.name in members
                }
            elif dataclasses.is_dataclass(value):
                about["kind"] = "dataclass"
                about["parameters"] = [each.__name__ for each in getattr(value, "__parameters__", ())]
                about["fields"] = self._fields(value)
                about["init"] = _constructed_from_fields(value)
        return key

    def _fields(self, value: type) -> list[dict[str, Any]]:
        known = _inherited(value)
        fields = []
        try:
            hints = typing.get_type_hints(value, include_extras=True)
        except Exception:  # noqa: BLE001 - one by one, to say which it is
            hints = {}
        for each in dataclasses.fields(value):
            owner = next((base for base in value.__mro__ if _annotates(base, each.name)), value)
            if each.name in hints:
                hint = self.of(hints[each.name], known)
            else:
                scope = {**vars(sys.modules.get(owner.__module__, types)), owner.__name__: owner}
                hint = self._of_annotation(each.type, scope)
            default = self._default_of(each)
            about = {"name": each.name, "hint": hint, "init": each.init, "owner": _key(owner), "default": default}
            fields.append(about)
        return fields

    def _holds(self, module: object) -> bool:
        """Whether a module is one of the app's."""
        file = getattr(module, "__file__", None)
        return isinstance(file, str) and file.startswith(self._app)

    def _name_of_union(self, arguments: tuple[Any, ...]) -> str | None:
        """What the app calls a union of these types, as in `Payment = Card | Cash`."""
        if self._unions is None:
            self._unions = {}
            for _, module in sorted(sys.modules.items()):
                if self._holds(module):
                    for name, value in list(vars(module).items()):
                        if isinstance(value, (types.UnionType, type(typing.Optional[int]))):  # noqa: UP045 - its class
                            self._unions.setdefault(_set_of(typing.get_args(value)), name)
        return self._unions.get(_set_of(arguments))


class ExportHints:
    """Adds the hints of everything that bears `@export` to what is known of the app's modules."""

    def __init__(
        self,
        app: str,
        maker_of: Callable[[type], str],
        making: Callable[[type, str], Any],
        default_of: Callable[[dataclasses.Field[Any]], list[Any]],
    ) -> None:
        self._hints = Hints(app, default_of)
        self._maker_of, self._making = maker_of, making

    def add_to(self, modules: dict[str, Any]) -> dict[str, dict[str, Any]]:
        """Go through modules as `Members` describes them; the classes that the hints speak of come back."""
        for name, found in modules.items():
            for each, described in found["functions"].items():
                self._function(getattr(sys.modules[name], each), described)
            for each, described in found["classes"].items():
                if described["export"] is not None:
                    self._class(getattr(sys.modules[name], each), described)
        return self._hints.classes

    def _function(self, function: Any, described: dict[str, Any]) -> None:
        if any(mark["kind"] == "export" for mark in described["marks"]):
            described["hints"] = self._hints.of_function(below_marks(function))
            self._errors(function)
        if described["shadowed"] is not None:
            self._function(function.durable_shadowed, described["shadowed"])

    def _class(self, value: type, described: dict[str, Any]) -> None:
        described["type"] = self._hints.of_class(value)
        known = _inherited(value)
        for name, method in described["methods"].items():
            if method["defined"].partition(".")[0] != "builtins" and not (name.startswith("_") and name != "__init__"):
                function = getattr(value, name)
                made = self._making(value, self._maker_of(value)) if name == "__init__" else function
                method["hints"] = self._hints.of_function(below_marks(made), known, value.__module__)
                self._errors(function)

    def _errors(self, function: Any) -> None:
        for mark in marks_of(function):
            if mark.kind == "export":
                raises: Any = mark.arguments["raises"]
                for kind in raises:
                    self._hints.of_class(kind)


def _set_of(arguments: tuple[Any, ...]) -> frozenset[Any]:
    try:
        return frozenset(arguments) - {type(None)}
    except TypeError:  # metadata that has no hash
        return frozenset(map(repr, arguments))


def _key(value: type) -> str:
    return f"{value.__module__}:{value.__qualname__}"


def _inherited(value: type) -> dict[Any, Any]:
    """What the type variables of generic bases stand for: `class Orders(Page[Order])`."""
    found: dict[Any, Any] = {}
    for base in getattr(value, "__orig_bases__", ()):
        origin = typing.get_origin(base)
        parameters = getattr(origin, "__parameters__", ())
        if isinstance(origin, type) and origin is not typing.Generic:
            found |= dict(zip(parameters, typing.get_args(base), strict=False))
            found |= _inherited(origin)
    return {variable: stands_for for variable, stands_for in found.items() if variable is not stands_for}


def _constructed_from_fields(value: type) -> str:
    """What keeps an object from being made of its fields, "" if nothing does."""
    given = vars(value).get("__dataclass_params__")
    if given is not None and not given.init:
        return "@dataclass(init=False)"
    pseudo = value.__dataclass_fields__  # type: ignore[attr-defined]
    unseen = [name for name, each in pseudo.items() if "INITVAR" in str(each._field_type)]  # noqa: SLF001 - nothing public says it
    if unseen:
        return f"InitVar {unseen[0]}"
    takes = inspect.signature(value).parameters
    wanted = [name for name, each in takes.items() if name not in pseudo and each.default is each.empty]
    missing = [each.name for each in dataclasses.fields(value) if each.init and each.name not in takes]
    return "an __init__ of its own" if wanted or missing else ""


def _annotates(value: type, name: str) -> bool:
    try:
        return name in inspect.get_annotations(value)
    except NameError:  # from Python 3.14 on hints are evaluated when they are asked for
        return name in getattr(value, "__dataclass_fields__", ())


def _signature(function: Any) -> inspect.Signature:
    """The signature, whose hints may be text or references that nothing has been found for yet."""
    if sys.version_info >= (3, 14):
        import annotationlib

        return inspect.signature(function, annotation_format=annotationlib.Format.FORWARDREF)
    return inspect.signature(function)


def _members(value: Any) -> list[str]:
    """The members that are no other names for others; of a Flag the single bits."""
    members = list(value)
    if issubclass(value, enum.Flag):
        members = [each for each in members if each.value > 0 and each.value & (each.value - 1) == 0]
    return [each.name for each in members]


def _cleaned(text: object) -> str:
    return inspect.cleandoc(text) if isinstance(text, str) else ""


def _doc(value: type) -> str:
    """What the class says of itself, not what Python has filled in."""
    text = vars(value).get("__doc__")
    if not isinstance(text, str):
        return ""
    if text.startswith(f"{value.__name__}(") or text == "An enumeration.":
        return ""
    return inspect.cleandoc(text)


def _width(metadata: Any) -> str | None:
    """The width that metadata of Annotated names: by our own class, an alias of it, or as text."""
    for each in (metadata, *getattr(metadata, "__metadata__", ())):
        if type(each).__module__ == "durable_dsl.types":
            return str(each.name)
    return metadata if isinstance(metadata, str) and metadata in _WIDTHS else None


def _unresolved(annotation: Any, error: Exception) -> dict[str, Any]:
    text = annotation if isinstance(annotation, str) else _text(annotation)
    name = error.name if isinstance(error, NameError) else None
    return {"is": "unresolved", "text": text, "name": name, "error": f"{type(error).__name__}: {error}"}


def _text(hint: Any) -> str:
    """A hint as people write it."""
    if hint is type(None):
        return "None"
    if isinstance(hint, type) and typing.get_origin(hint) is None:
        return hint.__qualname__ if hint.__module__ == "builtins" else f"{hint.__module__}.{hint.__qualname__}"
    name = getattr(hint, "__name__", None)
    if isinstance(hint, typing.NewType) or (hasattr(hint, "__value__") and name):
        return str(name)
    return str(hint).replace("typing.", "").replace("NoneType", "None")
