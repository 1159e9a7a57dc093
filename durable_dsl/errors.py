"""Every public exception.

All derive from `DurableError` and from the builtin that one would already catch, hold data and build their text in
`__str__`, and survive pickling. `RegionFailed` alone is a `BaseException`: it stands for the end of a worker's
instance, and an `except Exception` in user code must not stop that.
"""

from __future__ import annotations


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

    Recorded like any other result: a replay raises the same error.
    """

    def __init__(self, method: str, url: str, reason: str) -> None:
        super().__init__(method, url, reason)
        self.method = method
        self.url = url
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.method} {self.url}: {self.reason}"


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
