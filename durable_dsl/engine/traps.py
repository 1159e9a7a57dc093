"""What ends a guest call, and what is wrong with a component.

`HostTrap` and `GuestTrap` are `BaseException`s, so that an `except Exception` in an implementation of a host
function cannot swallow them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from durable_dsl.engine.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Sequence


class HostTrap(BaseException):
    """Raised by an implementation of a host function to end the guest call; the guest cannot catch it.

    `Instance.call` raises the very same object. Engine control flow (exit, suspend, jump) derives from it.
    """


class GuestTrap(BaseException):
    """The guest trapped by itself: `str()` is the cause alone, `backtrace` holds the wasm frames."""

    def __init__(self, message: str, backtrace: str = "") -> None:
        super().__init__(message, backtrace)
        self.message = message
        self.backtrace = backtrace

    def __str__(self) -> str:
        return self.message


class ImplementationFault(EngineError, TypeError):  # noqa: N818  (in the house's word)
    """An implementation of a host function answered what does not fit its WIT type: a mistake in the engine."""


class InstanceUnusable(EngineError, RuntimeError):  # noqa: N818  (a state)
    """The instance was closed, or an earlier call did not return: it cannot be entered again."""


class ComponentFault(EngineError, ValueError):  # noqa: N818  (the user's mistake, in the house's word)
    """The file is not a component that this engine can load; the text says what to do."""


class UnknownExport(EngineError, LookupError):  # noqa: N818  (as above)
    """No export, or more than one, has the name given; `candidates` are full names.

    `defined` is where the app has a function of that name that it does not export, as "orders.py:12".
    """

    def __init__(self, name: str, candidates: Sequence[str], *, ambiguous: bool, defined: str | None = None) -> None:
        super().__init__(name, tuple(candidates), ambiguous, defined)
        self.name = name
        self.candidates = tuple(candidates)
        self.ambiguous = ambiguous
        self.defined = defined

    def __reduce__(self) -> tuple[object, ...]:
        return _unknown_export, (self.name, self.candidates, self.ambiguous, self.defined)

    def __str__(self) -> str:
        unknown = f"there is no export `{self.name}`{self._hint}"
        if not self.candidates:
            return f"{unknown}; the component exports no functions"
        listed = "\n".join(f"  {candidate}" for candidate in self.candidates)
        if self.ambiguous:
            return f"`{self.name}` could be any of these exports; give the full name:\n{listed}"
        return f"{unknown}; the component exports:\n{listed}"

    @property
    def _hint(self) -> str:
        """What was meant, perhaps."""
        if self.defined is not None:
            return (
                f" ({self.defined} defines it and does not export it: mark it with @export, or declare it in the WIT)"
            )
        import difflib  # here alone: start-up time counts

        given = self.name.rpartition("#")[2]
        close = difflib.get_close_matches(given, {one.rpartition("#")[2] for one in self.candidates}, n=1, cutoff=0.7)
        return f" (did you mean `{close[0]}`?)" if close else ""


def _unknown_export(name: str, candidates: Sequence[str], ambiguous: bool, defined: str | None) -> UnknownExport:
    return UnknownExport(name, candidates, ambiguous=ambiguous, defined=defined)


class MissingImports(ComponentFault):
    """Strict linking: nobody implements these imports (`interface@version#function`)."""

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(tuple(names))
        self.names = tuple(names)

    def __str__(self) -> str:
        listed = "\n".join(f"  {name}" for name in self.names)
        return f"the component imports what this engine does not offer:\n{listed}"
