"""Where the command begins: what must hold before anything else is imported.

Ctrl-C while Python imports would be a traceback of the import system; until the command runs there is nothing to lose.
A standard stream that the shell closed (`>&-`) leaves its number free, and the next file that is opened, a database
for one, would get it and what is printed: so each has something open behind it.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import FrameType


def main() -> int:
    """Run the command line and return its exit status."""
    signal.signal(signal.SIGINT, _leave)
    closed = _occupy_standard_streams()
    from durable_dsl.cli import main
    from durable_dsl.cli.terminal import console

    if 1 in closed:
        console.error(
            "standard output is closed: there is nowhere to print the result", "to do without it: > /dev/null"
        )
        return console.FAULT
    try:
        signal.signal(signal.SIGINT, _interrupt)
        return main.main()
    except KeyboardInterrupt:  # before the frame of the command line was entered, or after it was left
        return console.INTERRUPTED


def _leave(_number: int, _frame: object) -> None:
    os.write(2, b"interrupted\n")
    os._exit(130)


def _interrupt(number: int, frame: FrameType | None) -> None:
    """As Python does, but in the import system, whose destructors would lose it: the process ends there at once."""
    if frame is not None and frame.f_code.co_filename.startswith("<frozen importlib"):
        _leave(number, frame)
    raise KeyboardInterrupt


def _occupy_standard_streams() -> set[int]:
    """Open the null device in place of each that is closed; which those are."""
    closed = set()
    for number, mode in enumerate(("r", "w", "w")):
        try:
            os.fstat(number)
        except OSError:
            closed.add(number)
            os.dup2(os.open(os.devnull, os.O_RDWR), number)
            os.set_inheritable(number, True)
            stream = open(number, mode, encoding="utf-8", closefd=False)  # noqa: SIM115 - for as long as we run
            setattr(sys, ("stdin", "stdout", "stderr")[number], stream)
    return closed
