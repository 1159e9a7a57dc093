"""Regions as straight-line code: what a compiled mark does on the way in and on the way out.

On a normal return and on a domain error a region gives back what it read, in reverse order; on a failure nothing is
done at all. What is written here is for targets whose host has golem:api's functions of 0.2 and 1.1.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from durable_codegen.source.layout import BODY, call_lines

if TYPE_CHECKING:
    from collections.abc import Callable

    from durable_codegen.discovery.scan import MarkRecord
    from durable_codegen.source.scope import Scope

__all__ = ["Region", "lower"]

_LEVELS = {
    "persist-nothing": "PersistenceLevel_PersistNothing",
    "persist-remote-side-effects": "PersistenceLevel_PersistRemoteSideEffects",
    "smart": "PersistenceLevel_Smart",
}
_POLICY_FIELDS = {
    "max_attempts": "max_attempts",
    "min_delay_ns": "min_delay",
    "max_delay_ns": "max_delay",
    "multiplier": "multiplier",
    "jitter": "max_jitter_factor",
}


@dataclass(frozen=True, slots=True)
class Region:
    """The statements of one compiled mark. `commit_on` is what an atomic region also ends on, None for the default."""

    mark: MarkRecord
    enter: list[str]
    leave: list[str]
    commit_on: list[str] | None = None
    is_atomic: bool = field(default=False)


def lower(
    mark: MarkRecord,
    scope: Scope,
    local: Callable[[str], str],
    level: Callable[[str], str],
    *,
    watched: bool,
    transacts: bool = False,
) -> Region:
    """The region of a mark. `local` gives a method's own variable, `level` the module's constant for a level.

    `watched`: something in the component asks which atomic regions are open. `transacts`: transactions ask whether
    they are in a persist-nothing zone.
    """

    def host(name: str) -> str:
        return scope.object("durable_host", name)

    if mark.kind == "atomic":
        return _atomic(mark, scope, local, host, watched=watched)
    if mark.kind == "persist":
        return _persist(mark, scope, local("level"), host, level(_LEVELS[mark.arguments["level"]]), transacts=transacts)
    if mark.kind == "idempotence":
        name = local("idempotent")
        return Region(
            mark,
            [
                f"{name} = {host('get_idempotence_mode')}()",
                f"{host('set_idempotence_mode')}({mark.arguments['idempotent']})",
            ],
            [f"{host('set_idempotence_mode')}({name})"],
        )
    if mark.kind == "retry":
        return _retry(mark, scope, local, host)
    assert mark.kind == "commit", mark.kind
    return Region(mark, [], [f"{host('oplog_commit')}({mark.arguments['replicas']})"])


def _persist(
    mark: MarkRecord, scope: Scope, name: str, host: Callable[[str], str], level: str, *, transacts: bool
) -> Region:
    enter = [f"{name} = {host('get_oplog_persistence_level')}()", f"{host('set_oplog_persistence_level')}({level})"]
    leave = [f"{host('set_oplog_persistence_level')}({name})"]
    if transacts and mark.arguments["level"] == "persist-nothing":
        call = scope.object("durable_dsl.binding.boundary", "call")
        enter.append(f"{call}.unrecorded += 1")
        leave.insert(0, f"{call}.unrecorded -= 1")
    return Region(mark, enter, leave)


def _retry(mark: MarkRecord, scope: Scope, local: Callable[[str], str], host: Callable[[str], str]) -> Region:
    name, changed = local("policy"), local("changed")
    changes = [f"{_POLICY_FIELDS[key]}={_number(value)}" for key, value in mark.arguments.items()]
    replace = scope.object("dataclasses", "replace")
    setting = call_lines(f"{host('set_retry_policy')}({replace}", [name, *changes], BODY, ")")
    if len(setting) > 1:
        setting = [
            *call_lines(f"{changed} = {replace}", [name, *changes], BODY),
            f"{host('set_retry_policy')}({changed})",
        ]
    return Region(mark, [f"{name} = {host('get_retry_policy')}()", *setting], [f"{host('set_retry_policy')}({name})"])


def _atomic(
    mark: MarkRecord, scope: Scope, local: Callable[[str], str], host: Callable[[str], str], *, watched: bool
) -> Region:
    name = local("region")
    enter, leave = [f"{name} = {host('mark_begin_operation')}()"], [f"{host('mark_end_operation')}({name})"]
    if watched:
        call = scope.object("durable_dsl.binding.boundary", "call")
        enter.append(f"{call}.atomic.append({name})")
        leave.insert(0, f"{call}.atomic.pop()")
    types = mark.arguments["commit_on"]
    commit_on = None if types is None else [_exception(each, scope) for each in types]
    return Region(mark, enter, leave, commit_on, is_atomic=True)


def _exception(kind: dict[str, Any], scope: Scope) -> str:
    """An exception class as the wrapper spells it."""
    if kind["module"] == "builtins":
        return str(kind["qualname"])
    first, _, rest = str(kind["qualname"]).partition(".")
    return f"{scope.object(kind['module'], first)}{'.' if rest else ''}{rest}"


def _number(value: float) -> str:
    """A number as people write it; nanoseconds are long."""
    return f"{value:_}" if isinstance(value, int) else repr(value)
