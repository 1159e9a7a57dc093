"""Every public exception.

All derive from `DurableError` and from the builtin that one would already catch, hold data and build their text in
`__str__`, and survive pickling. `RegionFailed` alone is a `BaseException`: it stands for the end of a worker's
instance, and an `except Exception` in user code must not stop that.
"""

from __future__ import annotations

from typing import Any, NamedTuple


class DurableError(Exception):
    """Root of the errors that this package raises."""


class MarkError(DurableError, TypeError, ValueError):
    """A word of the DSL was given something it cannot work with.

    Attributes: `code`, the stable code of the error catalogue; `message`, what is wrong; `hint`, what to do;
    `file` and `line`, where the word stands in the user's source (None when not known).
    """

    def __init__(
        self, code: str, message: str, hint: str = "", file: str | None = None, line: int | None = None
    ) -> None:
        super().__init__(code, message, hint, file, line)
        self.code = code
        self.message = message
        self.hint = hint
        self.file = file
        self.line = line

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}: " if self.file is not None else ""
        hint = f" ({self.hint})" if self.hint else ""
        return f"{place}{self.message} [{self.code}]{hint}"


class RegionError(DurableError, RuntimeError):
    """Regions were opened or closed in an order that cannot be kept durable.

    Regions are last in, first out. Regions of concurrent asyncio tasks that would interleave, a `yield` inside a
    region and a rewind into an open region are refused.
    """


class RegionFailed(BaseException):
    """Plain Python only: an exception left an inner atomic region, which would end the worker's instance.

    `__cause__` is the exception. In a component the instance ends at this point and the region runs again as a
    whole; user code never sees it, so here too `except Exception` does not catch it.
    """

    def __init__(self, region: str = "atomic") -> None:
        super().__init__(region)
        self.region = region

    def __str__(self) -> str:
        return (
            f"an exception left an inner {self.region} region: in a component this ends the instance and the region "
            f"is run again as a whole"
        )


class RewindUnsupported(DurableError, NotImplementedError):  # noqa: N818  (named in the public API)
    """Plain Python only: there is no oplog to rewind."""

    def __str__(self) -> str:
        return "rewind() needs an oplog: it works in a component, in the embedded engine or on Golem"


class TransactionStep(NamedTuple):
    """A finished operation of a transaction: what was called, with what, and what came of it.

    `error` is what its undo raised; None where the undo was done, or never came to run.
    """

    operation: str
    arguments: tuple[Any, ...] = ()
    keywords: dict[str, Any] = {}  # noqa: RUF012  (a tuple's default, never written to)
    result: Any = None
    error: BaseException | None = None

    def __str__(self) -> str:
        arguments = [_shown(each) for each in self.arguments]
        arguments += [f"{name}={_shown(value)}" for name, value in self.keywords.items()]
        error = "" if self.error is None else f" ({_told(self.error)})"
        return f"{self.operation}({', '.join(arguments)}) -> {_shown(self.result)}{error}"


class TransactionFailed(DurableError, RuntimeError):  # noqa: N818  (named in the public API)
    """A transaction failed, and its finished steps were undone, newest first, as far as their undos could.

    Attributes: `cause`, what left the transaction's body (`__cause__` too); `undone`, the steps that are undone;
    `not_undone`, those that are not, each with what its undo raised, and those of nested transactions. Where it is
    empty, nothing of the transaction is left. Both are in the order of undoing: newest first.
    """

    def __init__(
        self,
        cause: BaseException,
        undone: tuple[TransactionStep, ...] = (),
        not_undone: tuple[TransactionStep, ...] = (),
    ) -> None:
        super().__init__(cause, undone, not_undone)
        self.cause = cause
        self.undone = undone
        self.not_undone = not_undone
        self.__cause__ = cause

    def __str__(self) -> str:
        lines = [f"the transaction failed: {_told(self.cause)}"]
        if isinstance(self.cause, TransactionFailed):
            lines = [f"the transaction failed: {str(self.cause).partition(chr(10))[0]}"]
        lines += [f"undone: {step}" for step in self.undone]
        lines += [f"{NOT_UNDONE}{step}" for step in self.not_undone]
        return "\n".join(lines)


#: How a line begins that names a finished step which is not undone; the engine looks for it in failures.
NOT_UNDONE = "not undone: "

#: The cookie of a guest's list of such steps, backwards.
OPEN_STEPS = b"spets nepo lsd-elbarud"

#: How much of a value is shown.
_SHOWN = 60


def _shown(value: object) -> str:
    """`value` as one short line."""
    try:
        text = " ".join(repr(value).splitlines())
    except Exception as error:  # noqa: BLE001  (a message must not fail because of what it is about)
        text = f"<{type(value).__name__}, whose repr raises {type(error).__name__}>"
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


def _told(error: BaseException) -> str:
    text = " ".join(str(error).splitlines())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


class HostFunctionMissing(DurableError, AttributeError):  # noqa: N818  (named in the public API)
    """A component reached a host function that its build did not include.

    The build includes the functions of the words that the app's modules use. A word reached only by a computed name
    is not seen.
    """

    def __init__(self, function: str) -> None:
        super().__init__(function)
        self.function = function

    def __str__(self) -> str:
        return (
            f"this component was built without the host function {self.function}: "
            f"import the word that needs it from durable_dsl by name, so that the build sees it"
        )


