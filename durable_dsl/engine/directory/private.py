"""A data directory is its user's own: it holds what guests were told, requests and environments among it.

Directories are 0700, files 0600, those of an older version too, where they belong to the user. A directory that holds
other things as well, as a project's, keeps its mode; what is ours in it does not.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
from typing import TYPE_CHECKING

from durable_dsl.engine.oplog.store import FILE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_FILES = (FILE, f"{FILE}-wal", f"{FILE}-shm")
_FOLDERS = ("components", "leases")


def make_private(directory: Path) -> None:
    """Make the data directory, if need be, and close it to others. Raises OSError where it cannot be made."""
    directory.mkdir(mode=stat.S_IRWXU, parents=True, exist_ok=True)
    found = {entry.name for entry in os.scandir(directory)}
    if found <= {*_FILES, *_FOLDERS}:
        _close(directory)
    for name in (*_FILES, *_FOLDERS):
        _close(directory / name)
    with contextlib.suppress(OSError):  # SQLite says what is wrong
        os.close(os.open(directory / FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, stat.S_IRUSR | stat.S_IWUSR))


class Use:
    """Says to other processes that this one uses a data directory, for as long as it is open."""

    def __init__(self, directory: Path) -> None:
        self._handle: int | None = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        with contextlib.suppress(OSError):  # no locks here
            fcntl.flock(self._handle, fcntl.LOCK_SH)

    @contextlib.contextmanager
    def alone(self) -> Iterator[bool]:
        """Whether no other process uses it; then none begins to before the block ends."""
        assert self._handle is not None
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            alone = False
        else:
            alone = True
        try:
            yield alone
        finally:
            with contextlib.suppress(OSError):
                fcntl.flock(self._handle, fcntl.LOCK_SH)

    def close(self) -> None:
        handle, self._handle = self._handle, None
        if handle is not None:
            os.close(handle)


def _close(path: Path) -> None:
    """Take from others what they may; best effort, as on a file system that has no modes."""
    with contextlib.suppress(OSError):
        found = path.stat(follow_symlinks=False)
        open_to_others = found.st_mode & (stat.S_IRWXG | stat.S_IRWXO)
        if open_to_others and found.st_uid == os.geteuid() and not stat.S_ISLNK(found.st_mode):
            path.chmod(stat.S_IMODE(found.st_mode) & stat.S_IRWXU)
