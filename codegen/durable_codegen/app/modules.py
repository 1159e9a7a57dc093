"""The app's modules as source: where they are, and what each of them imports.

Nothing is executed here. A module is found by name under the roots that the guest will have, in the same order. An
import is described with what matters in a guest: whether it is done late (inside a function), whether the code copes
with its absence (`try … except ImportError`), and what its name is once relative imports are resolved. Branches that
the guest never takes (`if TYPE_CHECKING`, checks for another platform or an older Python) are left out.
"""

from __future__ import annotations

import ast
import sys
import traceback
import warnings
from dataclasses import dataclass, field, replace
from functools import cached_property
from importlib.util import decode_source
from typing import TYPE_CHECKING

from durable_codegen.app.branches import taken
from durable_codegen.faults import Fault

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

__all__ = ["PYTHON_NOTE", "Import", "Module", "Root", "find", "parse", "reachable"]

#: What to say of a syntax error: it may be the user's slip, or syntax that this Python does not have yet.
PYTHON_NOTE = (
    f"the build imports the app with the Python that runs it, {sys.version_info[0]}.{sys.version_info[1]}; the guest's "
    f"is 3.14. Newer syntax needs durable-dsl installed under a newer Python"
)


@dataclass(frozen=True, slots=True)
class Import:
    """One import of one module.

    `names` are those of `from module import …`; `bound` pairs each local name with what it stands for. `guarded`: the
    code copes with an ImportError; `conditional`: it stands under an `if` whose outcome is not known here.
    """

    module: str
    names: tuple[str, ...]
    line: int
    late: bool
    guarded: bool
    conditional: bool
    bound: tuple[tuple[str, str], ...] = ()

    @property
    def candidates(self) -> tuple[str, ...]:
        """The modules that the statement may load: the module itself, and names that may be submodules of it."""
        return (self.module, *(f"{self.module}.{name}" for name in self.names if name != "*"))


@dataclass(frozen=True)
class Root:
    """A folder on the guest's path; `shown` is put before paths in messages ("" for the app's own).

    `skipped` are top-level names in it that are not part of the app: bindings that an earlier tool left there.
    """

    folder: Path
    kind: str
    shown: str = ""
    skipped: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Module:
    """A source file that can be imported as `name`; `file` is the path that messages show."""

    name: str
    path: Path
    root: Root
    is_package: bool
    file: str
    tree: ast.Module = field(repr=False, compare=False)

    @cached_property
    def imports(self) -> tuple[Import, ...]:
        """What the module imports, in the order of the source."""
        return tuple(_imports(self))

    @cached_property
    def source_lines(self) -> list[str]:
        """The lines of the source; none for a package without a file of its own."""
        # As Python counts them: in the file's own encoding, and a form feed ends no line.
        return decode_source(self.path.read_bytes()).split("\n") if self.path.is_file() else []

    @property
    def package(self) -> str:
        """The package that relative imports start from."""
        return self.name if self.is_package else self.name.rpartition(".")[0]


def find(name: str, roots: Sequence[Root]) -> tuple[Path, Root, bool] | None:
    """The file of the module `name`, its root, and whether it is a package; one without __init__ is its folder."""
    relative, top = name.replace(".", "/"), name.partition(".")[0]
    roots = [root for root in roots if top not in root.skipped]
    for root in roots:
        package = root.folder / relative / "__init__.py"
        if package.is_file():
            return package, root, True
        module = root.folder / f"{relative}.py"
        if module.is_file():
            return module, root, False
    for root in roots:
        folder = root.folder / relative
        if folder.is_dir() and any(folder.glob("**/*.py")):
            return folder, root, True
    return None


def parse(name: str, path: Path, root: Root, *, is_package: bool) -> Module | Fault:
    """The module `name`, or the fault that its source does not parse."""
    file = shown_path(path, root)
    if path.is_dir():
        return Module(name, path, root, is_package, file, ast.Module([], []))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)
            tree = ast.parse(path.read_bytes(), filename=file)
    except (SyntaxError, ValueError) as error:
        return syntax_fault(error, file)
    return Module(name, path, root, is_package, file, tree)


def shown_path(path: Path, root: Root) -> str:
    """The path that messages show for a file under `root`."""
    relative = path.relative_to(root.folder).as_posix()
    return f"{root.shown}/{relative}" if root.shown not in {"", "."} else relative


def syntax_fault(error: SyntaxError | ValueError, file: str) -> Fault:
    """The fault for source that the Python running the build does not accept."""
    line = getattr(error, "lineno", None)
    detail = "".join(traceback.format_exception_only(type(error), error)) if isinstance(error, SyntaxError) else ""
    return Fault(
        "DSL211",
        f"syntax error: {getattr(error, 'msg', error)}",
        file,
        line,
        hint=PYTHON_NOTE,
        detail=detail.rstrip("\n"),
    )


def reachable(starts: Sequence[str], roots: Sequence[Root]) -> tuple[dict[str, Module], tuple[Fault, ...]]:
    """The modules that importing `starts` leads to within `roots`, by name, and the faults of those that do not parse.

    Importing `a.b` imports `a` first, so parents are among them. Late imports are followed too.
    """
    modules: dict[str, Module] = {}
    faults: list[Fault] = []
    waiting = list(starts)
    while waiting:
        name = waiting.pop()
        if not name or name in modules:
            continue
        found = find(name, roots)
        if found is None:
            continue
        path, root, is_package = found
        module = parse(name, path, root, is_package=is_package)
        if isinstance(module, Fault):
            # A vendored package may hold files for other Pythons; only those that are imported matter to the scan.
            if root.kind == "app":
                faults.append(module)
            continue
        modules[name] = module
        waiting.append(name.rpartition(".")[0])
        waiting += [candidate for each in module.imports for candidate in each.candidates]
    return dict(sorted(modules.items())), tuple(faults)


