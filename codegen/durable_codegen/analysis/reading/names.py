"""What an expression stands for, as a dotted path: `time.sleep`, `httpx.Client()`, `orders.Desk().place`.

A path ending in `()` is a value that a call of that path gives: an instance of a class, or a function's result.
Names are followed through imports, re-exports, plain assignments, annotations, `self` and attributes that methods
assign. A name that is bound to several things is the first that can be made out. None: it cannot be told.
"""

from __future__ import annotations

import ast
import builtins
from typing import TYPE_CHECKING, Final

from durable_codegen.analysis.reading.program import Bound, Class, Function, Program, Scope, statements

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Names", "is_property"]

_PACKAGE: Final = "durable_dsl"
#: Modules of durable_dsl whose names are names of the package.
_HOMES: Final = frozenset(
    [
        "errors", "marks", "oplog", "policy", "promises", "regions", "results", "snapshots", "transactions", "types",
        "exporting",
    ]
)  # fmt: skip
#: The words that a star import from durable_dsl binds, as far as the analysis knows them.
_WORDS: Final = frozenset(
    [
        "atomic", "commit", "export", "idempotent", "non_idempotent", "persist", "retry", "idempotency_key",
        "oplog_commit", "oplog_index", "rewind", "operation", "transaction", "create_promise", "Promise",
        "save_snapshot", "load_snapshot", "Err", "Ok", "Some", "PersistenceLevel", "TransactionFailed",
    ]
)  # fmt: skip
_DEPTH: Final = 24


