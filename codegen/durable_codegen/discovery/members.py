"""What the app's loaded modules are made of: their functions and classes, with the marks and parameters of each.

Loaded by `scan_child` from this file alone, in the app's own process. A function or class is told from others by its
identity, never by a name or a line: one line may define several, and one function may have several names.
"""

from __future__ import annotations

import base64
import dataclasses
import enum
import inspect
import math
import sys
from functools import partial
from types import CodeType, ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

#: How many decorators deep a mark is looked for.
_DEEPEST = 20

#: Makers of a field's default that give the same value each time.
_CONSTANT_FACTORIES = (bool, bytes, dict, float, int, list, str, tuple)


class Members:
    """Describes modules. `app` is the folder that holds the app, with a separator at its end."""

    def __init__(self, app: str) -> None:
        self._app = app
        self._numbers: dict[int, int] = {}
        #: The marks that have been come across, by identity.
        self._met: set[int] = set()

    def modules(self) -> dict[str, Any]:
        """The app's modules that are loaded now, by name, each with its functions, classes and other values."""
        found: dict[str, Any] = {}
        for name, module in sorted(sys.modules.items()):
            file = getattr(module, "__file__", None)
            if isinstance(module, ModuleType) and file and file.startswith(self._app):
                found[name] = {"file": file, **self._module(module)}
        return found

    def unmet(self, marks: list[Any]) -> list[dict[str, Any]]:
        """Those of `marks` in the loaded modules of the app that stand on nothing which has been described."""
        loaded = {getattr(module, "__file__", None) for module in list(sys.modules.values())}
        return [
            self._mark(mark)
            for mark in marks
            if id(mark) not in self._met and mark.file in loaded and str(mark.file).startswith(self._app)
        ]

    def _module(self, module: ModuleType) -> dict[str, Any]:
        members: dict[str, Any] = {"functions": {}, "classes": {}, "values": {}}
        for name, value in vars(module).items():
            if not name.isidentifier():
                continue  # set by way of globals(): nothing can name it
            if isinstance(value, type):
                members["classes"][name] = self._class(value)
            elif callable(value):
                members["functions"][name] = self._numbered(value)
            elif not name.startswith("__") and not isinstance(value, ModuleType):
                members["values"][name] = type(value).__name__
        return members

    def _number(self, value: object) -> int:
        """Stands for an object of a module, which lives as long as this process."""
        return self._numbers.setdefault(id(value), len(self._numbers))

    def _numbered(self, value: Any) -> dict[str, Any]:
        from durable_dsl.marks.marked import Marked

        before = value.durable_shadowed if isinstance(value, Marked) else None
        described = self._function(value)
        described["id"] = self._number(value)
        described["shadowed"] = None if before is None else self._numbered(before)
        described["hidden"] = self._hidden_export(value)
        return described

    def _class(self, value: type) -> dict[str, Any]:
        from durable_dsl.marks.decorators import EXPORT_ATTRIBUTE

        export = vars(value).get(EXPORT_ATTRIBUTE)
        methods = {
            name: self._method(value, name)
            for name in dir(value)
            if (name == "__init__" or not name.startswith("__")) and callable(_attribute(value, name))
        }
        maker = maker_of(value)
        if maker != "__init__" and "__init__" in methods:
            methods["__init__"] = self._maker(value, maker, methods["__init__"])
        return {
            "id": self._number(value),
            "module": value.__module__,
            "qualname": value.__qualname__,
            "bases": [f"{base.__module__}.{base.__qualname__}" for base in value.__mro__[1:]],
            "metaclass": f"{type(value).__module__}.{type(value).__qualname__}",
            "abstract": sorted(getattr(value, "__abstractmethods__", ())),
            "variables": [each.__name__ for each in getattr(value, "__parameters__", ())],
            "protocol": bool(vars(value).get("_is_protocol")),
            "export": self._mark(export) if export is not None else None,
            "line": _first_line(value),
            "init": _parameters(value),
            "maker": maker,
            "contradicts": _contradicts(value),
            "methods": methods,
        }

    def _method(self, owner: type, name: str) -> dict[str, Any]:
        raw = inspect.getattr_static(owner, name)
        bare = raw
        while type(bare).__name__ in {"Marked", "NamedFunction"}:
            bare = bare.__wrapped__
        kind = "static" if isinstance(bare, staticmethod) else "class" if isinstance(bare, classmethod) else "instance"
        defined = next((base for base in owner.__mro__ if name in vars(base)), owner)
        overridden = any(name in vars(child) for child in _descendants(owner))
        described = self._function(getattr(owner, name))
        if kind == "instance" and described["parameters"]:
            described["parameters"] = described["parameters"][1:]
        if name == "__init__":
            _fill_factories(described["parameters"], owner)
            if not (described["file"] or "").startswith(self._app) and not _says_something(getattr(owner, name)):
                described["parameters"] = []  # of Protocol and the like: it takes what nobody gives
        origin = f"{defined.__module__}.{defined.__qualname__}"
        return {**described, "kind": kind, "defined": origin, "overridden": overridden}

    def _maker(self, owner: type, maker: str, init: dict[str, Any]) -> dict[str, Any]:
        """What makes objects where that is not `__init__`, in its place."""
        described = self._function(making(owner, maker))
        described["parameters"] = (described["parameters"] or [])[1:]
        holder: type = type(owner) if maker == "__call__" else owner
        defined = next(base for base in holder.__mro__ if maker in vars(base))
        return {**init, **described, "defined": f"{defined.__module__}.{defined.__qualname__}", "marks": init["marks"]}

    def _function(self, value: Any) -> dict[str, Any]:
        from durable_dsl.marks.marked import below_marks, marks_of

        below = below_marks(value)
        innermost = _unwrapped(below)
        bare = below.func if isinstance(below, partial) else below
        return {
            "parameters": _parameters(below),
            "marks": [{**self._mark(mark), **_problem(mark, value)} for mark in marks_of(value)],
            "async": _is(inspect.iscoroutinefunction, bare),
            "async_inside": _is(inspect.iscoroutinefunction, innermost),
            "generator": _is(inspect.isgeneratorfunction, bare) or _is(inspect.isasyncgenfunction, bare),
            "module": _text(_attribute(value, "__module__")),
            "file": _code(innermost, "co_filename"),
            "line": _code(innermost, "co_firstlineno"),
            "shadowed": None,
        }

    def _hidden_export(self, function: Any) -> dict[str, Any] | None:
        """A mark of `@export` below a decorator that isn't ours, where nothing looks for it."""
        from durable_dsl.marks.marked import below_marks, marks_of

        inner = below_marks(function)
        for _ in range(_DEEPEST):
            inner = vars(inner).get("__wrapped__") if hasattr(inner, "__dict__") else None
            if inner is None:
                break
            found = [mark for mark in marks_of(inner) if mark.kind == "export"]
            if found:
                return self._mark(found[0])
        return None

    def _mark(self, mark: Any) -> dict[str, Any]:
        self._met.add(id(mark))
        arguments = {name: _argument(value) for name, value in mark.arguments.items()}
        return {"kind": mark.kind, "word": mark.word, "arguments": arguments, "file": mark.file, "line": mark.line}


