"""Folders in the system's temporary directory that do not outlive their process for long. For hosts, not for guests.

A folder's maker holds a lock on it, and the system lets go of that when the maker dies: so a folder of ours without a
lock is abandoned, and the next process that makes one removes it. Where the file system has no locks, such folders
stay.
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import os
import shutil
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_PREFIX = "durable-dsl.tmp-"
_lock = threading.Lock()
#: The folder of this process and the handle with its lock; a forked process has one of its own.
_of_process: dict[tuple[int, str], tuple[int, Path]] = {}


def made_here(prefix: str) -> Path:
    """A new, empty folder in the one of this process; it goes with `give_back`, or with the process."""
    with _lock:
        place = (os.getpid(), tempfile.gettempdir())
        known = _of_process.get(place)
        if known is None or not known[1].is_dir():
            remove_abandoned()
            if not _of_process:
                atexit.register(_remove_own)
            known = _of_process[place] = _locked()
        return Path(tempfile.mkdtemp(prefix=prefix, dir=known[1]))


def give_back(path: Path) -> None:
    """Remove such a folder, and that of the process if nothing is in it any more."""
    shutil.rmtree(path, ignore_errors=True)
    with _lock, contextlib.suppress(OSError):
        path.parent.rmdir()
        for place, (handle, shared) in list(_of_process.items()):
            if shared == path.parent:
                del _of_process[place]
                os.close(handle)


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    """Such a folder, for as long as the block runs."""
    path = made_here("work-")
    try:
        yield path
    finally:
        give_back(path)


def abandoned() -> list[Path]:
    """The folders of processes that are dead."""
    found = []
    for handle, path in _unlocked():
        found.append(path)
        os.close(handle)
    return found


def remove_abandoned() -> list[Path]:
    """Remove the folders of processes that are dead; which those were."""
    removed = []
    for handle, path in _unlocked():
        shutil.rmtree(path, ignore_errors=True)
        removed.append(path)
        os.close(handle)
    return removed


def _unlocked() -> Iterator[tuple[int, Path]]:
    """This user's folders whose lock can be had, with the open folder that has it."""
    for path in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):
            handle = _open(path)
            if os.fstat(handle).st_uid != os.geteuid() or not _lock_it(handle):
                os.close(handle)
                continue
            yield handle, path


def _locked() -> tuple[int, Path]:
    """A new folder whose lock is held; somebody may have removed one that was not locked yet."""
    while True:
        path = Path(tempfile.mkdtemp(prefix=_PREFIX))
        with contextlib.suppress(OSError):
            handle = _open(path)
            if _lock_it(handle) and path.is_dir():
                return handle, path
            os.close(handle)


def _open(path: Path) -> int:
    return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)


def _lock_it(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _remove_own() -> None:
    for (process, _), (_, path) in _of_process.items():
        if process == os.getpid():
            shutil.rmtree(path, ignore_errors=True)
