"""How a module uses durable_dsl, read from its source: which words it can reach, and where regions stand.

Names are resolved through the module's own imports, under aliases and from submodules too. What cannot be resolved
for certain (a star import, the package handed on as a value, a computed attribute) counts as every word.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from durable_codegen.app.modules import Module

__all__ = ["REGIONS", "REPEATING", "WORDS", "RegionBlock", "Usage", "first_yield"]

#: No name that a program could use: transactions that repeat.
REPEATING: Final = "transaction(retry=True)"

#: Word of the DSL → the functions of golem:api/host that it calls.
WORDS: Final[dict[str, tuple[str, ...]]] = {
    "atomic": ("mark-begin-operation", "mark-end-operation"),
    "persist": ("get-oplog-persistence-level", "set-oplog-persistence-level"),
    "idempotent": ("get-idempotence-mode", "set-idempotence-mode"),
    "non_idempotent": ("get-idempotence-mode", "set-idempotence-mode"),
    "retry": ("get-retry-policy", "set-retry-policy"),
    "commit": ("oplog-commit",),
    "oplog_commit": ("oplog-commit",),
    "oplog_index": ("get-oplog-index",),
    "rewind": ("set-oplog-index",),
    "idempotency_key": ("generate-idempotency-key",),
    "persistence_level": ("get-oplog-persistence-level",),
    "is_idempotent": ("get-idempotence-mode",),
    "retry_policy": ("get-retry-policy",),
    "create_promise": ("create-promise", "await-promise", "complete-promise"),
    "Promise": ("create-promise", "await-promise", "complete-promise"),
    "operation": (),
    "transaction": (),
    # Needed where a transaction may be one that repeats; see `may_repeat`.
    REPEATING: ("get-oplog-index", "set-oplog-index", "get-retry-policy"),
    "save_snapshot": (),
    "load_snapshot": (),
}

#: The words that open a region.
REGIONS: Final = frozenset({"atomic", "persist", "idempotent", "non_idempotent", "retry", "commit"})

_PACKAGE: Final = "durable_dsl"

# Names of the package that ask nothing of the host.
_NEUTRAL: Final = frozenset(
    {
        "Err",
        "Ok",
        "Some",
        "Result",
        "PersistenceLevel",
        "RetryPolicy",
        "export",
        "annotations",
        "errors",
        "http",
        "remote",
        "types",
        "DurableError",
        "HostFunctionMissing",
        "MarkError",
        "PromiseTimeout",
        "RegionError",
        "RegionFailed",
        "RewindUnsupported",
        "TransactionFailed",
        "TransactionStep",
    }
)
_MODULES: Final = frozenset(
    {"marks", "regions", "oplog", "policy", "errors", "results", "promises", "snapshots", "operations", "transactions"}
)


@dataclass(frozen=True, slots=True)
class RegionBlock:
    """A `with` block that opens a region, and the line of the first `yield` in it."""

    word: str
    line: int
    yields_at: int | None


class Usage:
    """What one module does with durable_dsl."""

    def __init__(self, module: Module) -> None:
        self._tree = module.tree
        self._bound = {name: target for found in module.imports for name, target in found.bound if name != "*"}
        self._star = any(found.module.split(".")[0] == _PACKAGE and "*" in found.names for found in module.imports)
        if self._star:
            self._bound = {**{word: f"{_PACKAGE}.{word}" for word in WORDS}, **self._bound}
        self._bound |= {name: f"{_PACKAGE}.{word}" for name, word in self._assigned()}

    def words(self) -> frozenset[str]:
        """The words that the module can reach."""
        if self._star:
            return frozenset(WORDS)
        found: set[str] = set()
        for target in self._bound.values():
            found |= _words_of(target, is_value=False)
        covered: set[int] = set()
        for node in ast.walk(self._tree):
            if isinstance(node, ast.Attribute):
                path = self._path(node)
                if path is not None and id(node) not in covered:
                    covered.update(map(id, _chain(node)))
                    found |= _words_of(path, is_value=True)
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and id(node) not in covered:
                found |= _words_of(self._bound.get(node.id, ""), is_value=True)
            elif isinstance(node, ast.Constant) and _names_package(node.value):
                return frozenset(WORDS)
        return frozenset(found)

    def reaches(self, module: str) -> bool:
        """Whether the module can reach a module of durable_dsl that is named by its path: `durable_dsl.http`."""
        reached = [*self._bound.values(), *filter(None, map(self._path, _attributes(self._tree)))]
        return any(path == module or path.startswith(f"{module}.") for path in reached)

    def members(self, module: str) -> frozenset[str]:
        """What is reached of a module of durable_dsl, by name; "*" where that cannot be told."""
        found = {path for path in self._bound.values() if path.startswith(f"{module}.")}
        whole = {module, _PACKAGE}
        covered: set[int] = set()
        for node in ast.walk(self._tree):
            if isinstance(node, ast.Attribute) and id(node) not in covered:
                path = self._path(node)
                if path is not None:
                    covered.update(map(id, _chain(node)))
                    found.add(path)
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and id(node) not in covered:
                found.add(self._bound.get(node.id, ""))
            elif isinstance(node, ast.Constant) and _names_package(node.value):
                found.add(module)
        names = {path[len(module) + 1 :].partition(".")[0] for path in found if path.startswith(f"{module}.")}
        return frozenset(names | {"*"} if self._star or found & whole else names)

    @property
    def is_vague(self) -> bool:
        """Whether it cannot be told which words the module reaches."""
        return self.words() == frozenset(WORDS)

    def may_repeat(self) -> bool:
        """Whether a transaction may repeat: anything is called with `retry=`, or `transaction` with `**`."""
        for node in ast.walk(self._tree):
            if isinstance(node, ast.Call):
                for each in node.keywords:
                    if each.arg == "retry" and not (isinstance(each.value, ast.Constant) and each.value.value is False):
                        return True
                    if each.arg is None and self.word(node) == "transaction":
                        return True
        return False

    def is_of_a_module(self, node: ast.expr) -> bool:
        """Whether an expression is reached through something imported: `asyncio.wait`."""
        return self._path(node) is not None

    def word(self, node: ast.expr) -> str | None:
        """The word that an expression stands for, called or not: `atomic`, `dsl.retry(max_attempts=3)`."""
        target = node.func if isinstance(node, ast.Call) else node
        path = self._path(target)
        if path is None or path.split(".")[0] != _PACKAGE:
            return None
        last = path.rpartition(".")[2]
        return last if last in WORDS else None

    def blocks(self) -> Iterator[RegionBlock]:
        """The `with` blocks that open a region."""
        for node in ast.walk(self._tree):
            if isinstance(node, (ast.With, ast.AsyncWith)):
                for item in node.items:
                    word = self.word(item.context_expr)
                    if word in REGIONS:
                        yield RegionBlock(word, node.lineno, first_yield(node.body))

    def called(self, words: Collection[str]) -> Iterator[tuple[str, ast.Call]]:
        """The calls of these words by names that stand for nothing else anywhere in the module."""
        stored = {
            node.id for node in ast.walk(self._tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
        }
        stored |= {node.arg for node in ast.walk(self._tree) if isinstance(node, ast.arg)}
        for node in ast.walk(self._tree):
            if isinstance(node, ast.Call):
                path = self._path(node.func)
                first = next((each.id for each in ast.walk(node.func) if isinstance(each, ast.Name)), "")
                if path is not None and path.partition(".")[0] == _PACKAGE and first not in stored:
                    word = path.rpartition(".")[2]
                    if word in words:
                        yield word, node

    def calls(self, word: str) -> Iterator[ast.Call]:
        """The calls of a word, as decorator, block or plain call."""
        for node in ast.walk(self._tree):
            if isinstance(node, ast.Call) and self.word(node) == word:
                yield node

    def places(self, word: str) -> Iterator[int]:
        """The lines where a word is used as a value, or may be: whatever is called like it counts."""
        for node in ast.walk(self._tree):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                if node.id == word or self.word(node) == word:
                    yield node.lineno
            elif isinstance(node, ast.Attribute) and node.attr == word:
                yield node.lineno

    def late_lines(self) -> frozenset[int]:
        """The lines of the bodies of functions: what stands there runs when it is called."""
        lines: set[int] = set()
        for node in ast.walk(self._tree):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                lines.update(range(node.body[0].lineno, (node.end_lineno or node.lineno) + 1))
            elif isinstance(node, ast.Lambda):
                lines.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
        return frozenset(lines)

    def _assigned(self) -> list[tuple[str, str]]:
        """Names that are bound to a region by a plain assignment: `once = retry(max_attempts=1)`."""
        found = []
        for node in ast.walk(self._tree):
            if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
                word = self.word(node.value)
                if word in REGIONS:
                    found.append((node.targets[0].id, word))
        return found

    def _path(self, node: ast.expr) -> str | None:
        """The dotted path that a name or attribute stands for, if its first name was imported."""
        if isinstance(node, ast.Name):
            return self._bound.get(node.id)
        if isinstance(node, ast.Attribute):
            base = self._path(node.value)
            return None if base is None else f"{base}.{node.attr}"
        return None


def _words_of(path: str, *, is_value: bool) -> set[str]:
    """The words reached by a path; `is_value`: it is used, not just imported, so a bare module is all of its words."""
    parts = path.split(".")
    if parts[0] != _PACKAGE:
        return set()
    for part in parts[1:]:
        if part in WORDS:
            return {part}
        if part in _NEUTRAL or part.startswith("__"):
            return set()
    if all(part in _MODULES for part in parts[1:]):
        return set(WORDS) if is_value else set()
    return set(WORDS)


def _attributes(tree: ast.AST) -> Iterator[ast.Attribute]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.Attribute))


def _chain(node: ast.expr) -> Iterator[ast.expr]:
    while isinstance(node, ast.Attribute):
        yield node
        node = node.value
    yield node


def _names_package(value: object) -> bool:
    return isinstance(value, str) and (value == _PACKAGE or value.startswith(f"{_PACKAGE}.")) and " " not in value


def first_yield(body: list[ast.stmt]) -> int | None:
    """The line of the first `yield` of a block."""
    waiting: list[ast.AST] = list(body)
    lines = []
    while waiting:
        node = waiting.pop()
        if isinstance(node, (ast.Yield, ast.YieldFrom)):
            lines.append(node.lineno)
        # What is defined inside the block runs another time.
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)):
            waiting += ast.iter_child_nodes(node)
    return min(lines, default=None)
