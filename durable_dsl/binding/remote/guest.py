"""Calls of other workers in a component: golem:rpc.

The callee's component is found by its UUID: the one that the worker's environment names (on Golem, where each upload
has another), else the one that the build was told, else the one derived from its name. Every resource is dropped by
hand, see `exchanges`.
"""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote
from uuid import UUID

import durable_remote_host as host

from durable_dsl.asides import CONTINUED
from durable_dsl.binding.exchanges import Exchange
from durable_dsl.binding.guest import imported
from durable_dsl.binding.http.overlaps import settle, settle_async
from durable_dsl.binding.remote.calls import Target
from durable_dsl.binding.telling import tell
from durable_dsl.errors import RemoteError
from durable_dsl.results import Err, Ok
from durable_dsl.values.component_ids import component_id_of

if TYPE_CHECKING:
    from durable_dsl.binding.remote.calls import Nodes

__all__ = ["call", "call_async", "call_itself", "start"]

_own_metadata = imported("get_self_metadata")

_NODES: Final[dict[str, Any]] = {
    "record-value": host.WitNode_RecordValue,
    "variant-value": host.WitNode_VariantValue,
    "enum-value": host.WitNode_EnumValue,
    "flags-value": host.WitNode_FlagsValue,
    "tuple-value": host.WitNode_TupleValue,
    "list-value": host.WitNode_ListValue,
    "option-value": host.WitNode_OptionValue,
    "ok": lambda payload: host.WitNode_ResultValue(Ok(payload)),
    "err": lambda payload: host.WitNode_ResultValue(Err(payload)),
    "prim-u8": host.WitNode_PrimU8,
    "prim-u16": host.WitNode_PrimU16,
    "prim-u32": host.WitNode_PrimU32,
    "prim-u64": host.WitNode_PrimU64,
    "prim-s8": host.WitNode_PrimS8,
    "prim-s16": host.WitNode_PrimS16,
    "prim-s32": host.WitNode_PrimS32,
    "prim-s64": host.WitNode_PrimS64,
    "prim-float32": host.WitNode_PrimFloat32,
    "prim-float64": host.WitNode_PrimFloat64,
    "prim-char": host.WitNode_PrimChar,
    "prim-bool": host.WitNode_PrimBool,
    "prim-string": host.WitNode_PrimString,
}
#: From golem:rpc 0.2 on (Golem 1.2) a worker is named by its id, before by an address.
_BY_ID: Final = hasattr(host, "WorkerId")
_CASES: Final = {made: case for case, made in _NODES.items() if isinstance(made, type)}
_ERRORS: Final = {
    host.RpcError_ProtocolError: "protocol-error",
    host.RpcError_Denied: "denied",
    host.RpcError_NotFound: "not-found",
    host.RpcError_RemoteInternalError: "failed",
}


def call(target: Target, function: str, params: list[Nodes]) -> Nodes:
    """Call, and wait for the result."""
    settle()
    exchange = Exchange()
    callee = exchange.own(_callee(target))
    try:
        result = callee.invoke_and_await(target.spelled(function), _written(params))
    except Err as error:
        result = error
    exchange.close()
    return _outcome(target, function, result)


async def call_async(target: Target, function: str, params: list[Nodes]) -> Nodes:
    """The same; other tasks run meanwhile."""
    loop: Any = asyncio.get_running_loop()
    await settle_async(loop.wait_for)
    exchange = Exchange()
    callee = exchange.own(_callee(target))
    future = exchange.own(callee.async_invoke_and_await(target.spelled(function), _written(params)))
    try:
        while True:
            # Looking at it is a remote write too.
            await settle_async(loop.wait_for)
            if (result := future.get()) is not None:
                break
            pollable = exchange.own(future.subscribe())
            await loop.wait_for(pollable)
            exchange.drop(pollable)
    except BaseException:
        exchange.abandoned = True
        raise
    exchange.close()
    return _outcome(target, function, result if isinstance(result, Err) else result.value)


def start(target: Target, function: str, params: list[Nodes]) -> None:
    """Have it called; nobody waits for the result."""
    settle()
    exchange = Exchange()
    callee = exchange.own(_callee(target))
    problem = None
    try:
        callee.invoke(target.spelled(function), _written(params))
    except Err as error:
        problem = _failure(target, function, error.value)
    exchange.close()
    if problem is not None:
        raise problem


def call_itself(function: str, params: list[Nodes]) -> None:
    """Have this worker call one of its exports, `module:function`, next; a host that listens begins anew there."""
    found = getattr(host, "EXPORTS", {}).get(function)
    if found is None:
        known = ", ".join(getattr(host, "EXPORTS", ())) or "none"
        raise TypeError(f"{function} is no export that a worker can continue with; there are: {known}")
    # Not from the environment, which says in the history of a forked worker what the first one was called.
    own = _own_metadata().worker_id
    number = own.component_id.uuid.high_bits << 64 | own.component_id.uuid.low_bits
    interface, name = found
    tell(CONTINUED)
    start(Target(str(UUID(int=number)), own.worker_name, interface), name, params)


def _outcome(target: Target, function: str, result: Any) -> Nodes:
    if isinstance(result, Err):
        raise _failure(target, function, result.value)
    return _read(result)


def _callee(target: Target) -> Any:
    component = _component_id(target.component)
    if _BY_ID:
        number = UUID(component).int
        uuid = host.Uuid(number >> 64, number & (1 << 64) - 1)
        return host.WasmRpc(host.WorkerId(host.ComponentId(uuid), target.worker))
    # A worker's name is a part of an address.
    return host.WasmRpc(host.Uri(f"urn:worker:{component}/{quote(target.worker, safe='')}"))


def _component_id(component: str) -> str:
    named = os.environ.get(_variable(component))
    return component_id_of(named or host.COMPONENTS.get(component, component))


def _variable(component: str) -> str:
    return f"DURABLE_DSL_COMPONENT_{component.upper().replace('-', '_')}"


def _written(params: list[Nodes]) -> list[Any]:
    return [host.WitValue([_NODES[case](payload) for case, payload in nodes]) for nodes in params]


def _read(value: Any) -> Nodes:
    nodes: Nodes = []
    for node in value.nodes:
        if isinstance(node, host.WitNode_ResultValue):
            nodes.append(("ok" if isinstance(node.value, Ok) else "err", node.value.value))
        else:
            nodes.append((_CASES[type(node)], node.value))
    return nodes


def _failure(target: Target, function: str, error: Any) -> RemoteError:
    kind = _ERRORS.get(type(error), "failed")
    reason = error.value
    if kind == "not-found":
        reason = (
            f"{reason}. Here, name it once with durable-dsl run --component; on Golem, give its UUID under "
            f"[tool.durable-dsl.components], or to the worker as {_variable(target.component)}"
        )
    return RemoteError(target.component, target.worker, function, kind, reason)
