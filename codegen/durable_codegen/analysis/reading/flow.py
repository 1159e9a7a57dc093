"""What happens in one function, in the order of the source, and which regions stand around it.

A function's body gives events: effects, calls of the app's own functions, and calls that lead somewhere unknown. Marks
of the function, `with` blocks and brackets of host calls by hand are the regions. What a lambda or a comprehension does
is taken to happen where it stands; a function that is handed on as an argument is taken to be called there.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from durable_codegen.analysis.reading.calling import CALLERS, handed_on, is_partial, targets
from durable_codegen.analysis.reading.effects import Effect, effect_of
from durable_codegen.analysis.reading.program import FunctionNode, live, statements
from durable_codegen.analysis.reading.regions import Region, constant, host_word, mark_calls, region_of
from durable_codegen.analysis.reading.syntax import iterated, methods_of, run_by
from durable_codegen.app.branches import taken

if TYPE_CHECKING:
    from collections.abc import Iterable

    from durable_codegen.analysis.reading.names import Names
    from durable_codegen.analysis.reading.program import Function, Scope

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

    `unknown` is the path of a library's function (`is_library`), else the call as it stands in the source. `handed_on`
    is a function that is only given to another, which may call it much later.
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
    """A `try`, or a `with` of `suppress(…)` or of a function of the app, and the regions around it."""

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


def flow_of(function: Function, names: Names, within: frozenset[str] = frozenset()) -> Flow:
    """Walk a function, or the statements of a module; `within` are the functions that this is done on behalf of."""
    return _Walker(function, names, within).run()


class _Walker:
    def __init__(self, function: Function, names: Names, within: frozenset[str]) -> None:
        self.function = function
        self.names = names
        self.within = within | {function.path}
        self.scope = function.scope
        self.flow = Flow(function, ())
        self.by_hand: list[Region] = []
        #: Partials that are called by the name, or the function, that gets them.
        self.kept: set[int] = set()

    def run(self) -> Flow:
        node = self.function.node
        end = getattr(node, "end_lineno", None) or self.function.line
        outer = self.scope.parent or self.scope
        for decorator in self.function.decorators:
            region = region_of(decorator, outer, self.names, self.function, "mark", end)
            for each in [region] if region is not None else self._composed(decorator, outer, end):
                self.flow.opened.append((each, self.flow.marks, node))
                self.flow.marks = (*self.flow.marks, each)
        self.body(node.body, self.flow.marks)
        return self.flow

    def _composed(self, decorator: ast.expr, outer: Scope, end: int) -> list[Region]:
        """The marks that a decorator of the app puts on: `def reliable(f): return retry(max_attempts=5)(atomic(f))`.

        Those around the call in the function that it puts in place of the other one are some, too.
        """
        made = self.names.function(self.names.path(decorator, outer))
        if made is None or not made.parameters:
            return []
        wrapper = self.names.function(self.names.result(made))
        if wrapper is not None and wrapper.path.startswith(f"{made.path}.<locals>."):
            return self._wrapped(decorator, wrapper, made.parameters[0].arg)
        for node in statements(made.node.body):
            if isinstance(node, ast.Return) and node.value is not None:
                regions, inner = mark_calls(node.value, made.scope, self.names, made)
                if isinstance(inner, ast.Name) and inner.id == made.parameters[0].arg:
                    file, line = self.function.module.file, decorator.lineno
                    return [
                        replace(each, file=file, line=line, end=end, function=self.function.path) for each in regions
                    ]
        return []

    def _wrapped(self, decorator: ast.expr, wrapper: Function, original: str) -> list[Region]:
        """The regions around the call of the original; what else the wrapper does happens with each call, too."""
        if wrapper.path in self.within:
            return []
        flow = flow_of(wrapper, self.names, self.within)
        calls = [each for each in flow.events if each.unknown == original]
        if flow.tried or any(each.unknown is None for each in flow.events):
            self.flow.events.append(Event(decorator, self.function, self.flow.marks, callee=wrapper))
        return list(calls[0].regions) if calls else []

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
            if isinstance(node, (ast.For, ast.AsyncFor)):
                self._iterated(node.iter, regions, is_async=isinstance(node, ast.AsyncFor))
            self.body(node.body, regions)
            self.body(node.orelse, regions)
        else:
            children = [each for each in ast.iter_child_nodes(node) if isinstance(each, ast.expr)]
            if isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None:
                # The value comes first. A partial that gets a name is called where that is.
                self.kept.add(id(node.value))
                children.sort(key=lambda each: each is not node.value)
            for child in children:
                self.expression(child, regions)

    def _definition(self, node: FunctionNode, regions: tuple[Region, ...]) -> None:
        """Defining a function carries out its decorators and defaults, not its body."""
        for each in [*node.decorator_list, *node.args.defaults, *filter(None, node.args.kw_defaults)]:
            if region_of(each, self.scope, self.names, self.function, "mark", node.lineno) is None:
                self.expression(each, regions, defining=True)

    def _with(self, node: ast.With | ast.AsyncWith, regions: tuple[Region, ...]) -> None:
        end = node.end_lineno or node.lineno
        entering, leaving = (f"__{'a' * isinstance(node, ast.AsyncWith)}{each}__" for each in ("enter", "exit"))
        managed: list[tuple[ast.expr, tuple[Region, ...]]] = []
        for item in node.items:
            context = item.context_expr
            region = region_of(context, self.scope, self.names, self.function, "block", end)
            if region is not None:
                self.flow.opened.append((region, regions, node))
                regions = (*regions, region)
                continue
            path = self.names.path(context.func if isinstance(context, ast.Call) else context, self.scope)
            self.expression(context, regions)
            regions = (*regions, *self._brackets_of(path))
            if path in {"contextlib.suppress", "contextlib.suppress()"} or path in self.names.program.functions:
                self.flow.tried.append(Tried(node, regions))
            elif path in TIMEOUT_BLOCKS:
                self.flow.timeouts.append(Timeout(node, path, regions))
            managed.append((context, regions))
            self._run(context, methods_of(context, (entering,), self.scope, self.names), regions)
        self.body(node.body, regions)
        for context, around in reversed(managed):
            self._run(context, methods_of(context, (leaving,), self.scope, self.names), around)

    def _brackets_of(self, path: str | None) -> tuple[Region, ...]:
        """The regions that a context manager of the app holds open while its block runs."""
        manager = self.names.program.functions.get(path or "")
        if manager is None or manager.path in self.within:
            return ()
        outer = manager.scope.parent or manager.scope
        known = {self.names.path(each, outer) for each in manager.decorators}
        if not known & {"contextlib.contextmanager", "contextlib.asynccontextmanager"}:
            return ()
        return flow_of(manager, self.names, self.within).yielding or ()

    def _iterated(self, node: ast.expr, regions: tuple[Region, ...], *, is_async: bool) -> None:
        self._run(node, iterated(node, self.scope, self.names, is_async=is_async), regions)

    def _run(self, node: ast.expr, methods: Iterable[Function], regions: tuple[Region, ...]) -> None:
        """Note methods that syntax runs."""
        for method in methods:
            if not method.is_declaration:
                self.flow.events.append(Event(node, self.function, regions, callee=method))

    def expression(self, node: ast.expr, regions: tuple[Region, ...], *, defining: bool = False) -> None:
        """Walk an expression in the order in which it is evaluated, operands before what uses them."""
        if isinstance(node, ast.Lambda):
            # At import nothing calls it; inside a function it is called about where it stands.
            # One that has a name is looked at where that is called.
            named = id(node) in self.names.program.lambdas
            if not (named or defining or isinstance(self.function.node, (ast.Module, ast.ClassDef))):
                self.expression(node.body, regions)
            return
        if isinstance(node, ast.Call):
            self._call(node, regions, defining=defining)
            return
        while isinstance(node, ast.BinOp) and isinstance(node.left, ast.BinOp):
            # A long sum is a deep tree; its operands are looked at in a loop, the last first.
            self.expression(node.right, regions, defining=defining)
            self._run(node, run_by(node, self.scope, self.names), regions)
            node = node.left
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                self.expression(child, regions, defining=defining)
            elif isinstance(child, ast.comprehension):
                self.expression(child.iter, regions, defining=defining)
                self._iterated(child.iter, regions, is_async=bool(child.is_async))
                for each in child.ifs:
                    self.expression(each, regions, defining=defining)
        if isinstance(node, (ast.Yield, ast.YieldFrom)) and self.flow.yielding is None:
            self.flow.yielding = regions
        if isinstance(node, ast.Await):
            effect = effect_of(node, self.names.path(node.value, self.scope), self.scope, self.names)
            if effect is not None:
                self.flow.events.append(Event(node, self.function, regions, effect))
        elif (
            isinstance(node, ast.Subscript)
            and isinstance(node.ctx, ast.Load)
            and self.names.path(node.value, self.scope) == "os.environ"
        ):
            effect = Effect("environment", "os.environ", "os.environ")
            self.flow.events.append(Event(node, self.function, regions, effect))
        self._run(node, run_by(node, self.scope, self.names), regions)

    def _call(self, node: ast.Call, regions: tuple[Region, ...], *, defining: bool) -> None:
        marked, inner = mark_calls(node.func, self.scope, self.names, self.function)
        if isinstance(node.func, ast.Attribute):
            self.expression(node.func.value, regions, defining=defining)
        elif not isinstance(node.func, ast.Name) and not marked:
            self.expression(node.func, regions, defining=defining)
        called = inner if inner is not None else node.func
        path = self.names.path(called, self.scope)
        if path in {"asyncio.wait_for", "anyio.wait_for"}:
            self.flow.timeouts.append(Timeout(node, path, regions))
        keeps = id(node) in self.kept and is_partial(node, self.scope, self.names)
        for argument in [*node.args, *(each.value for each in node.keywords)]:
            self.kept.add(id(argument))
            self.expression(argument, regions, defining=defining)
            if not keeps:
                self._handed_on(argument, path, regions)
        regions = (*regions, *marked)
        for each in targets(node, called, self.scope, self.names):
            event = Event(node, self.function, regions, each.effect, each.callee, each.unknown, each.is_library)
            self.flow.events.append(event)
        self._run(node, run_by(node, self.scope, self.names), regions)

    def _handed_on(self, argument: ast.expr, taker: str | None, regions: tuple[Region, ...]) -> None:
        """A function as an argument: whoever gets it is taken to call it."""
        for each in handed_on(argument, taker, self.scope, self.names):
            event = Event(argument, self.function, regions, each.effect, each.callee, handed_on=taker not in CALLERS)
            self.flow.events.append(event)
