"""golem:rpc: what a call is made of: the callee, the export that its name means, arguments and result as nodes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from durable_dsl.engine.errors import InvocationError, UsageError
from durable_dsl.engine.interfaces.poll import Pollable
from durable_dsl.engine.invocations.arguments import arguments_text
from durable_dsl.engine.invocations.invocation import Invocation
from durable_dsl.engine.remote.calls import Address, Call, Denied, NoCallee, run_queue
from durable_dsl.engine.traps import UnknownExport
from durable_dsl.engine.wit.function_names import spellings
from durable_dsl.engine.wit.nodes import NodeFault, read_value, write_results
from durable_dsl.engine.wit.types import GuestResource, Resource
from durable_dsl.values.promise_ids import WAKES

if TYPE_CHECKING:
    from durable_dsl.engine.replay.host import Host
    from durable_dsl.engine.wit.exports import Export
    from durable_dsl.engine.worker.handle import Worker

Outcome = dict[str, Any]
_OWN = ("GOLEM_WORKER_NAME", "GOLEM_COMPONENT_ID", "GOLEM_COMPONENT_VERSION", WAKES)


@dataclass(frozen=True, slots=True)
class Asked:
    """A call as the guest asks for it, with what a callee gets that has to be made."""

    address: Address
    function: str
    params: list[Any]
    key: str
    arguments: list[str]
    environment: list[tuple[str, str]]

    @property
    def request(self) -> list[Any]:
        """What of it is recorded and compared."""
        return [self.address.uri, self.function, self.params]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A call that can be made."""

    address: Address
    callee: Worker
    export: Export
    values: list[Any]
    key: str

    def start(self, host: Host) -> Call:
        """Make the call; what the caller has recorded so far, its key too, is on disk before the callee begins."""
        host.log.commit()
        return Call(host, self.callee, self.export, self.values, self.key)

    def job(self) -> Invocation:
        return Invocation(self.export, self.values, arguments_text(self.export, self.values), self.key)

    def outcome(self, call: Call) -> Outcome:
        """What the guest gets of a call that is ready."""
        try:
            value = call.outcome()
        except InvocationError as error:
            return {"err": {"remote-internal-error": str(error)}}
        except Denied as error:
            return {"err": {"denied": str(error)}}
        except UsageError as error:
            return {"err": {"protocol-error": str(error)}}
        kind = self.export.type.result
        results = [] if kind is None else [(value, kind)]
        return {"ok": write_results(results, lambda resource: (self.address.uri, resource.id))}


def prepare(host: Host, asked: Asked) -> Prepared | Outcome:
    """Find, or make, the callee and read the arguments; the error that the guest gets where that cannot be."""
    address = asked.address
    environment = tuple((name, value) for name, value in asked.environment if name not in _OWN)
    try:
        callee = address.find(host, environment, tuple(asked.arguments))
        export = _resolve(callee, asked.function)
        values = _arguments(address, export, asked.params)
    except NoCallee as error:
        return {"err": {"not-found": str(error)}}
    except (UnknownExport, UsageError, NodeFault) as error:
        return {"err": {"protocol-error": str(error)}}
    return Prepared(address, callee, export, values, asked.key)


def _resolve(callee: Worker, function: str) -> Export:
    build = callee.engine.component_of(callee.component, callee.version)
    unknown: UnknownExport | None = None
    for name in spellings(function):
        try:
            return build.resolve(name)
        except UnknownExport as error:
            unknown = unknown or error
    assert unknown is not None
    raise unknown


def _arguments(address: Address, export: Export, params: list[Any]) -> list[Any]:
    def handle(uri: str, number: int, resource: Resource) -> GuestResource:
        if Address.parse(uri) != address:
            raise NodeFault(f"{resource.name} {number} belongs to {uri}")
        return GuestResource(resource.name, number)

    kinds = [kind for _, kind in export.type.params]
    if len(params) != len(kinds):
        raise NodeFault(f"{export.signature} takes {len(kinds)} arguments, not {len(params)}")
    try:
        return [read_value(param, kind, handle) for param, kind in zip(params, kinds, strict=True)]
    except NodeFault as fault:
        raise NodeFault(f"{export.signature}: {fault}") from None


class Answered(Pollable):
    """Ready when a call is done; it looks again from time to time where another process holds the callee."""

    outside = True

    def __init__(self, call: Call) -> None:
        self._call = call

    @property
    def deadline(self) -> int | None:  # type: ignore[override]
        return self._call.next_look

    def ready(self, _host: Host) -> bool:
        return self._call.ready


class QueueLook:
    """On going live: what an earlier process has put into a callee's queue is run, if it was not yet."""

    def __init__(self, host: Host, address: Address) -> None:
        self._host = host
        self._address = address
        self._invocation = host.invoked_at

    def start(self) -> None:
        engine = self._host.worker.engine
        row = engine.catalogue.worker(self._address.worker or "")
        if row is not None and self._host.invoked_at == self._invocation:
            run_queue(engine.reach(row.name))
