"""What the types of an inferred world are called in WIT.

A class has its own name, in WIT's spelling. It steps aside where that name is a function's, or one that the bindings
need for themselves; two classes of one name in different modules get the module's name in front.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from durable_codegen.faults import Fault
from durable_codegen.infer.shapes import Bytes, DictOf, ListOf, Named, OptionOf, Primitive, TupleOf, Variant
from durable_codegen.source.names import camel, kebab

if TYPE_CHECKING:
    from collections.abc import Collection

    from durable_codegen.app.places import Places
    from durable_codegen.infer.shapes import PyClass, Shapes, Type

__all__ = ["name_types"]

#: What the bindings of an interface import for themselves.
_TAKEN = frozenset(
    {
        *("Any", "Callable", "Enum", "Err", "Flag", "Generic", "List", "Ok", "Optional", "Protocol", "Result", "Self"),
        *("Some", "Tuple", "TracebackType", "TypeVar", "Union"),
    }
)


def name_types(shapes: Shapes, functions: Collection[str], places: Places, faults: list[Fault]) -> None:
    """Fill in `shapes.names`; `functions` are the names of the world's functions."""
    wanted = {key: _own_name(key, shapes) for key in shapes.table}
    often = Counter(wanted.values())
    shapes.names.clear()
    for key, name in wanted.items():
        if name is None:
            python = _python_of(key, shapes)
            file, line = places.class_(python.module, python.qualname) if python else (None, None)
            message = f"the class {python.qualname if python else key} has no name in WIT"
            faults.append(Fault("DSL606", message, file, line, "rename it: letters a to z, digits and _"))
            continue
        python = _python_of(key, shapes)
        if often[name] > 1 and python is not None:
            name = f"{kebab(python.module.replace('.', '_')) or 'app'}-{name}"  # noqa: PLW2901
        if name in functions or camel(name) in _TAKEN:
            name = f"{name}-type"  # noqa: PLW2901
        while name in shapes.names.values():
            name = f"{name}-too"  # noqa: PLW2901
        shapes.names[key] = name


def _python_of(key: str, shapes: Shapes) -> PyClass | None:
    shape = shapes.table[key]
    return None if isinstance(shape, Variant) else shape.python


def _own_name(key: str, shapes: Shapes) -> str | None:
    """The name as it would be if there were nothing else."""
    python = _python_of(key, shapes)
    if python is None:
        return kebab(shapes.names[key].replace(" ", "_").replace("-", "_"))
    name = kebab(python.qualname.rpartition(".")[2])
    if name is None or not python.arguments:
        return name
    return f"{name}-of-{'-and-'.join(_word(each, shapes) for each in python.arguments)}"


def _word(kind: Type, shapes: Shapes) -> str:
    match kind:
        case Primitive(wit):
            return wit
        case Bytes():
            return "bytes"
        case ListOf(item):
            return f"{_word(item, shapes)}-list"
        case DictOf(value):
            return f"{_word(value, shapes)}-dict"
        case OptionOf(item):
            return f"optional-{_word(item, shapes)}"
        case TupleOf(items):
            return "-".join(_word(each, shapes) for each in items)
        case Named(key):
            return _own_name(key, shapes) or "type"
