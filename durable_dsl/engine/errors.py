"""What the engine raises to its callers. Arguments are data, the text is built in `__str__`, all survive pickling."""

from __future__ import annotations

from typing import Any

from durable_dsl.errors import DurableError


class EngineError(DurableError):
    """Root of everything the engine raises on purpose."""


class UsageError(EngineError, ValueError):
    """The request itself cannot be done; nothing was written. `hint` says what can."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message, hint)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return self.message


class KeyInUse(UsageError):  # noqa: N818 - what is there already is right, the request is not
    """The idempotency key names another invocation: of another function, or with other arguments."""

    def __init__(self, worker: str, key: str, known: str, asked: str) -> None:
        super().__init__(
            f"idempotency key {key!r} is that of another invocation of worker {worker!r}: {known}; this one is {asked}",
            "a key names one invocation for ever: give this one a key of its own",
        )
        self.args = (worker, key, known, asked)


class StoreError(EngineError, OSError):
    """The data directory cannot be read or written."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(path, reason)
        self.path = path
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


class DamagedError(StoreError):
    """Something does not match its checksum, or is of a kind that this version does not know.

    `table` is where: `entry` for the worker's oplog, then `index` says which; else another table of the file.
    """

    def __init__(self, path: str, worker: str, index: int, table: str = "entry") -> None:
        EngineError.__init__(self, path, worker, index, table)
        self.path = path
        self.worker = worker
        self.index = index
        self.table = table
        self.reason = "damaged"

    def __str__(self) -> str:
        what = _DAMAGED.get(self.table, "a row is").format(worker=self.worker, index=self.index)
        return f"{self.path}: {what} damaged; {self._ways_on()}"

    def _ways_on(self) -> str:
        if self.table == "grants":
            return "`durable-dsl worker grant` begins them anew"
        if self.table == "retired":
            return "another worker name is free"
        if self.table in {"bucket", "container", "object"}:
            return "what else is stored is not affected, and this can be deleted"
        if self.table in {"component", "build"}:
            return "workers of other components are not affected"
        delete = f"durable-dsl worker delete {self.worker}"
        if self.table != "entry" or self.index <= 1:
            return f"other workers are not affected, and this one can be deleted: {delete}"
        return (
            "other workers are not affected, and this one can go on from before it: "
            f"durable-dsl worker revert {self.worker} --to {self.index - 1}"
        )


_DAMAGED = {
    "entry": "entry {index} of worker {worker!r} is",
    "worker": "the row of worker {worker!r} is",
    "queue": "a queued invocation of worker {worker!r} is",
    "schedule": "a scheduled invocation of worker {worker!r} is",
    "promise": "promise {index} of worker {worker!r} is",
    "component": "the row of component {worker!r} is",
    "build": "the row of a build of component {worker!r} is",
    "dropped": "what stands for the dropped entries 2 to {index} of worker {worker!r} is",
    "snapshot": "the snapshot at entry {index} of worker {worker!r}, without which it cannot begin, is",
    "grants": "the grants of {worker} are",
    "bucket": "what stands under the key {worker} is",
    "container": "the container {worker} is",
    "object": "the object {worker} is",
    "retired": "what is known of an earlier worker {worker!r} is",
}


class LeaseError(EngineError, RuntimeError):
    """Another process runs this worker now."""

    def __init__(self, worker: str, owner: str) -> None:
        super().__init__(worker, owner)
        self.worker = worker
        self.owner = owner

    def __str__(self) -> str:
        by = f" (process {self.owner})" if self.owner else ""
        return f"worker {self.worker!r} is in use by another process{by}"


class HistoryDropped(UsageError):  # noqa: N818 - a state of things
    """What is asked for lies in the part of a worker's history that retention has dropped."""

    code = "DSL721"

    def __init__(self, worker: str, what: str, upto: int, reach: int, archive: str | None = None) -> None:
        copies = f"; copies are in {archive}" if archive else ""
        super().__init__(
            f"{self.code}: {what} is not possible, entries 2 to {upto} of worker {worker!r} were dropped{copies}",
            f"its history begins with a snapshot; entry {reach} is the first that it can go back to",
        )
        self.args = (worker, what, upto, reach, archive)


class UpdateRefused(UsageError):  # noqa: N818 - the update was, not the caller
    """The worker's history does not fit another build; the worker goes on with the build it has."""

    def __init__(self, worker: str, version: int, reason: str, snapshot: bool = False) -> None:
        how, first = "", "`durable-dsl worker update --snapshot`"
        if snapshot:
            how, first = "by a snapshot ", "a build with `save` and one with a `load` that takes what it gives"
        super().__init__(
            f"worker {worker!r} cannot move {how}to version {version} of its component: {reason}",
            f"ways on: {first}, `durable-dsl worker revert`, `run --fresh`, or another worker name",
        )
        self.args = (worker, version, reason, snapshot)


class InvocationError(EngineError, RuntimeError):
    """An invocation failed for good, or cannot be done because an earlier one did.

    `type`, `message` and `traceback` are the guest's own where it is a Python guest; `status` is the worker's now.
    """

    def __init__(self, type: str, message: str, traceback: str = "", status: str = "failed") -> None:  # noqa: A002
        super().__init__(type, message, traceback, status)
        self.type = type
        self.message = message
        self.traceback = traceback
        self.status = status

    def __str__(self) -> str:
        return f"{self.type}: {self.message}" if self.type else self.message

    def as_json(self) -> dict[str, Any]:
        return {"type": self.type, "message": self.message, "traceback": self.traceback}
