"""The app's functions and classes, by dotted path, and the names that each of their scopes binds.

A path is the module's name and the qualified name: `orders.Desk.place`, `orders.place.<locals>.send`. What a name is
bound to is kept as it stands in the source (`Bound`); `names.py` makes paths of it. Nothing is executed, and branches
that a guest never takes are left out.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Literal, TypeAlias

from durable_codegen.app.branches import taken

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from durable_codegen.app.modules import Module

__all__ = ["Bound", "Class", "Function", "FunctionNode", "Program", "Scope", "live", "statements"]

FunctionNode: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Bound:
    """What a name is bound to: a dotted path, the value of an expression, or a value of an annotated type.

    `default`: the value of a parameter that callers may leave out.
    `element`: each of what an expression holds in turn, or with `part` that place of each of them; `lines` are those of
    the loop.
    """

    kind: Literal["path", "value", "default", "type", "element", "opaque"]
    path: str = ""
    node: ast.expr | None = None
    part: int | None = None
    lines: tuple[int, int] | None = None


@dataclass(eq=False)
class Scope:
    """The names of a module, class or function. `path` is its own; a function's `owner` is the class it stands in."""

    module: Module
    path: str
    parent: Scope | None
    kind: Literal["module", "class", "function"]
    names: dict[str, list[Bound]] = field(default_factory=dict)
    stars: list[str] = field(default_factory=list)
    outside: set[str] = field(default_factory=set)

    def bind(self, name: str, bound: Bound) -> None:
        """Note one more thing that the name is bound to."""
        if name not in self.outside:
            self.names.setdefault(name, []).append(bound)


