"""What ends a guest call. The guest can catch none of it."""

from __future__ import annotations


class Signal(BaseException):
    """Ends the call."""


class Killed(Signal):
    """The host's process dies here."""


class Jumped(Signal):
    """The guest has jumped back; it starts again at once."""


class Suspended(Signal):
    """Nothing to do until a time, or (None) until a promise is completed."""

    def __init__(self, until: int | None) -> None:
        super().__init__(until)
        self.until = until


class Exited(Signal):
    """The guest has ended itself."""


class Hung(Signal):
    """A real server would wait here for ever; the text says for what."""


class Failed(Signal):
    """A host call failed in a way that ends the attempt, and is judged like a trap of the guest's own."""


class Diverged(Failed):
    """The guest's action is not the one that is recorded next."""


class NotOfferedError(Exception):
    """The component asks for something that this host does not have."""
