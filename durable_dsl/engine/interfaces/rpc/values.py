"""golem:rpc: how the calling component spells the cases of wit-node, which differ between its versions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from durable_dsl.engine.wit import types as t

if TYPE_CHECKING:
    from durable_dsl.engine.replay.host import Host

Outcome = dict[str, Any]
_INTERFACE = "golem:rpc/types"
_NEWER = {"prim-float32": "prim-f32", "prim-float64": "prim-f64"}

_known: dict[str, bool] = {}


def spelled(host: Host, outcome: Outcome) -> Outcome:
    """A result with its nodes as the component that runs in `host` declares them."""
    if "ok" not in outcome or not _is_newer(host):
        return outcome
    nodes = [{_NEWER.get(case, case): value for case, value in node.items()} for node in outcome["ok"]["nodes"]]
    return {"ok": {"nodes": nodes}}


def _is_newer(host: Host) -> bool:
    worker = host.worker
    component = worker.engine.component_of(worker.component, worker.version)
    known = _known.get(component.hash)
    if known is None:
        kind = component.imported_type(_INTERFACE, "[method]wasm-rpc.invoke-and-await")
        known = _known[component.hash] = kind is not None and not _cases(kind.result).isdisjoint(_NEWER.values())
    return known


def _cases(kind: t.Type | None) -> set[str]:
    """The cases of the nodes in result<wit-value, rpc-error>."""
    match kind:
        case t.Result(ok=t.Record(fields=((_, t.ListOf(element=t.Variant(cases=cases))),))):
            return {name for name, _ in cases}
        case _:
            return set()