def maker_of(value: type) -> str:
    """What says how objects of a class are made: `__init__`, `__new__`, or the metaclass's `__call__`.

    One that takes whatever it is given hands that on to the next.
    """
    if type(value).__call__ is not type.__call__ and _says_something(type(value).__call__):
        return "__call__"
    new: Any = value.__new__
    own_new = new is not object.__new__ and _says_something(new)
    own_init = value.__init__ is not object.__init__ and _says_something(value.__init__)  # type: ignore[misc]
    return "__new__" if own_new and not own_init else "__init__"


def _contradicts(value: type) -> bool:
    """Whether `__new__` and `__init__` want different arguments, which Python hands to both."""
    new, init = (_parameters(getattr(value, name)) or [] for name in ("__new__", "__init__"))
    if maker_of(value) != "__init__" or not _says_something(value.__new__):
        return False
    takes_all = any(each["kind"].startswith("VAR_") for each in (*new, *init))
    return not takes_all and [each["name"] for each in new[1:]] != [each["name"] for each in init[1:]]


def making(owner: type, maker: str) -> Any:
    """The function of that name which makes objects of a class; its first parameter is the receiver."""
    return getattr(type(owner) if maker == "__call__" else owner, maker)


def _says_something(function: Any) -> bool:
    """Whether a function of Python's, behind its receiver, takes more than `*args, **kwargs`."""
    if _code(_unwrapped(function), "co_filename") is None:
        return False
    return any(not each["kind"].startswith("VAR_") for each in (_parameters(function) or [])[1:])