@dataclass(eq=False)
class Function:
    """A function or method of the app; the module's own statements are one, too (`node` is the module)."""

    path: str
    node: FunctionNode | ast.Module | ast.ClassDef
    scope: Scope
    module: Module
    owner: Class | None = None

    @property
    def name(self) -> str:
        """As messages call it: `Desk.place`."""
        own = self.path.removeprefix(f"{self.module.name}.")
        return own.replace("<locals>.", "") if own != self.module.name else f"module {self.module.name}"

    @property
    def line(self) -> int:
        """The line of `def`."""
        return getattr(self.node, "lineno", 1)

    @property
    def decorators(self) -> list[ast.expr]:
        """From the top down."""
        return self.node.decorator_list if isinstance(self.node, (ast.FunctionDef, ast.AsyncFunctionDef)) else []

    @property
    def is_declaration(self) -> bool:
        """Whether it is a method that only says what others implement: nothing but a docstring and `...`."""
        return self.owner is not None and all(
            isinstance(each, ast.Expr) and isinstance(each.value, ast.Constant) for each in self.node.body
        )

    @property
    def parameters(self) -> list[ast.arg]:
        """The positional parameters, self included."""
        if not isinstance(self.node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            return []
        return [*self.node.args.posonlyargs, *self.node.args.args]


@dataclass(eq=False)
class Class:
    """A class of the app; `attributes` are the values that methods and the class body give to `self.name`."""

    path: str
    node: ast.ClassDef
    scope: Scope
    module: Module
    methods: dict[str, Function] = field(default_factory=dict)
    #: What runs when `object.name` is assigned to, by name.
    setters: dict[str, Function] = field(default_factory=dict)
    attributes: dict[str, list[tuple[Bound, Scope]]] = field(default_factory=dict)


class Program:
    """All functions and classes of a set of modules."""

    def __init__(self, modules: Mapping[str, Module]) -> None:
        self.modules = modules
        self.functions: dict[str, Function] = {}
        self.classes: dict[str, Class] = {}
        self.scopes: dict[str, Scope] = {}
        #: Lambdas that a name or a table holds, by the identity of their node.
        self.lambdas: dict[int, Function] = {}
        for module in modules.values():
            scope = Scope(module, module.name, None, "module")
            self.scopes[module.name] = scope
            self.functions[module.name] = Function(module.name, module.tree, scope, module)
            self._index(module.tree.body, scope, None)
            for each in module.imports:
                if not each.late:
                    _bind_import(each.bound, each.module, each.names, scope)
            _bind_type_imports(module, scope)

    @cached_property
    def method_names(self) -> frozenset[str]:
        """What any of the classes calls its methods."""
        return frozenset(name for each in self.classes.values() for name in each.methods)

    @cached_property
    def property_names(self) -> frozenset[str]:
        """What may run code when it is read or assigned to: the names of properties."""
        getters = (
            name
            for each in self.classes.values()
            for name, method in each.methods.items()
            if any("property" in ast.unparse(decorator) for decorator in method.decorators)
        )
        return frozenset([*getters, *(name for each in self.classes.values() for name in each.setters)])

    def app_functions(self) -> Iterator[Function]:
        """The functions of the app's own modules, those of vendored packages left out."""
        return (each for each in self.functions.values() if each.module.root.kind == "app")

    def _index(self, body: Iterable[ast.stmt], scope: Scope, owner: Class | None) -> None:
        for node in statements(body):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                self._function(node, scope, owner)
            elif isinstance(node, ast.ClassDef):
                self._class(node, scope)
            else:
                _bind_statement(node, scope)
                self._lambdas(node, scope, owner)
                if owner is not None:
                    for name, bounds in list(scope.names.items()):
                        owner.attributes.setdefault(name, [(bound, scope) for bound in bounds])

    def _function(self, node: FunctionNode, scope: Scope, owner: Class | None) -> None:
        path = _inner(scope, node.name)
        accessor = _accessor(node)
        path = f"{path}.{accessor}" if accessor else path
        function = Function(path, node, Scope(scope.module, path, scope, "function"), scope.module, owner)
        if not accessor:
            scope.bind(node.name, Bound("path", path))
        self.functions[path] = function
        if owner is not None and accessor != "deleter":
            (owner.setters if accessor else owner.methods)[node.name] = function
        for outside in ast.walk(node):
            if isinstance(outside, (ast.Global, ast.Nonlocal)):
                function.scope.outside.update(outside.names)
        _bind_parameters(function)
        self._index(node.body, function.scope, None)
        for late in _late_imports(node):
            _bind_late(late, function.scope)
        if owner is not None:
            _note_attributes(function, owner)

    def _lambdas(self, node: ast.stmt, scope: Scope, owner: Class | None) -> None:
        """Make functions of the lambdas that a statement gives a name, alone or in a table."""
        value = getattr(node, "value", None) if isinstance(node, (ast.Assign, ast.AnnAssign)) else None
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        name = getattr(target, "id", None) or getattr(target, "attr", None)
        if value is None or name is None:
            return
        for key, each in _held(value):
            if isinstance(each, ast.Lambda):
                body: list[ast.stmt] = [ast.copy_location(ast.Return(each.body), each.body)]
                made = ast.FunctionDef(f"{name}{key}", each.args, body, [])
                self._function(ast.copy_location(made, each), scope, None if key else owner)
                self.lambdas[id(each)] = self.functions[_inner(scope, made.name)]

    def _class(self, node: ast.ClassDef, scope: Scope) -> None:
        path = _inner(scope, node.name)
        found = Class(path, node, Scope(scope.module, path, scope, "class"), scope.module)
        scope.bind(node.name, Bound("path", path))
        self.classes[path] = found
        self._index(node.body, found.scope, found)


def _accessor(node: FunctionNode) -> str:
    """What a method does for a property whose getter stands before it: `setter` or `deleter`; "" for other methods."""
    named = (each.attr for each in node.decorator_list if isinstance(each, ast.Attribute))
    return next((each for each in named if each in {"setter", "deleter"}), "")


def _held(value: ast.expr) -> Iterator[tuple[str, ast.expr]]:
    """What a value holds, with the key: itself, or the values of a literal table."""
    if isinstance(value, ast.Dict):
        for number, (key, each) in enumerate(zip(value.keys, value.values, strict=True)):
            shown = ast.unparse(key) if isinstance(key, ast.Constant) else ""
            yield f"[{number if '.' in shown or not shown else shown}]", each
    elif isinstance(value, (ast.List, ast.Tuple, ast.Set)):
        yield from ((f"[{number}]", each) for number, each in enumerate(value.elts))
    else:
        yield "", value


def _inner(scope: Scope, name: str) -> str:
    return f"{scope.path}.<locals>.{name}" if scope.kind == "function" else f"{scope.path}.{name}"


def live(node: ast.If) -> list[ast.stmt]:
    """The statements of an `if` that a guest may reach."""
    value = taken(node.test)
    return [*(node.body if value is not False else []), *(node.orelse if value is not True else [])]


def statements(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """All statements of a body, those in blocks too, but not what stands inside functions and classes."""
    for node in body:
        yield node
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            continue
        if isinstance(node, ast.If):
            yield from statements(live(node))
            continue
        for name in ("body", "orelse", "finalbody"):
            yield from statements(getattr(node, name, ()))
        for handler in [*getattr(node, "handlers", ()), *getattr(node, "cases", ())]:
            yield from statements(handler.body)


def _bind_import(bound: Iterable[tuple[str, str]], module: str, names: tuple[str, ...], scope: Scope) -> None:
    for local, target in bound:
        if local != "*":
            scope.bind(local, Bound("path", target))
    if "*" in names:
        scope.stars.append(module)


def _bind_type_imports(module: Module, scope: Scope) -> None:
    """Bind what is imported for type checkers only: annotations speak of it."""
    for node in module.tree.body:
        if not (isinstance(node, ast.If) and ast.unparse(node.test).rpartition(".")[2] == "TYPE_CHECKING"):
            continue
        for each in node.body:
            if isinstance(each, ast.ImportFrom):
                parts = module.package.split(".")
                above = ".".join(parts[: len(parts) - each.level + 1]) if each.level else ""
                base = ".".join(filter(None, (above, each.module)))
                _bind_import(((a.asname or a.name, f"{base}.{a.name}") for a in each.names), base, (), scope)
            elif isinstance(each, ast.Import):
                tops = (
                    (a.asname or a.name.partition(".")[0], a.name if a.asname else a.name.partition(".")[0])
                    for a in each.names
                )
                _bind_import(tops, "", (), scope)


def _late_imports(node: FunctionNode) -> Iterator[ast.Import | ast.ImportFrom]:
    return (each for each in statements(node.body) if isinstance(each, (ast.Import, ast.ImportFrom)))


def _bind_late(node: ast.Import | ast.ImportFrom, scope: Scope) -> None:
    """Bind what a function imports, for its own names only."""
    first, last = node.lineno, node.end_lineno or node.lineno
    for each in scope.module.imports:
        if each.late and first <= each.line <= last:
            _bind_import(each.bound, each.module, each.names, scope)


def _bind_parameters(function: Function) -> None:
    assert isinstance(function.node, (ast.FunctionDef, ast.AsyncFunctionDef))
    arguments = function.node.args
    positional = [*arguments.posonlyargs, *arguments.args]
    defaults: list[ast.expr | None] = [None] * (len(positional) - len(arguments.defaults))
    pairs = zip(
        [*positional, *arguments.kwonlyargs], [*defaults, *arguments.defaults, *arguments.kw_defaults], strict=True
    )
    for number, (parameter, default) in enumerate(pairs):
        if number == 0 and positional and function.owner is not None and not _is_static(function.node):
            receiver = function.owner.path if _is_class_method(function.node) else f"{function.owner.path}()"
            function.scope.bind(parameter.arg, Bound("path", receiver))
        elif parameter.annotation is not None:
            function.scope.bind(parameter.arg, Bound("type", node=parameter.annotation))
        elif default is not None:
            function.scope.bind(parameter.arg, Bound("default", node=default))
        else:
            function.scope.bind(parameter.arg, Bound("opaque"))
    for rest in (arguments.vararg, arguments.kwarg):
        if rest is not None:
            function.scope.bind(rest.arg, Bound("opaque"))


def _is_static(node: FunctionNode) -> bool:
    return any(isinstance(each, ast.Name) and each.id == "staticmethod" for each in node.decorator_list)


def _is_class_method(node: FunctionNode) -> bool:
    return any(isinstance(each, ast.Name) and each.id == "classmethod" for each in node.decorator_list)


def _bind_statement(node: ast.stmt, scope: Scope) -> None:
    """Bind what a statement assigns, also by walrus inside its expressions."""
    if isinstance(node, ast.Assign):
        for target in node.targets:
            _bind_target(target, node.value, scope)
    elif isinstance(node, ast.AnnAssign):
        if isinstance(node.target, ast.Name):
            bound = Bound("type", node=node.annotation)
            scope.bind(node.target.id, Bound("value", node=node.value) if node.value is not None else bound)
            scope.bind(node.target.id, bound)
    elif isinstance(node, ast.AugAssign):
        _bind_target(node.target, None, scope)
    elif isinstance(node, (ast.For, ast.AsyncFor)):
        _bind_elements(node.target, node.iter, node, scope)
    elif isinstance(node, (ast.With, ast.AsyncWith)):
        for item in node.items:
            if item.optional_vars is not None:
                _bind_target(item.optional_vars, item.context_expr, scope)
    elif isinstance(node, (ast.Try, ast.TryStar)):
        for handler in node.handlers:
            if handler.name:
                scope.bind(handler.name, Bound("opaque"))
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.expr):
            for inner in ast.walk(child):
                if isinstance(inner, ast.NamedExpr):
                    _bind_target(inner.target, inner.value, scope)
                elif isinstance(inner, (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)):
                    for each in inner.generators:
                        _bind_elements(each.target, each.iter, inner, scope)


def _bind_elements(target: ast.expr, held: ast.expr, loop: ast.stmt | ast.expr, scope: Scope) -> None:
    lines = loop.lineno, loop.end_lineno or loop.lineno
    if isinstance(target, ast.Name):
        scope.bind(target.id, Bound("element", node=held, lines=lines))
    elif isinstance(target, (ast.Tuple, ast.List)):
        for part, each in enumerate(target.elts):
            if isinstance(each, ast.Name):
                scope.bind(each.id, Bound("element", node=held, part=part, lines=lines))
            else:
                _bind_target(each.value if isinstance(each, ast.Starred) else each, None, scope)


def _bind_target(target: ast.expr, value: ast.expr | None, scope: Scope) -> None:
    if isinstance(target, ast.Name):
        scope.bind(target.id, Bound("opaque") if value is None else Bound("value", node=value))
    elif isinstance(target, (ast.Tuple, ast.List)):
        values = value.elts if isinstance(value, (ast.Tuple, ast.List)) else []
        pairs = values if len(values) == len(target.elts) else [None] * len(target.elts)
        for each, part in zip(target.elts, pairs, strict=True):
            _bind_target(each.value if isinstance(each, ast.Starred) else each, part, scope)


def _note_attributes(method: Function, owner: Class) -> None:
    """Note what a method assigns to attributes of its first parameter."""
    if not method.parameters:
        return
    receiver = method.parameters[0].arg
    assert isinstance(method.node, (ast.FunctionDef, ast.AsyncFunctionDef))
    for node in statements(method.node.body):
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        for target in targets:
            if (
                isinstance(target, ast.Attribute)
                and isinstance(target.value, ast.Name)
                and target.value.id == receiver
                and isinstance(node, (ast.Assign, ast.AnnAssign))
            ):
                found = owner.attributes.setdefault(target.attr, [])
                if node.value is not None:
                    found.append((Bound("value", node=node.value), method.scope))
                if isinstance(node, ast.AnnAssign):
                    found.append((Bound("type", node=node.annotation), method.scope))