class Names:
    """Resolves expressions of one program."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self._returns: dict[str, str | None] = {}
        # What is being made out counts as unknown: a name may be assigned from itself.
        self._known: dict[tuple[str, str], str | None] = {}
        self._canonicals: dict[str, str] = {}
        self._lineages: dict[str, list[Class]] = {}
        self._by_base: dict[str, list[Class]] | None = None

    def path(self, node: ast.expr | None, scope: Scope, depth: int = 0) -> str | None:
        """The path of an expression in a scope."""
        if node is None or depth > _DEPTH:
            return None
        depth += 1
        if isinstance(node, ast.Name):
            return self._name(node.id, scope, depth)
        if isinstance(node, ast.Attribute):
            base = self.path(node.value, scope, depth)
            return None if base is None else self.attribute(base, node.attr, depth)
        if isinstance(node, ast.Call):
            return self._call(node, scope, depth)
        if isinstance(node, (ast.Await, ast.NamedExpr, ast.Starred)):
            return self.path(node.value, scope, depth)
        if isinstance(node, ast.IfExp):
            return self.path(node.body, scope, depth) or self.path(node.orelse, scope, depth)
        if isinstance(node, ast.Lambda):
            made = self.program.lambdas.get(id(node))
            return None if made is None else made.path
        if isinstance(node, ast.BoolOp):
            return next(filter(None, (self.path(each, scope, depth) for each in node.values)), None)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
            base = self.path(node.left, scope, depth)
            return base if base == "pathlib.Path()" else None
        if isinstance(node, ast.Subscript):
            base = self.path(node.value, scope, depth)
            return base if base and not base.endswith(")") and base.rpartition(".")[2][:1].isupper() else None
        if isinstance(node, ast.Constant) and isinstance(node.value, (str, bytes)):
            return "builtins.str()" if isinstance(node.value, str) else "builtins.bytes()"
        if isinstance(node, (ast.List, ast.ListComp)):
            return "builtins.list()"
        if isinstance(node, (ast.Dict, ast.DictComp)):
            return "builtins.dict()"
        if isinstance(node, (ast.Set, ast.SetComp)):
            return "builtins.set()"
        return "builtins.str()" if isinstance(node, ast.JoinedStr) else None

    def type_path(self, node: ast.expr | None, scope: Scope, depth: int = 0) -> str | None:
        """The path of an instance of an annotated type: `X`, `"X"`, `X | None`, `Optional[X]`, `Annotated[X, …]`."""
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            try:
                node = ast.parse(node.value, mode="eval").body
            except SyntaxError:
                return None
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
            return self.type_path(node.left, scope, depth) or self.type_path(node.right, scope, depth)
        if isinstance(node, ast.Subscript):
            outer = self.path(node.value, scope, depth + 1)
            if outer in {"typing.Optional", "typing.Annotated", "typing.Final", "typing.ClassVar"}:
                inner = node.slice.elts[0] if isinstance(node.slice, ast.Tuple) else node.slice
                return self.type_path(inner, scope, depth + 1)
            node = node.value
        if not isinstance(node, (ast.Name, ast.Attribute)):
            return None
        path = self.path(node, scope, depth + 1)
        return None if path is None or path.endswith(")") else f"{path}()"

    def function(self, path: str | None) -> Function | None:
        """The app's function that calling `path` runs: a function, a method, or a class's `__init__`."""
        if path is None:
            return None
        found = self.program.functions.get(path)
        if found is not None and path not in self.program.modules:
            return found
        owner = self.program.classes.get(path)
        if owner is not None:
            return self.method(owner, "__init__")
        if path.endswith("()") and (instance := self.program.classes.get(path[:-2])) is not None:
            return self.method(instance, "__call__")
        return None

    def method(self, owner: Class, name: str) -> Function | None:
        """A method of a class of the app, its own or inherited from another class of the app."""
        lineage = self.lineage(owner)
        found = [each.methods[name] for each in lineage if name in each.methods]
        whole = next((each for each in found if not each.is_declaration), None)
        if whole is not None:
            return whole
        # An abstract class calls what a class derived from it defines.
        is_value = any(name in each.attributes for each in lineage)
        derived = () if is_value else (each.methods.get(name) for each in self._derived(owner))
        return next(filter(None, derived), found[0] if found else None)

    def lineage(self, owner: Class) -> list[Class]:
        """A class and the app's classes that it is derived from, those first whose names come first."""
        if owner.path not in self._lineages:
            # A base may be an attribute of a class, which asks for this again.
            self._lineages[owner.path] = [owner]
            self._lineages[owner.path] = self._lineage(owner, 0)
        return self._lineages[owner.path]

    def _lineage(self, owner: Class, depth: int) -> list[Class]:
        found = [owner]
        for base in self._bases(owner):
            parent = self.program.classes.get(base)
            if parent is not None and parent is not owner and depth < _DEPTH:
                found += self._lineage(parent, depth + 1)
        # What several bases share comes after all of them.
        return list(dict.fromkeys(reversed(found)))[::-1]

    def _derived(self, owner: Class) -> list[Class]:
        """The classes of the app that are derived from one directly."""
        if self._by_base is None:
            # A base may be an attribute of a class, which asks for this again: none are known until all are.
            self._by_base = {}
            found: dict[str, list[Class]] = {}
            for each in self.program.classes.values():
                for base in self._bases(each):
                    found.setdefault(base, []).append(each)
            self._by_base = found
        return self._by_base.get(owner.path, [])

    def origin(self, node: ast.expr, scope: Scope, depth: int = 0) -> tuple[ast.expr, Scope]:
        """The expression that a name was bound to by plain assignments, and the scope where it stands."""
        if depth > _DEPTH or not isinstance(node, (ast.Name, ast.Attribute)):
            return node, scope
        meant: list[str | None] = []
        if isinstance(node, ast.Attribute):
            base = self.path(node.value, scope, depth)
            held = self.held(base, node.attr) if base is not None else []
            if len(held) == 1:
                return self.origin(*held[0], depth + 1)
            meant.append(f"{base}.{node.attr}")
        elif (home := self._home(node.id, scope)) is not None:
            values = [each.node for each in home.names[node.id] if each.kind == "value" and each.node]
            if values:
                return self.origin(values[0], home, depth + 1)
            meant += [each.path for each in home.names[node.id] if each.kind == "path"][:1]
        for path in (*meant, self.path(node, scope, depth)):
            module, _, name = (path or "").rpartition(".")
            there = self.program.scopes.get(module)
            if there is not None and there is not scope and name in there.names:
                return self.origin(ast.copy_location(ast.Name(name), node), there, depth + 1)
        return node, scope

    def bounds(self, name: str, scope: Scope) -> tuple[list[Bound], Scope] | None:
        """All that a name is bound to, and the scope it belongs to; None if the program does not bind it."""
        home = self._home(name, scope)
        return None if home is None else (home.names[name], home)

    def is_settled(self, node: ast.expr, scope: Scope) -> bool:
        """Whether a name has one value only; what is no name has."""
        home = self._home(node.id, scope) if isinstance(node, ast.Name) else None
        bounds = [] if home is None or not isinstance(node, ast.Name) else home.names[node.id]
        return sum(each.kind != "type" for each in bounds) < 2

    def bound(self, bound: Bound, scope: Scope) -> str | None:
        """The path of one thing that a name is bound to."""
        return self._bound([bound], scope, 0)

    def held(self, base: str, name: str, depth: int = 0) -> list[tuple[ast.expr, Scope]]:
        """The values that the app's class gives to an attribute of its objects, or that its bases give."""
        owner = self.program.classes.get(base.removesuffix("()")) if base.endswith("()") else None
        if owner is None or depth > _DEPTH:
            return []
        found = [
            (bound.node, scope)
            for bound, scope in owner.attributes.get(name, ())
            if bound.kind == "value" and bound.node is not None
        ]
        return found or [each for parent in self._bases(owner) for each in self.held(f"{parent}()", name, depth + 1)]

    def attribute(self, base: str, name: str, depth: int = 0) -> str | None:
        """The path of an attribute of what `base` stands for."""
        if base.endswith("()") and (owner := self.program.classes.get(base[:-2])) is not None:
            return self._instance_attribute(owner, name, depth)
        if (owner := self.program.classes.get(base)) is not None:
            found = self.method(owner, name)
            if found is not None:
                return found.path
            if name in owner.scope.names:
                return self._bound(owner.scope.names[name], owner.scope, depth)
        return self._canonical(f"{base}.{name}", depth)

    def _instance_attribute(self, owner: Class, name: str, depth: int) -> str | None:
        if depth > _DEPTH:
            return None
        found = self.method(owner, name)
        if found is not None:
            if is_property(found):
                return self._result(found, depth)
            return found.path
        key = (f"{owner.path}()", name)
        if key not in self._known:
            self._known[key] = None
            for bound, scope in owner.attributes.get(name, ()):
                self._known[key] = self._known[key] or self._bound([bound], scope, depth + 1)
        if self._known[key] is not None:
            return self._known[key]
        for base in self._bases(owner):
            path = self.attribute(f"{base}()", name, depth + 1)
            if path is not None:
                return path
        return None

    def _bases(self, owner: Class) -> Iterator[str]:
        scope = owner.scope.parent or owner.scope
        return filter(None, (self.path(base, scope, 1) for base in owner.node.bases))

    def _home(self, name: str, scope: Scope | None) -> Scope | None:
        """The scope that a name belongs to; class bodies are not seen from the functions inside them."""
        first = scope
        while scope is not None:
            if name in scope.names and (scope.kind != "class" or scope is first):
                return scope
            scope = scope.parent
        return None

    def _name(self, name: str, scope: Scope, depth: int) -> str | None:
        home = self._home(name, scope)
        if home is not None:
            key = (home.path, name)
            if key not in self._known:
                self._known[key] = None
                self._known[key] = self._bound(home.names[name], home, depth)
            return self._known[key]
        module = self.program.scopes[scope.module.name]
        for star in module.stars:
            if star.partition(".")[0] == _PACKAGE and name in _WORDS:
                return f"{_PACKAGE}.{name}"
            there = self.program.scopes.get(star)
            if there is not None and name in there.names:
                return self._canonical(f"{star}.{name}", depth)
            if there is None and not hasattr(builtins, name):
                return f"{star}.{name}"
        return f"builtins.{name}" if hasattr(builtins, name) else None

    def _bound(self, bounds: list[Bound], scope: Scope, depth: int) -> str | None:
        if depth > _DEPTH:
            return None
        for bound in bounds:
            path = None
            if bound.kind == "path":
                path = self._canonical(bound.path, depth + 1)
            elif bound.kind in {"value", "default"}:
                path = self.path(bound.node, scope, depth + 1)
            elif bound.kind == "type":
                path = self.type_path(bound.node, scope, depth + 1)
            if path is not None:
                return path
        return None

    def _canonical(self, path: str, depth: int) -> str:
        """A path with re-exports followed and the names of durable_dsl's modules made names of the package."""
        parts = path.split(".")
        if parts[0] == _PACKAGE:
            return ".".join([_PACKAGE, *parts[2:]]) if len(parts) > 2 and parts[1] in _HOMES else path
        if path in self.program.functions or path in self.program.classes or depth > _DEPTH or "(" in path:
            return path
        if path in self._canonicals:
            return self._canonicals[path]
        # Imports may go in a circle.
        self._canonicals[path] = path
        self._canonicals[path] = self._looked_up(path, parts, depth)
        return self._canonicals[path]

    def _looked_up(self, path: str, parts: list[str], depth: int) -> str:
        for end in range(len(parts) - 1, 0, -1):
            scope = self.program.scopes.get(".".join(parts[:end]))
            if scope is None:
                continue
            name, rest = parts[end], parts[end + 1 :]
            if name not in scope.names:
                star = self._name(name, scope, depth + 1) if scope.stars else None
                return star if star and not rest else path
            itself = ".".join(parts[: end + 1])
            if any(f"{each.path}.".startswith(f"{itself}.") for each in scope.names[name] if each.kind == "path"):
                return path  # `from .series import series`, and the module series is not at hand
            found = self._bound(scope.names[name], scope, depth + 1)
            for each in rest:
                found = None if found is None else self.attribute(found, each, depth + 1)
            # A constant of a module keeps its name: what it holds may not be known.
            return found or path
        return path

    def _call(self, node: ast.Call, scope: Scope, depth: int) -> str | None:
        if isinstance(node.func, ast.Name) and node.func.id == "super":
            owner = self._class_around(scope)
            base = next(self._bases(owner), None) if owner is not None else None
            return None if base is None else f"{base}()"
        path = self.path(node.func, scope, depth)
        if path is None:
            return None
        if path == "functools.partial" and node.args:
            return self.path(node.args[0], scope, depth)
        if path == "builtins.getattr" and len(node.args) >= 2 and isinstance(node.args[1], ast.Constant):
            base = self.path(node.args[0], scope, depth)
            return None if base is None else self.attribute(base, str(node.args[1].value), depth)
        if path in self.program.classes:
            return f"{path}()"
        function = self.program.functions.get(path)
        if function is not None and path not in self.program.modules:
            return self._result(function, depth)
        return f"{path}()"

    def _class_around(self, scope: Scope | None) -> Class | None:
        while scope is not None:
            if scope.kind == "class":
                return self.program.classes.get(scope.path)
            scope = scope.parent
        return None

    def result(self, function: Function) -> str | None:
        """The path of what a function of the app returns."""
        return self._result(function, 0)

    def _result(self, function: Function, depth: int) -> str | None:
        """What a function of the app returns, or yields to a `with` block."""
        if function.path in self._returns or depth > _DEPTH:
            return self._returns.get(function.path)
        self._returns[function.path] = None
        node = function.node
        assert isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        found = self.type_path(node.returns, function.scope, depth + 1) if node.returns is not None else None
        if found is None or found.startswith(("builtins.", "typing.", "collections.")):
            found = None
            for each in statements(node.body):
                value = each.value if isinstance(each, (ast.Return, ast.Expr)) else None
                if isinstance(each, ast.Expr):
                    value = value.value if isinstance(value, ast.Yield) else None
                found = self.path(value, function.scope, depth + 1) if value is not None else None
                if found is not None:
                    break
        self._returns[function.path] = found
        return found


def is_property(method: Function) -> bool:
    """Whether it runs when its name is read: a getter, by the usual names of the decorator."""
    last = (each.attr if isinstance(each, ast.Attribute) else getattr(each, "id", "") for each in method.decorators)
    return any("property" in each for each in last)
