"""What is under way, for people: a spinner on a terminal, elsewhere a line for each stage that takes long.

A short stage leaves nothing where no terminal is, so that logs and pipes hold no noise; one of more than half a second
says what it is while it lasts, not afterwards.
"""

from __future__ import annotations

import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from durable_dsl.cli.terminal import console

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["Show", "stages"]

#: Seconds.
_LONG = 0.5


class Show(Protocol):
    """Says which stage begins; how far it has come is shown on terminals only."""

    def __call__(self, stage: str, how_far: str = "", /) -> None: ...


class _Display(Protocol):
    """How a stage is shown."""

    def show(self, stage: str, how_far: str = "", /) -> None: ...
    def stop(self) -> None: ...


@contextmanager
def stages(*, quiet: bool = False) -> Iterator[Show]:
    """Gives a function that says which stage begins; the last one ends with the block. `quiet`: nothing is shown."""
    if quiet:
        yield lambda _stage, _how_far="": None
        return
    display: _Display = _Spinner() if console.is_terminal(sys.stderr) else _Lines()
    try:
        yield display.show
    finally:
        display.stop()


class _Spinner:
    """From the first stage on: what has none imports no rich."""

    def __init__(self) -> None:
        self._stop: Callable[[], None] | None = None
        self._update: Callable[[str], None] | None = None

    def show(self, stage: str, how_far: str = "", /) -> None:
        text = f"{stage} {how_far}".rstrip()
        if self._update is None:
            from rich.console import Console

            status = Console(stderr=True).status(text)
            status.start()
            self._update, self._stop = status.update, status.stop
        else:
            self._update(text)

    def stop(self) -> None:
        if self._stop is not None:
            self._stop()


class _Lines:
    """A line for a stage that is still under way after a while."""

    def __init__(self) -> None:
        self._timer: threading.Timer | None = None
        self._stage = ""

    def show(self, stage: str, _how_far: str = "", /) -> None:
        if stage == self._stage:
            return
        self.stop()
        self._stage = stage
        self._timer = threading.Timer(_LONG, console.note, (f"{stage} …",))
        self._timer.daemon = True
        self._timer.start()

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
