"""A host that only records: wasmtime's own WASI and linker, and golem:api/host as a list of calls.

It shares nothing with the embedded engine, so that what it sees is what any other host would see.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wasmtime import Store, WasiConfig, WasmtimeError
from wasmtime.component import Linker, Record, Variant

from tests.components import compiled

if TYPE_CHECKING:
    from pathlib import Path

HOST = "golem:api/host@0.2.0"
COMPONENT_ID, WORKER = (1, 2), "recorded"


def record(**fields: Any) -> Record:
    """A WIT record; Python names for WIT names."""
    value = Record()
    value.__dict__.update({name.replace("_", "-"): field for name, field in fields.items()})
    return value


class Trapped(Exception):
    """The component trapped."""


class RecordingHost:
    """Calls exports of one component, each in a new instance, and keeps the host calls that it made."""

    def __init__(self, component: Path, host: str = HOST) -> None:
        self.engine, self.component = compiled(component)
        self.host = host

    def call(self, interface: str, function: str, *arguments: Any) -> tuple[list[str], list[tuple[Any, ...]], Any]:
        """Names of the host calls, their arguments, and the result; Trapped takes the result's place."""
        names: list[str] = []
        given: list[tuple[Any, ...]] = []
        store = Store(self.engine)
        store.set_wasi(WasiConfig())
        linker = Linker(self.engine)
        linker.add_wasip2()
        with linker.root() as root, root.add_instance(self.host) as host:
            for name, answer in answers().items():

                def answered(_store: Any, *values: Any, name: str = name, answer: Any = answer) -> Any:
                    names.append(name)
                    given.append(values)
                    return answer(*values)

                host.add_func(name, answered)
        instance = linker.instantiate(store, self.component)
        outer = instance.get_export_index(store, interface)
        export = instance.get_func(store, instance.get_export_index(store, function, outer))
        try:
            result = export(store, *arguments)
        except WasmtimeError:
            return names, given, Trapped
        export.post_return(store)
        return names, given, result


def answers() -> dict[str, Any]:
    """A stateful answer for each function: settings are kept, indices count up."""
    state = {
        "index": 2,
        "level": Variant("smart"),
        "idempotent": True,
        "policy": record(max_attempts=3, min_delay=100_000_000, max_delay=1_000_000_000, multiplier=3.0),
    }

    promises: dict[int, bytes | None] = {}

    def next_index(*_: Any) -> int:
        state["index"] += 1
        return state["index"]

    def create_promise() -> Record:
        index = next_index()
        promises[index] = None
        component = record(uuid=record(high_bits=COMPONENT_ID[0], low_bits=COMPONENT_ID[1]))
        return record(worker_id=record(component_id=component, worker_name=WORKER), oplog_idx=index)

    def complete_promise(promise: Any, data: bytes) -> bool:
        index = vars(promise)["oplog-idx"]
        pending = promises[index] is None
        if pending:
            promises[index] = bytes(data)
        return pending

    return {
        "mark-begin-operation": next_index,
        "mark-end-operation": lambda begin: None,
        "get-oplog-persistence-level": lambda: state["level"],
        "set-oplog-persistence-level": lambda level: state.update(level=level),
        "get-idempotence-mode": lambda: state["idempotent"],
        "set-idempotence-mode": lambda mode: state.update(idempotent=mode),
        "get-retry-policy": lambda: state["policy"],
        "set-retry-policy": lambda policy: state.update(policy=policy),
        "get-oplog-index": next_index,
        "set-oplog-index": lambda index: None,
        "oplog-commit": lambda replicas: None,
        "create-promise": create_promise,
        "await-promise": lambda promise: promises[vars(promise)["oplog-idx"]],
        "poll-promise": lambda promise: promises[vars(promise)["oplog-idx"]],
        "complete-promise": complete_promise,
        "generate-idempotency-key": lambda: record(high_bits=0x4000, low_bits=0x8000_0000_0000_0000),
    }