class HttpError(DurableError, OSError):
    """An HTTP exchange gave no response, or one that was asked not to pass.

    Recorded like any other result: a replay raises the same error. `phase` says how far it came: "connect", "tls",
    "send" or "receive"; "" where that is not known.
    """

    def __init__(self, method: str, url: str, reason: str) -> None:
        super().__init__(method, url, reason)
        self.method = method
        self.url = url
        self.reason = reason
        self.phase = ""

    def __str__(self) -> str:
        return f"{self.method} {self.url}: {self.reason}"


class HttpInvalid(HttpError, ValueError):  # noqa: N818  (as HttpTimeout)
    """A request that HTTP has no form for. Nothing is sent; a body of another length than it should have is broken off.

    `part` says what is wrong with it: "url", "method", "header" or "body".
    """

    def __init__(self, method: str, url: str, reason: str, part: str = "url") -> None:
        super().__init__(method, url, reason)
        self.args = (method, url, reason, part)
        self.part = part


class HttpConnectionError(HttpError, ConnectionError):
    """The server could not be reached, or the connection broke off before the response was complete."""


class HttpTimeout(HttpError, TimeoutError):  # noqa: N818  (as requests and httpx call theirs)
    """Connecting, the first byte or the next bytes took longer than the time-out."""


class HttpDenied(HttpError, PermissionError):  # noqa: N818  (as HttpTimeout)
    """The host does not allow this component to reach that server."""


class HttpStatusError(HttpError):
    """`raise_for_status()` on a response with a status of 400 or above; `status` is that status."""

    def __init__(self, method: str, url: str, reason: str, status: int = 0) -> None:
        super().__init__(method, url, reason)
        self.args = (method, url, reason, status)
        self.status = status


class RequestsOverlap(DurableError, RuntimeError):  # noqa: N818  (a state of things)
    """A request is open, cannot be brought to its end here, and nothing else may be sent until it is."""

    def __init__(self, method: str, url: str, reason: str) -> None:
        super().__init__(method, url, reason)
        self.method = method
        self.url = url
        self.reason = reason

    def __str__(self) -> str:
        return (
            f"{self.method} {self.url} is open, and {self.reason}. Until it is over no other request may begin, nor a "
            "call of another worker, an atomic region or an idempotency key: servers of Golem 1.x would send it again "
            "at every restart. End it first (read the response, or give the body as bytes), or let requests overlap: "
            "with atomic, non_idempotent: around all of them, or with http.overlapping(): for the embedded engine"
        )


class PromiseError(DurableError):
    """Root of the errors about promises."""


class PromiseTimeout(PromiseError, TimeoutError):  # noqa: N818  (as HttpTimeout)
    """`wait(timeout=…)`: nobody completed the promise in that time. The promise stays open for a late answer."""

    def __init__(self, promise: str, seconds: float) -> None:
        super().__init__(promise, seconds)
        self.promise = promise
        self.seconds = seconds

    def __str__(self) -> str:
        return f"nobody completed the promise {self.promise} within {self.seconds:g} s"


class PromiseValueError(PromiseError, ValueError):
    """A value that is not of the promise's type, or a text that is no promise's id; `reason` says what was got."""

    def __init__(self, promise: str, reason: str) -> None:
        super().__init__(promise, reason)
        self.promise = promise
        self.reason = reason

    def __str__(self) -> str:
        return self.reason


class PromiseUnsupported(PromiseError, NotImplementedError):  # noqa: N818  (as RewindUnsupported)
    """The component's target can wait for a promise, but not for a promise and a clock at the same time."""

    def __str__(self) -> str:
        return (
            "this component cannot wait for a promise with a time-out, or while a timer runs: its host has only "
            "await-promise, which stops everything until the promise is completed. Build it with --target golem-1.1, "
            "whose host (Golem 1.1.19 to 1.2, and the embedded engine) can look at a promise without waiting"
        )


class PromiseAbandoned(PromiseError, RuntimeError):  # noqa: N818  (a state of things)
    """Plain Python only: the promise is awaited, and nothing is left in the process that could complete it."""

    def __init__(self, promise: str) -> None:
        super().__init__(promise)
        self.promise = promise

    def __str__(self) -> str:
        return (
            f"the promise {self.promise} is not completed, and nothing else runs in this process that could complete "
            f"it: complete it before it is waited for, from another thread or from another asyncio task"
        )


class RemoteError(DurableError, RuntimeError):
    """A call of another worker gave no result: the worker failed, or there is no such worker or function.

    `kind` says which: "failed", "not-found", "protocol-error" or "denied". Recorded like any other result: a replay
    raises the same error.
    """

    def __init__(self, component: str, worker: str, function: str, kind: str, reason: str) -> None:
        super().__init__(component, worker, function, kind, reason)
        self.component = component
        self.worker = worker
        self.function = function
        self.kind = kind
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.function} of worker {self.worker!r} ({self.component}): {self.reason}"
