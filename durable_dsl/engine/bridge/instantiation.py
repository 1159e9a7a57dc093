"""Which memories are an instance's own: instances begin side by side, or one of them alone.

An instance's memories are mapped while it begins, and the system shows only that they are there, not whose they are.
So one whose memory will be looked into begins while no other one of the process does.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Code that a component runs when it begins may take long; whoever wants to be alone does without after so long.
_PATIENCE = 2.0

_changed = threading.Condition()
_beginning = 0
_alone: int | None = None


@contextmanager
def beginning() -> Iterator[None]:
    """Held while an instance begins."""
    global _beginning  # noqa: PLW0603 - one for the process, as its memory is
    me = threading.get_ident()
    with _changed:
        _changed.wait_for(lambda: _alone in {None, me})
        _beginning += 1
    try:
        yield
    finally:
        with _changed:
            _beginning -= 1
            _changed.notify_all()


@contextmanager
def alone() -> Iterator[bool]:
    """Held while the only instance that begins does so in this thread; False where others do not come to an end."""
    global _alone  # noqa: PLW0603 - as above
    with _changed:
        got = _changed.wait_for(lambda: _alone is None and not _beginning, _PATIENCE)
        if got:
            _alone = threading.get_ident()
    try:
        yield got
    finally:
        if got:
            with _changed:
                _alone = None
                _changed.notify_all()
