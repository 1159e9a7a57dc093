"""What happens in one function, in the order of the source, and which regions stand around it.

A function's body gives events: effects, calls of the app's own functions, and calls that lead somewhere unknown. Marks
of the function, `with` blocks and brackets of host calls by hand are the regions. What a lambda or a comprehension does
is taken to happen where it stands; a function that is handed on as an argument is taken to be called there.
"""

from __future__ import annotations

import ast
import sys
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from durable_codegen.analysis.effects import Effect, effect_of
from durable_codegen.analysis.program import FunctionNode, live, statements
from durable_codegen.analysis.regions import Region, constant, host_word, mark_calls, region_of
from durable_codegen.branches import taken

if TYPE_CHECKING:
    from collections.abc import Iterable

    from durable_codegen.analysis.names import Names
    from durable_codegen.analysis.program import Function, Scope

__all__ = ["Event", "Flow", "Timeout", "Tried", "flow_of"]

#: What cancels the code that it stands around.
TIMEOUT_BLOCKS: Final = frozenset(
    [
        "asyncio.timeout",
        "asyncio.timeout_at",
        "async_timeout.timeout",
        "async_timeout.timeout_at",
        "anyio.fail_after",
        "anyio.move_on_after",
        "trio.fail_after",
        "trio.move_on_after",
    ]
)
_LEAVING: Final = (ast.Return, ast.Raise, ast.Continue, ast.Break)
_OPENERS: Final = {"mark_begin_operation": "atomic"}


@dataclass(frozen=True, eq=False)
class Event:
    """Something that happens at a place. One of `effect`, `callee` (the app's) and `unknown`.

    `unknown` is the path of a library's function (`is_library`), else the call as it stands in the source.
    """

    node: ast.expr
    function: Function
    regions: tuple[Region, ...]
    effect: Effect | None = None
    callee: Function | None = None
    unknown: str | None = None
    is_library: bool = False
    handed_on: bool = False

    @property
    def line(self) -> int:
        return self.node.lineno

    @property
    def column(self) -> int:
        return self.node.col_offset + 1

    @property
    def place(self) -> str:
        return f"{self.function.module.file}:{self.line}"


@dataclass(frozen=True, eq=False)
class Tried:
    """A `try`, or a `with suppress(…)`, and the regions around it."""

    node: ast.Try | ast.TryStar | ast.With | ast.AsyncWith
    regions: tuple[Region, ...]


@dataclass(frozen=True, eq=False)
class Timeout:
    """Code that a time-out may cancel: a block, or the arguments of `wait_for`."""

    node: ast.With | ast.AsyncWith | ast.Call
    what: str
    regions: tuple[Region, ...]


@dataclass
class Flow:
    """All of one function. `opened` pairs each region with those around it."""

    function: Function
    marks: tuple[Region, ...]
    events: list[Event] = field(default_factory=list)
    tried: list[Tried] = field(default_factory=list)
    timeouts: list[Timeout] = field(default_factory=list)
    opened: list[tuple[Region, tuple[Region, ...], ast.AST]] = field(default_factory=list)
    #: Around its `yield`: what stands around the body of a `with` block if this is a context manager.
    yielding: tuple[Region, ...] | None = None

    def inside(self, node: ast.AST) -> list[Event]:
        """The events within a node."""
        covered = {id(each) for each in ast.walk(node)}
        return [event for event in self.events if id(event.node) in covered]


def flow_of(function: Function, names: Names) -> Flow:
    """Walk a function, or the statements of a module."""
    return _Walker(function, names).run()


