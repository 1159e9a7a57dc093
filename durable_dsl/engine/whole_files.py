"""Files that are there whole or not at all, wherever their writer is killed.

A file is written under a temporary name, which it trades for its own when it is complete. Its writer holds a lock on
it meanwhile, and the system lets go of that when the writer dies: so a temporary file without a lock is abandoned, and
the next writer in that directory removes it. Where the file system has no locks, such files stay.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import tempfile
from pathlib import Path
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_PREFIX = ".writing-"


def write_whole(target: Path, fill: Callable[[IO[bytes]], object]) -> None:
    """Make `target` of what `fill` writes; its directory is made if need be. Raises OSError."""
    directory = target.parent
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    _remove_abandoned(directory)
    handle, temporary = _temporary(directory)
    try:
        with os.fdopen(handle, "wb") as file:
            fill(file)
            file.flush()
            temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _temporary(directory: Path) -> tuple[int, Path]:
    """A new file whose lock is held; somebody may have removed one that was not locked yet."""
    while True:
        handle, name = tempfile.mkstemp(dir=directory, prefix=_PREFIX)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            continue
        except OSError:  # no locks here
            return handle, Path(name)
        if Path(name).exists():
            return handle, Path(name)
        os.close(handle)


def abandoned(directory: Path) -> list[Path]:
    """The temporary files there whose writers are dead."""
    found = []
    for left in directory.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError), left.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            found.append(left)
    return found


def _remove_abandoned(directory: Path) -> None:
    for left in directory.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError), left.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            left.unlink()
