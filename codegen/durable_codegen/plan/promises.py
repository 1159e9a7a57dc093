"""What waiting for promises asks of the host: `await-promise` alone stops everything until the promise is completed.

With a time-out, or beside other tasks, a promise has to be looked at without waiting, which not every target can do.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Final, TypeGuard

from durable_codegen.app.usage import Usage
from durable_codegen.faults import Fault
from durable_codegen.wit.trim import host_functions

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from durable_codegen.app.modules import Module
    from durable_codegen.world.targets import Target

__all__ = ["LOOKING", "PROMISES", "looks_at_promises", "promise_faults"]

#: The words that make promises.
PROMISES: Final = frozenset({"create_promise", "Promise"})
#: What waiting with a time-out calls, beside what waiting calls.
LOOKING: Final = frozenset({"poll-promise"})


def looks_at_promises(modules: Iterable[Module]) -> bool:
    """Whether a promise may be waited for with a time-out or in a coroutine; what cannot be told counts."""
    modules = list(modules)
    if all(_only_blocks(module) for module in modules):
        return False
    return any(
        isinstance(node, ast.Await) or (isinstance(node, ast.Attribute) and node.attr == "wait_async") or _timed(node)
        for module in modules
        for node in ast.walk(module.tree)
    )


def _only_blocks(module: Module) -> bool:
    """Whether each promise of the module is made for one name, and of that only `wait()` and the like are asked."""
    usage = Usage(module)
    words = usage.words()
    if not words & PROMISES:
        return True
    if usage.is_vague:
        return False
    parents = {child: node for node in ast.walk(module.tree) for child in ast.iter_child_nodes(node)}
    names: set[str] = set()
    for node in ast.walk(module.tree):
        if not isinstance(node, (ast.Name, ast.Attribute)) or usage.word(node) not in PROMISES:
            continue
        made, holder = parents[node], parents.get(parents[node])
        if not (isinstance(made, ast.Call) and made.func is node):
            return False
        if isinstance(holder, ast.Assign) and [type(each) for each in holder.targets] == [ast.Name]:
            names.add(ast.unparse(holder.targets[0]))
        elif not _only_blocks_here(made, parents):
            return False
    return all(
        _only_blocks_here(node, parents)
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in names
    )


def _only_blocks_here(promise: ast.expr, parents: Mapping[ast.AST, ast.AST]) -> bool:
    """Whether the promise that an expression is stays here, and is not waited for in any way but by blocking."""
    used = parents.get(promise)
    if not isinstance(used, ast.Attribute):
        return False
    return used.attr in {"id", "complete"} or (used.attr == "wait" and not _timed(parents[used]))


def promise_faults(modules: Iterable[Module], version: str, target: Target) -> Iterator[Fault]:
    """Time-outs on promises for a host that can only wait for them."""
    if "poll-promise" in host_functions(version):
        return
    hint = "build with --target golem-1.1, or wait without a time-out"
    if version != target.version and target.later:
        hint = f"import golem:api/host@{max(target.later.values())} in the world, or wait without a time-out"
    for module in modules:
        usage = Usage(module)
        if module.root.kind != "app" or usage.is_vague or not usage.words() & PROMISES:
            continue
        for node in ast.walk(module.tree):
            if _timed(node) and not usage.is_of_a_module(node.func):
                yield Fault(
                    "DSL713",
                    f"the host of {target.name} cannot wait for a promise with a time-out: it has only await-promise, "
                    "which waits until the promise is completed",
                    module.file,
                    node.lineno,
                    hint=hint,
                )


def _timed(node: ast.AST) -> TypeGuard[ast.Call]:
    """Whether this may be a call of `Promise.wait` or `wait_async` with a time-out."""
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
        return False
    if node.func.attr not in {"wait", "wait_async"}:
        return False
    given = [*node.args, *(keyword.value for keyword in node.keywords)]
    return any(not (isinstance(each, ast.Constant) and each.value is None) for each in given)