def field_default(field: dataclasses.Field[Any]) -> list[Any]:
    """The default of a dataclass's field, as `value` of a parameter."""
    if field.default is not dataclasses.MISSING:
        return _plain(field.default)
    makes: Any = field.default_factory
    return _plain(makes()) if any(makes is factory for factory in _CONSTANT_FACTORIES) else []


def _fill_factories(parameters: list[dict[str, Any]] | None, owner: type) -> None:
    """Defaults that a dataclass makes anew for each object, where they are the same each time."""
    for each in parameters or ():
        field = getattr(owner, "__dataclass_fields__", {}).get(each["name"])
        if field is not None and each["default"] and not each["value"]:
            each["value"] = field_default(field)


def _attribute(owner: Any, name: str) -> Any:
    """An attribute, or None: what an object of the app's does when it is asked is its own affair."""
    try:
        return getattr(owner, name, None)
    except Exception:  # noqa: BLE001 - as above
        return None


def _is(kind: Callable[[Any], bool], function: Any) -> bool:
    try:
        return kind(function)
    except Exception:  # noqa: BLE001 - as above
        return False


def _unwrapped(function: Any) -> Any:
    """What stands below all decorators; the object itself where it has no end of them, such as a mock."""
    try:
        return inspect.unwrap(function) if callable(function) else function
    except Exception:  # noqa: BLE001 - ValueError, and whatever a `__getattr__` raises
        return function


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _descendants(owner: type) -> list[type]:
    found: list[type] = list(type.__subclasses__(owner))
    for child in found:
        below: list[type] = type.__subclasses__(child)
        found += [each for each in below if each not in found]
    return found


def _code(function: Any, name: str) -> Any:
    while isinstance(function, partial):
        function = function.func
    found = _attribute(_attribute(function, "__func__") or function, "__code__")
    return getattr(found, name, None) if isinstance(found, CodeType) else None


def _first_line(value: type) -> int | None:
    first = vars(value).get("__firstlineno__")
    return first if isinstance(first, int) else None


def _parameters(function: Any) -> list[dict[str, Any]] | None:
    try:
        signature = inspect.signature(function)
    except Exception:  # noqa: BLE001 - ValueError where it has none, NameError from hints, and what objects raise
        return None
    return [
        {
            "name": each.name,
            "kind": each.kind.name,
            "default": each.default is not each.empty,
            "value": [] if each.default is each.empty else _plain(each.default),
        }
        for each in signature.parameters.values()
    ]


def _plain(value: Any) -> list[Any]:
    """A default in a list, in a form that `arguments` reads; an empty one where it has none."""
    try:
        return [_form(value)]
    except (TypeError, RecursionError):
        return []


def _form(value: Any) -> Any:
    if isinstance(value, enum.Flag):
        return [each.name for each in value]
    if isinstance(value, enum.Enum):
        return value.name
    kind = type(value)
    if value is None or kind in {bool, int, str}:
        return value
    if kind is float:
        return value if math.isfinite(value) else "NaN" if math.isnan(value) else f"{'-' * (value < 0)}Infinity"
    if kind is bytes:
        return {"base64": base64.b64encode(value).decode()}
    if isinstance(value, (list, tuple)):
        return [_form(each) for each in value]
    if kind is dict and all(type(key) is str for key in value):
        return {"pairs": [[key, _form(each)] for key, each in value.items()]}
    if dataclasses.is_dataclass(kind):
        fields = {each.name: _form(getattr(value, each.name)) for each in dataclasses.fields(value)}
        return {"class": f"{kind.__module__}:{kind.__qualname__}", "fields": fields}
    raise TypeError(kind)


def _problem(mark: Any, function: Any) -> dict[str, Any]:
    """What is wrong with the types of a snapshot's function; the guest would find it while it is built."""
    if mark.kind != "snapshot":
        return {}
    from durable_dsl import snapshots

    problem = None
    try:
        snapshots.state_type(function, mark.arguments["part"])
    except Exception as error:  # noqa: BLE001 - NameError and whatever else annotations raise
        problem = f"{type(error).__name__}: {error}" if not isinstance(error, TypeError) else str(error)
    return {"arguments": {"part": mark.arguments["part"], "problem": problem}}


def _argument(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_exception(item) for item in value]
    return getattr(value, "value", value)


def _exception(kind: type) -> dict[str, Any]:
    """An exception class, and whether the wrapper can reach it by its module and name."""
    found: Any = sys.modules.get(kind.__module__)
    for part in kind.__qualname__.split("."):
        found = getattr(found, part, None)
    return {"module": kind.__module__, "qualname": kind.__qualname__, "reachable": found is kind}
