"""Who may run a worker: one process at a time, by a lock that the system lets go of when the process dies.

The lock is on a file of the worker's own; what stands in it is the process id, for the message to others. The file
stays when the lease ends, since removing it would race with somebody who just opened it. It goes with the worker: who
gets the lease of a worker that was deleted finds no oplog, and no other worker ever has its number.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import time
from typing import TYPE_CHECKING

from durable_dsl.engine.errors import LeaseError, StoreError

if TYPE_CHECKING:
    from pathlib import Path


_A_LOOK = 0.002


class OpenFilesError(StoreError):
    """The process has as many files open as it may."""

    def __init__(self, path: str) -> None:
        super().__init__(
            path,
            "this process has as many files open as it may (`ulimit -n`); each worker that runs or sleeps takes one",
        )
        self.args = (path,)


class Lease:
    """The right to run one worker; held from construction to `close`."""

    def __init__(self, directory: Path, worker: int, name: str) -> None:
        self._path = directory / str(worker)
        try:
            directory.mkdir(mode=0o700, exist_ok=True)
            self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            if error.errno in {errno.EMFILE, errno.ENFILE}:
                raise OpenFilesError(str(directory)) from error
            raise StoreError(str(directory), error.strerror or str(error)) from error
        try:
            self._lock()
            os.ftruncate(self._fd, 0)
            os.pwrite(self._fd, str(os.getpid()).encode(), 0)
        except BlockingIOError:
            owner = os.pread(self._fd, 20, 0).decode("ascii", "replace").strip()
            os.close(self._fd)
            raise LeaseError(name, owner) from None
        except OSError as error:
            os.close(self._fd)
            raise StoreError(str(self._path), error.strerror or str(error)) from error

    def _lock(self) -> None:
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:  # perhaps somebody only looks whether it is held
            time.sleep(_A_LOOK)
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)

    @staticmethod
    def is_held(directory: Path, worker: int) -> bool:
        """Whether a process that lives has it."""
        try:
            fd = os.open(directory / str(worker), os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(fd)
        return False

    @staticmethod
    def holder(directory: Path, worker: int) -> str | None:
        """The id of the process that has it; None where none does."""
        if not Lease.is_held(directory, worker):
            return None
        return (directory / str(worker)).read_bytes()[:20].decode("ascii", "replace").strip()

    def remove(self) -> None:
        """Remove the file: the worker is deleted."""
        with contextlib.suppress(OSError):
            self._path.unlink()

    def close(self) -> None:
        os.close(self._fd)


def seen(status: str, directory: Path, worker: int, *, ours: bool) -> str:
    """The status of a worker that does not run in this process, which may have its lease (`ours`) and do nothing.

    Where no process that lives runs it, an invocation that had begun is unfinished.
    """
    if status not in {"running", "retrying"}:
        return status
    return status if not ours and Lease.is_held(directory, worker) else "unfinished"
