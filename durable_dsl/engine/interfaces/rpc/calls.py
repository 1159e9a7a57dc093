"""golem:rpc: calls to other workers of the data directory.

Each call first records the caller's arguments and environment, which a callee that has to be made gets, and the key of
the call. What comes back is recorded; the callee knows the key, so a call that is made again after a crash is answered
from the callee's oplog. A call that nobody waits for is put into the callee's queue in the transaction that records it.
"""

from __future__ import annotations

import uuid
from hashlib import sha1
from typing import TYPE_CHECKING, Any

from durable_dsl.engine.errors import UsageError
from durable_dsl.engine.interfaces.cli import get_arguments, get_environment
from durable_dsl.engine.interfaces.golem.host import derived_key
from durable_dsl.engine.interfaces.golem.ids import uuid_record, uuid_text
from durable_dsl.engine.interfaces.interface import Interface
from durable_dsl.engine.interfaces.poll import Pollable, wait_for
from durable_dsl.engine.interfaces.rpc.prepared import Answered, Asked, Outcome, Prepared, QueueLook, prepare
from durable_dsl.engine.interfaces.rpc.values import spelled
from durable_dsl.engine.invocations.queue import insert
from durable_dsl.engine.oplog import text
from durable_dsl.engine.remote.calls import Address, Denied, run_queue
from durable_dsl.engine.replay.batches import PENDING, Batch
from durable_dsl.engine.replay.durability import READ_LOCAL, WRITE_REMOTE, begin_write, durable
from durable_dsl.engine.signals import Failure

if TYPE_CHECKING:
    import sqlite3

    from durable_dsl.engine.remote.calls import Call
    from durable_dsl.engine.replay.host import Host

rpc = Interface("golem:rpc/types")
INTERFACES = (rpc,)

_NAME = "golem::rpc::wasm-rpc"
_DONE: Outcome = {"ok": None}


class WasmRpc:
    """The resource `wasm-rpc`: another worker."""

    resource_kind = "wasm-rpc"

    def __init__(self, address: Address) -> None:
        self.address = address


def _new_name(host: Host, component: str) -> str:
    return f"{host.worker.engine.catalogue.name_of(component) or 'worker'}-{uuid.uuid4().hex[:8]}"


_generate_name = durable(_new_name, f"{_NAME}::generate_unique_local_worker_id", READ_LOCAL)


@rpc.plain("[constructor]wasm-rpc")
def new_rpc(host: Host, location: dict[str, str]) -> WasmRpc:
    try:
        address = Address.parse(location["value"])
    except UsageError as error:
        raise Failure(str(error), "InvalidUri") from error
    if address.worker is None:
        address = Address(address.component, _generate_name(host, address.component))
    return WasmRpc(address)


@rpc.plain("[constructor]wasm-rpc@0.2")
def new_rpc_by_id(_host: Host, worker: dict[str, Any]) -> WasmRpc:
    return WasmRpc(Address(uuid_text(worker["component-id"]["uuid"]), worker["worker-name"]))


@rpc.plain("[static]wasm-rpc.ephemeral")
def new_ephemeral_rpc(host: Host, component: dict[str, Any]) -> WasmRpc:
    name = uuid_text(component["uuid"])
    return WasmRpc(Address(name, _generate_name(host, name)))


# What needs no worker


@rpc.plain("parse-uuid")
def parse_uuid(_host: Host, given: str) -> Outcome:
    try:
        return {"ok": uuid_record(given)}
    except ValueError as error:
        return {"err": f"{given!r} is not a UUID: {error}"}


@rpc.plain("uuid-to-string")
def uuid_to_string(_host: Host, number: dict[str, int]) -> str:
    return uuid_text(number)


@rpc.plain("extract-value")
def extract_value(_host: Host, both: dict[str, Any]) -> dict[str, Any]:
    return both["value"]  # type: ignore[no-any-return]


@rpc.plain("extract-type")
def extract_type(_host: Host, both: dict[str, Any]) -> dict[str, Any]:
    return both["typ"]  # type: ignore[no-any-return]


# The calls


def _new_key(host: Host, name: str) -> str:
    return derived_key(host, name)


_key = durable(_new_key, f"{_NAME}::invoke-and-await idempotency key", READ_LOCAL, request=lambda _name: None)


def asked_of(host: Host, callee: WasmRpc, function: str, params: list[Any]) -> Asked:
    """What every call records first."""
    arguments, environment = get_arguments(host), get_environment(host)
    name = host.next_key_name()
    if host.regions:  # each attempt has the same key, and may call with other arguments: that is another call
        name = f"{name} {sha1(text.encode([function, params]).encode(), usedforsecurity=False).hexdigest()}"
    return Asked(callee.address, function, params, _key(host, name), arguments, environment)


def _result(host: Host, stored: Outcome, *_: object) -> Outcome:
    return spelled(host, stored)


def _call_and_wait(host: Host, asked: Asked) -> Outcome:
    prepared = prepare(host, asked)
    if not isinstance(prepared, Prepared):
        return prepared
    caller, waiting = host.worker, host.worker.engine.waiting
    if not waiting.enter(caller.id, prepared.callee.id):
        return {"err": {"denied": str(Denied(caller.name, prepared.callee.name))}}
    try:
        call = prepared.start(host)
        wait_for(host, [Answered(call)])
    finally:
        waiting.leave(caller.id)
    return prepared.outcome(call)


_invoke_and_await = durable(
    _call_and_wait,
    f"{_NAME}::invoke-and-await",
    WRITE_REMOTE,
    request=lambda asked: asked.request,
    finish=_result,
)