def _imports(module: Module) -> Iterator[Import]:
    yield from _Finder(module).in_body(module.tree.body, _Around())


@dataclass(frozen=True, slots=True)
class _Around:
    """How the code around a statement bears on the imports in it."""

    late: bool = False
    guarded: bool = False
    conditional: bool = False


class _Finder:
    """Walks statements and keeps in mind what stands around them."""

    def __init__(self, module: Module) -> None:
        self.module = module

    def in_body(self, body: Iterable[ast.stmt], around: _Around) -> Iterator[Import]:
        for node in body:
            yield from self.in_statement(node, around)

    def in_statement(self, node: ast.stmt, around: _Around) -> Iterator[Import]:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            yield from self._import(node, around)
        elif isinstance(node, ast.If):
            yield from self._in_if(node, around)
        elif isinstance(node, (ast.Try, ast.TryStar)):
            guarded = replace(around, guarded=True)
            copes = any(_catches_import_error(handler.type) for handler in node.handlers)
            yield from self.in_body(node.body, guarded if copes else around)
            for handler in node.handlers:
                # What a handler imports is the second choice after an import that failed.
                inside = guarded if _catches_import_error(handler.type) else around
                yield from self.in_body(handler.body, inside)
            yield from self.in_body([*node.orelse, *node.finalbody], around)
        elif isinstance(node, (ast.With, ast.AsyncWith)):
            for item in node.items:
                yield from self._in_expression(item.context_expr, around)
            suppressed = any(_suppresses_import_error(item.context_expr) for item in node.items)
            yield from self.in_body(node.body, replace(around, guarded=True) if suppressed else around)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            for decorator in node.decorator_list:
                yield from self._in_expression(decorator, around)
            yield from self.in_body(node.body, replace(around, late=True))
        else:
            for child in ast.iter_child_nodes(node):
                if isinstance(child, ast.stmt):
                    yield from self.in_statement(child, around)
                elif isinstance(child, ast.expr):
                    yield from self._in_expression(child, around)
                else:
                    yield from self.in_body(getattr(child, "body", ()), around)

    def _in_if(self, node: ast.If, around: _Around) -> Iterator[Import]:
        value = taken(node.test)
        inside = replace(around, conditional=True) if value is None else around
        if value is not False:
            yield from self._in_expression(node.test, around)
            yield from self.in_body(node.body, inside)
        if value is not True:
            yield from self.in_body(node.orelse, inside)

    def _import(self, node: ast.Import | ast.ImportFrom, around: _Around) -> Iterator[Import]:
        if isinstance(node, ast.ImportFrom):
            base = self._absolute(node)
            if base is not None:
                bound = tuple((alias.asname or alias.name, f"{base}.{alias.name}") for alias in node.names)
                names = tuple(alias.name for alias in node.names)
                yield self._found(base, names, node.lineno, around, bound)
            return
        for alias in node.names:
            top = alias.name.partition(".")[0]
            local = (alias.asname, alias.name) if alias.asname else (top, top)
            yield self._found(alias.name, (), node.lineno, around, (local,))

    def _found(
        self, name: str, names: tuple[str, ...], line: int, around: _Around, bound: tuple[tuple[str, str], ...] = ()
    ) -> Import:
        return Import(name, names, line, around.late, around.guarded, around.conditional, bound)

    def _in_expression(self, node: ast.expr, around: _Around) -> Iterator[Import]:
        """Imports by `__import__("x")` and `importlib.import_module("x")` with a constant name."""
        for call in ast.walk(node):
            if isinstance(call, ast.Call) and _imports_by_name(call.func) and call.args:
                name = call.args[0]
                if isinstance(name, ast.Constant) and isinstance(name.value, str) and not name.value.startswith("."):
                    yield self._found(name.value, (), call.lineno, around)

    def _absolute(self, node: ast.ImportFrom) -> str | None:
        if not node.level:
            return node.module
        parts = self.module.package.split(".")
        if node.level > len(parts) or not parts[0]:
            return None
        base = parts[: len(parts) - node.level + 1]
        return ".".join([*base, *([node.module] if node.module else [])])


def _imports_by_name(function: ast.expr) -> bool:
    if isinstance(function, ast.Name):
        return function.id in {"__import__", "import_module"}
    return isinstance(function, ast.Attribute) and function.attr == "import_module"


def _catches_import_error(caught: ast.expr | None) -> bool:
    if caught is None:
        return True
    types = caught.elts if isinstance(caught, ast.Tuple) else [caught]
    names = {node.id if isinstance(node, ast.Name) else getattr(node, "attr", "") for node in types}
    return bool(names & {"ImportError", "ModuleNotFoundError", "Exception", "BaseException"})


def _suppresses_import_error(context: ast.expr) -> bool:
    if not isinstance(context, ast.Call):
        return False
    name = context.func.attr if isinstance(context.func, ast.Attribute) else getattr(context.func, "id", "")
    return name == "suppress" and any(_catches_import_error(argument) for argument in context.args)
