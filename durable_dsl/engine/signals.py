"""How the engine ends a guest call: exceptions that no guest code can catch, each a decision of its own.

They are no errors: the wrapper around host calls lets them through, the bridge ends the wasm
call with them, and the worker decides by their class what is written and what happens next.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from durable_dsl.engine.redaction import redacted_text
from durable_dsl.engine.traps import HostTrap

if TYPE_CHECKING:
    from collections.abc import Callable


class Signal(HostTrap):
    """Root: ends the guest call at a host call."""


class Exit(Signal):
    """The guest called exit."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class Suspended(Signal):
    """The guest waits for a time (nanoseconds since 1970), or for what `sooner` tells, or for what comes first.

    `promise` is the id of one whose completion that is.
    """

    def __init__(self, until: int | None, sooner: Callable[[], bool] | None, promise: str | None = None) -> None:
        super().__init__(until, promise)
        self.until = until
        self.sooner = sooner
        self.promise = promise
        #: It is in the oplog that the worker is suspended.
        self.recorded = False

    def over(self, now: int) -> bool:
        """Whether one of the two has come."""
        return (self.until is not None and now >= self.until) or (self.sooner is not None and self.sooner())


class Sleep(Suspended):
    """All there is to wait for is a time at least the suspend threshold away.

    `sooner` says whether what the guest also waits for has come before.
    """

    def __init__(self, until: int, sooner: Callable[[], bool] | None = None, promise: str | None = None) -> None:
        super().__init__(until, sooner, promise)


class AwaitPromise(Suspended):
    """The guest awaits a promise that is not completed, by its id."""

    def __init__(self, promise: str, completed: Callable[[], bool]) -> None:
        super().__init__(None, completed, promise)


class Rewind(Signal):
    """The guest jumped back in its own history; replay starts again at once."""


class Restart(Signal):
    """A simulated crash, or an update: replay starts again at once, callers keep waiting."""


class Interrupt(Signal):
    """Somebody asked for the worker to stop. `type` and `message` are what callers are told."""

    type = "Interrupted"
    message = "the invocation was interrupted"

    def __str__(self) -> str:
        return self.message


class TimedOut(Interrupt):
    """The invocation took longer than the engine's time limit."""

    type = "TimeLimit"

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.message = (
            f"the invocation took longer than {seconds:g} s. It is interrupted, and goes on where it was when it is "
            "called again with its key, or resumed"
        )


class Closing(Signal):
    """The engine is being closed, or the worker deleted: it stops as it would if the process died here."""

    def __init__(self, *, deleted: bool = False) -> None:
        super().__init__(deleted)
        self.deleted = deleted


class Broken(Signal):
    """What a signal's handler has raised in the thread that waits for the guest; raised there, nothing is recorded."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(error)
        self.error = error


class Failure(Signal):
    """The host cannot or may not do what the guest asked; ends the attempt like a trap, with this message."""

    retriable = True

    def __init__(self, message: str, type: str = "HostError") -> None:  # noqa: A002
        super().__init__(message, type)
        self.message = message
        self.type = type

    def __str__(self) -> str:
        return self.message


class Fatal(Failure):
    """As `Failure`, where no further attempt can help."""

    retriable = False


class UnfinishedWrite(Fatal):
    """A remote write, begun with idempotence mode off, of which nobody knows whether it was done."""

    def __init__(self, call: str, index: int) -> None:
        super().__init__(
            f"{redacted_text(call)} (oplog entry {index}) was begun with idempotence mode off, and whether it was done "
            "is not known: it is not sent again",
            "NonIdempotentWriteUnfinished",
        )


class NotGranted(Signal):
    """The guest asked for something that its worker may not do, or that is not there to be had.

    That is no outcome: nothing of the call is recorded, and the worker goes on from here when it may. `way` says how.
    """

    def __init__(self, what: str, way: str) -> None:
        super().__init__(what, way)
        self.what = what
        self.way = way

    @staticmethod
    def of_callee(name: str, said: str) -> NotGranted:
        """What stopped a worker stops the one that waits for it."""
        what, _, way = said.partition("\n  ")
        return NotGranted(f"calling worker {name}, which has stopped ({what})", way)

    def __str__(self) -> str:
        return f"refused: {self.what}\n  {self.way}"


class Divergence(Signal):
    """The guest did something else than what its oplog has recorded at `index`. Nothing is written."""

    def __init__(self, index: int, recorded: str, attempted: str) -> None:
        super().__init__(index, recorded, attempted)
        self.index = index
        self.recorded = redacted_text(recorded)
        self.attempted = redacted_text(attempted)
        if self.recorded == self.attempted and recorded != attempted:
            self.attempted += " (another value in what is hidden)"

    def __str__(self) -> str:
        return f"oplog entry {self.index}: recorded {self.recorded}, attempted {self.attempted}"