@rpc.plain("[method]wasm-rpc.invoke-and-await")
def invoke_and_await(host: Host, callee: WasmRpc, function: str, params: list[Any]) -> Outcome:
    return _invoke_and_await(host, asked_of(host, callee, function, params))  # type: ignore[no-any-return]


def _put_into_queue(
    _host: Host, connection: sqlite3.Connection, _asked: Asked, prepared: Prepared | Outcome
) -> Outcome:
    if not isinstance(prepared, Prepared):
        return prepared
    insert(connection, prepared.callee.id, prepared.job())
    return _DONE


def _run_from_queue(host: Host, stored: Outcome, asked: Asked, prepared: Prepared | Outcome | None) -> Outcome:
    if isinstance(prepared, Prepared):
        run_queue(prepared.callee)
    elif prepared is None and stored == _DONE:
        host.open_effects.defer(QueueLook(host, asked.address))
    return stored


_invoke = durable(
    _put_into_queue,
    f"{_NAME}::invoke",
    WRITE_REMOTE,
    request=lambda asked, _prepared: asked.request,
    finish=_run_from_queue,
    transaction=True,
)


@rpc.plain("[method]wasm-rpc.invoke")
def invoke(host: Host, callee: WasmRpc, function: str, params: list[Any]) -> Outcome:
    asked = asked_of(host, callee, function, params)
    return _invoke(host, asked, None if host.replaying else prepare(host, asked))  # type: ignore[no-any-return]


# Results that come later


class FutureInvokeResult:
    """The resource `future-invoke-result`. In replay the call is put off until somebody asks live, or going live."""

    resource_kind = "future-invoke-result"

    def __init__(self, host: Host, asked: Asked, batch: Batch) -> None:
        self.batch = batch
        self.result: Outcome | None = None
        #: The guest has been told that the result is there.
        self.told_ready = False
        self._host = host
        self._asked = asked
        self._invocation = host.invoked_at
        self._prepared: Prepared | Outcome | None = None
        self._call: Call | None = None
        if batch.standing == "now":
            self._make()
        else:
            host.open_effects.defer(self)

    def start(self) -> None:
        """On going live: the invocation that has asked for it is under way."""
        if self._host.invoked_at == self._invocation:
            self._make()

    def _make(self) -> None:
        self._prepared = prepare(self._host, self._asked)
        if isinstance(self._prepared, Prepared):
            self._call = self._prepared.start(self._host)
            self._host.open_effects.asked(self._call)

    def call(self) -> Call | None:
        """The call, made now if it was put off; None where it could not be made."""
        if self._prepared is None:
            self._host.open_effects.withdraw(self)
            self._make()
        return self._call

    def outcome(self) -> Outcome | str:
        """What is stored of it now."""
        call = self.call()
        if call is not None and self.batch.standing == "repeat" and self.told_ready:
            wait_for(self._host, [Answered(call)])  # many guests take nothing else then
        if not isinstance(self._prepared, Prepared):
            return self._prepared or PENDING
        return self._prepared.outcome(call) if call is not None and call.ready else PENDING

    def completed(self, result: Outcome) -> None:
        self.result = result
        self._host.open_effects.withdraw(self)
        if self._call is not None:
            self._host.open_effects.answered(self._call)


@rpc.plain("[method]wasm-rpc.async-invoke-and-await")
def async_invoke_and_await(host: Host, callee: WasmRpc, function: str, params: list[Any]) -> FutureInvokeResult:
    begin = None
    replaying = host.replaying
    if not host.idempotent and (replaying or host.recording):
        request = text.encode([callee.address.uri, function, params])
        begin = begin_write(host, f"{_NAME}::async-invoke-and-await", request)
    asked = asked_of(host, callee, function, params)
    return FutureInvokeResult(host, asked, Batch(begin, "repeat" if replaying else "now"))


def _batch_of(_host: Host, future: FutureInvokeResult) -> Batch:
    return future.batch


def _look(_host: Host, future: FutureInvokeResult) -> Outcome | str:
    return future.outcome()


def _seen(host: Host, stored: Outcome | str, future: FutureInvokeResult) -> Outcome | None:
    if isinstance(stored, str):
        return None
    future.completed(stored)
    return spelled(host, stored)


_get = durable(
    _look,
    "golem::rpc::future-invoke-result::get",
    WRITE_REMOTE,
    request=lambda _future: None,
    finish=_seen,
    batch=_batch_of,
    ends=lambda stored: stored != PENDING,
)


@rpc.plain("[method]future-invoke-result.get")
def get(host: Host, future: FutureInvokeResult) -> Outcome | None:
    if future.result is not None:
        return spelled(host, future.result)
    return _get(host, future)  # type: ignore[no-any-return]


class _Arrived(Pollable):
    """Ready when the result is there."""

    outside = True

    def __init__(self, future: FutureInvokeResult) -> None:
        self._future = future

    @property
    def deadline(self) -> int | None:  # type: ignore[override]
        call = self._future.call()
        return None if call is None else call.next_look

    def ready(self, _host: Host) -> bool:
        call = self._future.call() if self._future.result is None else None
        return call is None or call.ready

    def told_ready(self) -> None:
        self._future.told_ready = True


@rpc.plain("[method]future-invoke-result.subscribe")
def subscribe(_host: Host, future: FutureInvokeResult) -> Pollable:
    return _Arrived(future)


@rpc.plain("[resource-drop]future-invoke-result")
def drop_future(host: Host, future: FutureInvokeResult) -> None:
    future.batch.close(host)
