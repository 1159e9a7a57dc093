"""What `@export` does when plain Python calls an exported function: it says what counts as a domain error.

In a component the generated wrapper says so at the start of each export, and the exception classes of `raises=` are
the domain errors of all regions that the call opens. Plain Python has no wrapper, so the mark itself does the same:
the outermost exported function that is being called decides, as it does in a component.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from durable_dsl.binding.state import call
from durable_dsl.regions import Region

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["ExportCall"]


class ExportCall(Region):
    """Around the call of an exported function: not a region of the host, and outside of all that are."""

    word = "export"
    is_outermost = True

    def __init__(self, raises: tuple[type[BaseException], ...]) -> None:
        self._raises = raises

    def __enter__(self) -> None:
        if call.exports == 0 and self._raises:
            call.outside, call.domain_errors = call.domain_errors, self._raises
        call.exports += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> Literal[False]:
        call.exports -= 1
        if call.exports == 0 and call.outside is not None:
            call.domain_errors, call.outside = call.outside, None
        return False
