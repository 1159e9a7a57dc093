"""What a call leads to: functions of the app, effects, or something unknown; several where the source gives several.

A `functools.partial` is looked through, with the arguments that it holds. What is handed on as an argument counts as
called by whoever gets it: the app's functions always, others where they reach out or where the taker is known to call.
"""

from __future__ import annotations

import ast
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from durable_codegen.analysis.reading.choices import choices
from durable_codegen.analysis.reading.effects import REMOTE, Effect, effect_of
from durable_codegen.analysis.reading.regions import constant

if TYPE_CHECKING:
    from durable_codegen.analysis.reading.names import Names
    from durable_codegen.analysis.reading.program import Function, Scope

__all__ = ["CALLERS", "Target", "handed_on", "is_partial", "targets"]

_PARTIAL: Final = "functools.partial"
#: What calls the functions that it is given, at once.
CALLERS: Final = frozenset(
    {
        "asyncio.to_thread",
        "builtins.filter",
        "builtins.map",
        "builtins.max",
        "builtins.min",
        "builtins.sorted",
        "functools.reduce",
        "itertools.starmap",
    }
)
#: What looks at a function, or keeps it.
_LOOKERS: Final = frozenset(
    {
        "builtins.callable",
        "builtins.dict().get",
        "builtins.dict().pop",
        "builtins.dict().setdefault",
        "builtins.getattr",
        "builtins.hasattr",
        "builtins.id",
        "builtins.isinstance",
        "builtins.repr",
        "builtins.setattr",
        "builtins.str",
        "builtins.type",
        "functools.update_wrapper",
        "functools.wraps",
        "inspect.iscoroutinefunction",
        "inspect.signature",
    }
)


@dataclass(frozen=True, slots=True)
class Target:
    """What a call may run. One of `effect`, `callee` (the app's) and `unknown`, as in `Event`."""

    effect: Effect | None = None
    callee: Function | None = None
    unknown: str | None = None
    is_library: bool = False


def targets(node: ast.Call, called: ast.expr, scope: Scope, names: Names) -> list[Target]:
    """What calling `called` in `node` leads to; nothing where that is known to do nothing outside."""
    path = names.path(called, scope)
    paths = choices(called, scope, names) if _may_be_several(called) else []
    found = (_target(node, called, each, scope, names) for each in paths)
    known = [each for each in found if each is not None and each.unknown is None]
    if known:
        return known
    first = _target(node, called, path, scope, names)
    return [] if first is None else [first]


def handed_on(argument: ast.expr, taker: str | None, scope: Scope, names: Names) -> list[Target]:
    """What a function as an argument leads to; `taker` is who gets it."""
    if isinstance(argument, ast.Starred):
        argument = argument.value
    partial = is_partial(argument, scope, names)
    if not (partial or isinstance(argument, (ast.Name, ast.Attribute))) or taker in _LOOKERS:
        return []
    found = []
    for path in choices(argument, scope, names):
        callee = names.program.functions.get(path)
        if callee is not None:
            if path not in names.program.modules:
                found.append(Target(callee=callee))
            continue
        # What a class or a library keeps may be called much later, or never: only requests are worth the guess.
        effect = effect_of(_filled(ast.Call(argument, [], []), argument, scope, names), path, scope, names)
        wanted = effect is not None and (effect.kind in REMOTE or taker in CALLERS or partial)
        if wanted and taker not in names.program.classes and path not in names.program.classes:
            found.append(Target(effect=effect))
    return found


def is_partial(node: ast.expr, scope: Scope, names: Names) -> bool:
    """Whether an expression makes a `functools.partial`."""
    return isinstance(node, ast.Call) and names.path(node.func, scope) == _PARTIAL


def _may_be_several(called: ast.expr) -> bool:
    return not isinstance(called, ast.Call) or isinstance(called.func, ast.Attribute)


def _target(node: ast.Call, called: ast.expr, path: str | None, scope: Scope, names: Names) -> Target | None:
    callee = names.function(path)
    effect = None if callee is not None else effect_of(node, path, scope, names)
    if effect is not None:
        filled = _filled(node, called, scope, names)
        return Target(effect=effect if filled is node else effect_of(filled, path, scope, names))
    if callee is not None and callee.is_declaration:
        return Target(unknown=callee.name, is_library=True)  # of a protocol: who implements it is not known here
    if callee is not None:
        return Target(callee=callee)
    if path in names.program.classes or _is_harmless(path):
        return None
    return Target(unknown=ast.unparse(called) if path is None else path, is_library=path is not None)


def _filled(node: ast.Call, called: ast.expr, scope: Scope, names: Names) -> ast.Call:
    """The call with the arguments that a `functools.partial` holds already."""
    source, where = names.origin(called, scope)
    if not isinstance(source, ast.Call) or not source.args or names.path(source.func, where) != _PARTIAL:
        return node
    given = {each.arg for each in node.keywords}
    held = [ast.keyword(each.arg, _moved(each.value, where, scope, names)) for each in source.keywords]
    arguments = [*(_moved(each, where, scope, names) for each in source.args[1:]), *node.args]
    keywords = [*(each for each in held if each.arg not in given), *node.keywords]
    made = ast.copy_location(ast.Call(node.func, arguments, keywords), node if hasattr(node, "lineno") else called)
    return _filled(made, source.args[0], where, names)


def _moved(node: ast.expr, where: Scope, scope: Scope, names: Names) -> ast.expr:
    """An expression of another scope: its value if that is known."""
    if where is scope or isinstance(node, ast.JoinedStr):
        return node
    return ast.copy_location(ast.Constant(constant(node, where, names)), node)


def _is_harmless(path: str | None) -> bool:
    """Whether a path is known to do nothing outside: the language's own, the standard library, or ours."""
    if path is None:
        return False
    top = path.partition(".")[0]
    if top in {"httpx", "requests", "urllib3"}:
        return True  # what sends is in the catalogue of effects
    if ".imports." in path and path.rpartition(".")[2][:1].isupper():
        return True  # a record or a variant of an imported interface
    if ".exports." in path or path.startswith("exports.") or path.endswith(".Err"):
        return True  # the world's own types
    return top in sys.stdlib_module_names or top in {"builtins", "durable_dsl"}
