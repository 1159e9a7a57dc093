"""What `worker list` says of each worker. It imports the engine; the module of the verb does not, for it is parsed."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from durable_dsl.cli.terminal.workers import damaged, waits_for
from durable_dsl.engine.directory.lease import seen
from durable_dsl.engine.errors import DamagedError
from durable_dsl.engine.grants.permissions import worker_owner
from durable_dsl.engine.oplog.view import time_text
from durable_dsl.engine.redaction import redacted, redacted_text
from durable_dsl.engine.standing.listing import wanting
from durable_dsl.engine.worker import waits as waiting

if TYPE_CHECKING:
    from durable_dsl.engine.api import Engine
    from durable_dsl.engine.oplog.summary import Summary
    from durable_dsl.engine.standing.listing import Listed

    Facts = dict[str, Any]


class Lines:
    """Of the workers of one data directory."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        #: What workers want, by the owner of grants; None where each has to be asked, and told of the damage.
        self._wanting = wanting(engine.store)
        self._component = lru_cache(maxsize=None)(redacted_text)

    def as_json(self, one: Listed) -> Facts:
        """The facts with the time as text."""
        facts = self.facts(one)
        return {**facts, "changed": time_text(facts["changed"])} if "changed" in facts else facts

    def facts(self, one: Listed) -> Facts:
        """What a line says, `changed` in nanoseconds since 1970; of what cannot be read, that it is damaged."""
        if one.summary is not None:
            try:
                return self._facts(one, one.summary)
            except DamagedError as damage:
                one.damage = damage
        assert one.damage is not None
        told: Facts = redacted(damaged(one.name, one.component, one.last, one.damage))
        return told

    def _facts(self, one: Listed, summary: Summary) -> Facts:
        status, reason = summary.status, None
        if status != "idle":
            status = seen(status, self._engine.leases, one.id, ours=False)
            reason = None if status == "running" else self._reason(one, summary)
        return {
            "name": redacted_text(one.name),
            "component": self._component(one.component),
            "version": summary.version,
            "status": status,
            "oplog_index": summary.last,
            "changed": one.changed,
            "reason": None if reason is None else redacted_text(reason),
        }

    def _reason(self, one: Listed, summary: Summary) -> str | None:
        """Why the worker does not go on."""
        if summary.underway is not None:
            owner = worker_owner(one.id)
            wants = self._engine.reach(one.name).wants if self._wanting is None else self._wanting.get(owner)
            if wants is not None:
                return f"wants {wants}"
        if summary.status == "suspended":
            since = one.changed if summary.suspended_at == summary.last else None
            waits = waiting.waits_for(self._engine.store, one.id, summary, since)
            if waits is not None:
                return f"waits for {waits_for(waits)}"
        return None if summary.error is None else f"{summary.error['error_type']}: {summary.error['message']}"
