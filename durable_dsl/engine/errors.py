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


class StoreError(EngineError, OSError):
    """The data directory cannot be read or written."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(path, reason)
        self.path = path
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


class DamagedError(StoreError):
    """An entry's contents do not match their checksum, or are of a kind that this version does not know."""

    def __init__(self, path: str, worker: str, index: int) -> None:
        EngineError.__init__(self, path, worker, index)
        self.path = path
        self.worker = worker
        self.index = index
        self.reason = "damaged"

    def __str__(self) -> str:
        return (
            f"{self.path}: entry {self.index} of worker {self.worker!r} is damaged; other workers are not affected, "
            f"and this one can go on from before it: durable-dsl worker revert {self.worker} --to {self.index - 1}"
        )


class LeaseError(EngineError, RuntimeError):
    """Another process runs this worker now."""

    def __init__(self, worker: str, owner: str) -> None:
        super().__init__(worker, owner)
        self.worker = worker
        self.owner = owner

    def __str__(self) -> str:
        by = f" (process {self.owner})" if self.owner else ""
        return f"worker {self.worker!r} is in use by another process{by}"


class UpdateRefused(UsageError):  # noqa: N818 - the update was, not the caller
    """The worker's history does not fit another build; the worker goes on with the build it has."""

    def __init__(self, worker: str, version: int, reason: str) -> None:
        super().__init__(
            f"worker {worker!r} cannot move to version {version} of its component: {reason}",
            "ways on: `durable-dsl worker update --snapshot`, `durable-dsl worker revert`, `run --fresh`, "
            "or another worker name",
        )
        self.args = (worker, version, reason)


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