class _Walker:
    def __init__(self, function: Function, names: Names) -> None:
        self.function = function
        self.names = names
        self.scope = function.scope
        self.flow = Flow(function, ())
        self.by_hand: list[Region] = []

    def run(self) -> Flow:
        node = self.function.node
        marks: list[Region] = []
        end = getattr(node, "end_lineno", None) or self.function.line
        outer = self.scope.parent or self.scope
        for decorator in self.function.decorators:
            region = region_of(decorator, outer, self.names, self.function, "mark", end)
            for each in [region] if region is not None else self._composed(decorator, outer, end):
                self.flow.opened.append((each, tuple(marks), node))
                marks.append(each)
        self.flow.marks = tuple(marks)
        self.body(node.body, self.flow.marks)
        return self.flow

    def _composed(self, decorator: ast.expr, outer: Scope, end: int) -> list[Region]:
        """The marks that a decorator of the app puts on: `def reliable(f): return retry(max_attempts=5)(atomic(f))`."""
        made = self.names.function(self.names.path(decorator, outer))
        if made is None or not made.parameters:
            return []
        for node in statements(made.node.body):
            if isinstance(node, ast.Return) and node.value is not None:
                regions, inner = mark_calls(node.value, made.scope, self.names, made)
                if isinstance(inner, ast.Name) and inner.id == made.parameters[0].arg:
                    file, line = self.function.module.file, decorator.lineno
                    return [
                        replace(each, file=file, line=line, end=end, function=self.function.path) for each in regions
                    ]
        return []

    def body(self, body: Iterable[ast.stmt], regions: tuple[Region, ...]) -> None:
        """Walk statements; a bracket that is opened by hand lasts to the statement that closes it."""
        before = len(self.by_hand)
        for node in body:
            self.statement(node, (*regions, *self.by_hand[before:]))
            self.brackets(node, regions, before)
            if isinstance(node, ast.If) and taken(node.test) is True and isinstance(node.body[-1], _LEAVING):
                break  # what follows is for other platforms
        del self.by_hand[before:]

    def brackets(self, node: ast.stmt, regions: tuple[Region, ...], before: int) -> None:
        """Note what a statement opens or closes by calls of host functions."""
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.With, ast.AsyncWith)):
            return
        direct = isinstance(node, (ast.Expr, ast.Assign, ast.AnnAssign))
        for call in ast.walk(node):
            path = self.names.path(call.func, self.scope) if isinstance(call, ast.Call) else None
            word = None if path in self.names.program.functions else host_word(path)
            if word is None or not isinstance(call, ast.Call):
                continue
            if word in _OPENERS and direct:
                region = self._bracket(_OPENERS[word], call)
            elif word == "mark_end_operation":
                self._close("atomic")
                continue
            elif word == "set_idempotence_mode":
                self._close("non_idempotent")
                off = bool(call.args) and constant(call.args[0], self.scope, self.names) is False
                if not (off and direct):
                    continue
                region = self._bracket("non_idempotent", call)
            elif word == "set_oplog_persistence_level":
                self._close("persist")
                if not (direct and call.args and "nothing" in ast.unparse(call.args[0]).lower()):
                    continue
                region = self._bracket("persist", call, (("level", "persist-nothing"),))
            else:
                continue
            self.flow.opened.append((region, (*regions, *self.by_hand[before:]), node))
            self.by_hand.append(region)

    def _bracket(self, word: str, call: ast.Call, arguments: tuple[tuple[str, object], ...] = ()) -> Region:
        end = getattr(self.function.node, "end_lineno", None) or call.lineno
        file = self.function.module.file
        return Region(word, file, call.lineno, end, self.function.path, "by hand", arguments)

    def _close(self, word: str) -> None:
        for number in range(len(self.by_hand) - 1, -1, -1):
            if self.by_hand[number].word == word:
                del self.by_hand[number]
                return

    def statement(self, node: ast.stmt, regions: tuple[Region, ...]) -> None:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            self._definition(node, regions)
        elif isinstance(node, ast.ClassDef):
            for each in [*node.decorator_list, *node.bases]:
                self.expression(each, regions)
            self.body(node.body, regions)
        elif isinstance(node, (ast.With, ast.AsyncWith)):
            self._with(node, regions)
        elif isinstance(node, (ast.Try, ast.TryStar)):
            self.flow.tried.append(Tried(node, regions))
            for part in (node.body, *(handler.body for handler in node.handlers), node.orelse, node.finalbody):
                self.body(part, regions)
        elif isinstance(node, ast.If):
            self.expression(node.test, regions)
            self.body(live(node), regions)
        elif isinstance(node, ast.Match):
            self.expression(node.subject, regions)
            for case in node.cases:
                if case.guard is not None:
                    self.expression(case.guard, regions)
                self.body(case.body, regions)
        elif isinstance(node, (ast.For, ast.AsyncFor, ast.While)):
            self.expression(node.test if isinstance(node, ast.While) else node.iter, regions)
            self.body(node.body, regions)
            self.body(node.orelse, regions)
        else:
            for child in ast.iter_child_nodes(node):
                if isinstance(child, ast.expr):
                    self.expression(child, regions)

    def _definition(self, node: FunctionNode, regions: tuple[Region, ...]) -> None:
        """Defining a function carries out its decorators and defaults, not its body."""
        for each in [*node.decorator_list, *node.args.defaults, *filter(None, node.args.kw_defaults)]:
            if region_of(each, self.scope, self.names, self.function, "mark", node.lineno) is None:
                self.expression(each, regions, defining=True)

    def _with(self, node: ast.With | ast.AsyncWith, regions: tuple[Region, ...]) -> None:
        end = node.end_lineno or node.lineno
        for item in node.items:
            context = item.context_expr
            region = region_of(context, self.scope, self.names, self.function, "block", end)
            if region is not None:
                self.flow.opened.append((region, regions, node))
                regions = (*regions, region)
                continue
            path = self.names.path(context.func if isinstance(context, ast.Call) else context, self.scope)
            regions = (*regions, *self._brackets_of(path))
            if path == "contextlib.suppress":
                self.flow.tried.append(Tried(node, regions))
            elif path in TIMEOUT_BLOCKS:
                self.flow.timeouts.append(Timeout(node, path, regions))
            self.expression(context, regions)
            self._managed(context, regions)
        self.body(node.body, regions)

    def _brackets_of(self, path: str | None) -> tuple[Region, ...]:
        """The regions that a context manager of the app holds open by hand while its block runs."""
        manager = self.names.program.functions.get(path or "")
        if manager is None or manager is self.function:
            return ()
        outer = manager.scope.parent or manager.scope
        known = {self.names.path(each, outer) for each in manager.decorators}
        if not known & {"contextlib.contextmanager", "contextlib.asynccontextmanager"}:
            return ()
        brackets = flow_of(manager, self.names).yielding or ()
        return tuple(region for region in brackets if region.origin == "by hand")

    def _managed(self, context: ast.expr, regions: tuple[Region, ...]) -> None:
        """A context manager of the app runs its own methods."""
        path = self.names.path(context, self.scope)
        owner = self.names.program.classes.get(path[:-2]) if path and path.endswith("()") else None
        if owner is not None:
            for name in ("__enter__", "__aenter__", "__exit__", "__aexit__"):
                method = self.names.method(owner, name)
                if method is not None:
                    self.flow.events.append(Event(context, self.function, regions, callee=method))

    def expression(self, node: ast.expr, regions: tuple[Region, ...], *, defining: bool = False) -> None:
        """Walk an expression in the order in which it is evaluated, operands before what uses them."""
        if isinstance(node, ast.Lambda):
            # At import nothing calls it; inside a function it is called about where it stands.
            if not defining and not isinstance(self.function.node, (ast.Module, ast.ClassDef)):
                self.expression(node.body, regions)
            return
        if isinstance(node, ast.Call):
            self._call(node, regions, defining=defining)
            return
        while isinstance(node, ast.BinOp) and isinstance(node.left, ast.BinOp):
            # A long sum is a deep tree; its operands are looked at in a loop, the last first.
            self.expression(node.right, regions, defining=defining)
            node = node.left
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                self.expression(child, regions, defining=defining)
            elif isinstance(child, ast.comprehension):
                for each in [child.iter, *child.ifs]:
                    self.expression(each, regions, defining=defining)
        if isinstance(node, (ast.Yield, ast.YieldFrom)) and self.flow.yielding is None:
            self.flow.yielding = regions
        if isinstance(node, ast.Await):
            effect = effect_of(node, self.names.path(node.value, self.scope), self.scope, self.names)
            if effect is not None:
                self.flow.events.append(Event(node, self.function, regions, effect))
        elif isinstance(node, ast.Subscript) and self.names.path(node.value, self.scope) == "os.environ":
            effect = Effect("environment", "os.environ", "os.environ")
            self.flow.events.append(Event(node, self.function, regions, effect))

    def _call(self, node: ast.Call, regions: tuple[Region, ...], *, defining: bool) -> None:
        marked, inner = mark_calls(node.func, self.scope, self.names, self.function)
        if isinstance(node.func, ast.Attribute):
            self.expression(node.func.value, regions, defining=defining)
        elif not isinstance(node.func, ast.Name) and not marked:
            self.expression(node.func, regions, defining=defining)
        path = self.names.path(inner if inner is not None else node.func, self.scope)
        if path in {"asyncio.wait_for", "anyio.wait_for"}:
            self.flow.timeouts.append(Timeout(node, path, regions))
        for argument in [*node.args, *(each.value for each in node.keywords)]:
            self.expression(argument, regions, defining=defining)
            self._handed_on(argument, regions)
        regions = (*regions, *marked)
        callee = self.names.function(path)
        effect = None if callee is not None else effect_of(node, path, self.scope, self.names)
        if effect is not None:
            self.flow.events.append(Event(node, self.function, regions, effect))
        elif callee is not None and callee.is_declaration:
            # Of a protocol or an abstract class: who implements it is not known here.
            self.flow.events.append(Event(node, self.function, regions, unknown=callee.name, is_library=True))
        elif callee is not None:
            self.flow.events.append(Event(node, self.function, regions, callee=callee))
        elif path not in self.names.program.classes and not _is_harmless(path):
            shown = ast.unparse(node.func) if path is None else path
            event = Event(node, self.function, regions, unknown=shown, is_library=path is not None)
            self.flow.events.append(event)

    def _handed_on(self, argument: ast.expr, regions: tuple[Region, ...]) -> None:
        """A function of the app as an argument: whoever gets it is taken to call it."""
        if isinstance(argument, ast.Starred):
            argument = argument.value
        if not isinstance(argument, (ast.Name, ast.Attribute)):
            return
        path = self.names.path(argument, self.scope)
        if path in self.names.program.functions and path not in self.names.program.modules:
            callee = self.names.program.functions[path]
            self.flow.events.append(Event(argument, self.function, regions, callee=callee, handed_on=True))


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
