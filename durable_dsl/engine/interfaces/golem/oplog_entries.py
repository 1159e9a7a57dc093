"""golem:api/oplog: entries in the form of the WIT.

Arguments and results of exports are values of their types. Those of host calls have no types here: texts, numbers,
lists and records are as they stand in the oplog, bytes are base64 text. An entry of a kind that the WIT does not have
is told as one that means the same, so that positions are indices: a revert is a jump, a cancelled call a no-op, a
snapshot output at level debug.
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

from durable_dsl.engine.errors import UsageError
from durable_dsl.engine.interfaces.clocks import datetime_of
from durable_dsl.engine.interfaces.golem.ids import worker_record
from durable_dsl.engine.oplog import entries as e
from durable_dsl.engine.traps import UnknownExport
from durable_dsl.engine.wit.json_form import restore
from durable_dsl.engine.wit.nodes import Node, write_results, write_value

if TYPE_CHECKING:
    from durable_dsl.engine.wit.exports import Export
    from durable_dsl.engine.wit.types import GuestResource
    from durable_dsl.engine.worker.handle import Worker

Wit = dict[str, Any]
_ACCOUNT = {"value": "local"}
_NOT_TRACED = {"trace-id": "0" * 32, "trace-states": [], "invocation-context": []}


class EntryForm:
    """Makes the WIT form of the entries of one worker, in order: a result belongs to the invocation before it.

    `traced`: as later versions have it, where an invocation has a trace. None is recorded here.
    """

    def __init__(self, worker: Worker, *, traced: bool) -> None:
        self._worker = worker
        self._trace: Wit = _NOT_TRACED if traced else {}
        self._build = worker.engine.component_of(worker.component, worker.version)
        self._uri = f"urn:worker:{worker.component_id}/{worker.name}"

    def of(self, record: e.Record, invoked: str | None) -> Wit:
        """The form of `record`; `invoked` is the export whose invocation it belongs to, where that is known."""
        time = datetime_of(record.time)
        kind = record.kind
        match record.entry:
            case e.Create(component, version, args, env, parent):
                said: Wit = {
                    "worker-id": worker_record(component, self._worker.name),
                    "component-version": version,
                    "args": list(args),
                    "env": [list(pair) for pair in env],
                    "account-id": _ACCOUNT,
                    "parent": None if parent is None else worker_record(component, parent),
                    "component-size": self._size(version),
                    "initial-total-linear-memory-size": 0,
                    "initial-active-plugins": [],
                }
            case e.ImportedFunctionInvoked(function, request, response, type_, begin):
                said = {
                    "function-name": function,
                    "request": untyped(request),
                    "response": untyped(response),
                    "wrapped-function-type": {type_: begin} if type_ == "write-remote-batched" else type_,
                }
            case e.ExportedFunctionInvoked(function, request, key):
                said = {
                    "function-name": function,
                    "request": self._arguments(function, request),
                    "idempotency-key": key,
                    **self._trace,
                }
            case e.ExportedFunctionCompleted(response):
                said = {"response": self._result(invoked, response), "consumed-fuel": 0}
            case e.PendingWorkerInvocation(function, request, key):
                given = {"idempotency-key": key, "function-name": function, "input": self._arguments(function, request)}
                said = {"invocation": {"exported-function": given}}
            case e.Error(error_type, message):
                said = {"error": f"{error_type}: {message}"}
            case e.Jump(start, end) | e.Revert(start, end):
                kind, said = "jump", {"start": start, "end": end}
            case e.ChangeRetryPolicy(policy):
                said = {"retry-policy": policy}
            case e.EndAtomicRegion(begin) | e.EndRemoteWrite(begin):
                said = {"begin-index": begin}
            case e.PendingUpdate(version, _, snapshot):
                how = "auto-update" if snapshot is None else {"snapshot-based": base64.b64decode(snapshot)}
                said = {"target-version": version, "update-description": how}
            case e.SuccessfulUpdate(version):
                said = {
                    "target-version": version,
                    "new-component-size": self._size(version),
                    "new-active-plugins": [],
                }
            case e.FailedUpdate(version, details):
                said = {"target-version": version, "details": details}
            case e.CreateResource(_, number) | e.DropResource(_, number):
                said = {"resource-id": number}
            case e.DescribeResource(resource, number, request):
                said = {
                    "resource-id": number,
                    "resource-name": resource,
                    "resource-params": [untyped_value(value) for value in json.loads(request)],
                }
            case e.Log(level, context, message):
                said = {"level": level, "context": context, "message": message}
            case e.Snapshot(_, size):
                kind = "log"
                said = {"level": "debug", "context": "durable-dsl", "message": f"snapshot of {size or 0} bytes"}
            case e.CancelPendingInvocation():
                return {"no-op": time}
            case _:  # entries that say nothing but that they were written
                return {kind: time}
        return {kind: {"timestamp": time, **said}}

    def _size(self, version: int) -> int:
        return self._worker.engine.catalogue.build(self._worker.component, version).path.stat().st_size

    def _export(self, function: str) -> Export | None:
        try:
            return self._build.resolve(function)
        except (UnknownExport, UsageError):  # an earlier build's
            return None

    def _handle(self, resource: GuestResource) -> tuple[str, int]:
        return self._uri, resource.id

    def _arguments(self, function: str, request: str) -> list[Wit]:
        values, export = json.loads(request), self._export(function)
        if export is None or len(values) != len(export.type.params):
            return [untyped_value(value) for value in values]
        kinds = [kind for _, kind in export.type.params]
        return [
            write_value(restore(value, kind), kind, self._handle) for value, kind in zip(values, kinds, strict=True)
        ]

    def _result(self, function: str | None, response: str) -> Wit:
        export = None if function is None else self._export(function)
        if export is None:
            return untyped(response)
        kind = export.type.result
        results = [] if kind is None else [(restore(json.loads(response), kind), kind)]
        return write_results(results, self._handle)


def untyped(text: str | None) -> Wit:
    """The wit-value of JSON text."""
    return untyped_value(None if text is None else json.loads(text))


def untyped_value(value: Any) -> Wit:
    nodes: list[Node] = []
    _add(value, nodes)
    return {"nodes": nodes}


def _add(value: Any, nodes: list[Node]) -> int:
    index = len(nodes)
    nodes.append({})
    match value:
        case None:
            node: Node = {"option-value": None}
        case bool():
            node = {"prim-bool": value}
        case int():
            node = {"prim-s64" if value < 2**63 else "prim-u64": value}
        case float():
            node = {"prim-float64": value}
        case str():
            node = {"prim-string": value}
        case list():
            node = {"list-value": [_add(item, nodes) for item in value]}
        case {"base64": str(encoded)} if len(value) == 1:
            node = {"prim-string": encoded}
        case _:
            node = {"record-value": [_add(item, nodes) for item in value.values()]}
    nodes[index] = node
    return index
