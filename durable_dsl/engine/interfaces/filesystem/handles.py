"""What stands behind file system handles: open files, directory listings, and streams over them."""

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING, Any

from durable_dsl.engine.grants.sandbox import resolve
from durable_dsl.engine.interfaces.streams import InputStream, OutputStream, StreamClosed, StreamFailed

if TYPE_CHECKING:
    from collections.abc import Callable

    from durable_dsl.engine.grants.granted import DirGrant
    from durable_dsl.engine.replay.host import Host

_LARGEST_READ = 1 << 20
#: Reading a private file leaves its access time alone: replay, which reads again later, would leave another one.
UNTOUCHED = getattr(os, "O_NOATIME", 0)  # Linux

_CODES = {
    errno.EACCES: "access", errno.EAGAIN: "would-block", errno.EALREADY: "already", errno.EBADF: "bad-descriptor",
    errno.EBUSY: "busy", errno.EDEADLK: "deadlock", errno.EDQUOT: "quota", errno.EEXIST: "exist",
    errno.EFBIG: "file-too-large", errno.EILSEQ: "illegal-byte-sequence", errno.EINPROGRESS: "in-progress",
    errno.EINTR: "interrupted", errno.EINVAL: "invalid", errno.EIO: "io", errno.EISDIR: "is-directory",
    errno.ELOOP: "loop", errno.EMLINK: "too-many-links", errno.EMSGSIZE: "message-size",
    errno.ENAMETOOLONG: "name-too-long", errno.ENODEV: "no-device", errno.ENOENT: "no-entry",
    errno.ENOLCK: "no-lock", errno.ENOMEM: "insufficient-memory", errno.ENOSPC: "insufficient-space",
    errno.ENOTDIR: "not-directory", errno.ENOTEMPTY: "not-empty", errno.ENOTRECOVERABLE: "not-recoverable",
    errno.ENOTSUP: "unsupported", errno.ENOTTY: "no-tty", errno.ENXIO: "no-such-device",
    errno.EOVERFLOW: "overflow", errno.EPERM: "not-permitted", errno.EPIPE: "pipe", errno.EROFS: "read-only",
    errno.ESPIPE: "invalid-seek", errno.ETXTBSY: "text-file-busy", errno.EXDEV: "cross-device",
}  # fmt: skip

_TYPES = {
    stat.S_IFREG: "regular-file",
    stat.S_IFDIR: "directory",
    stat.S_IFLNK: "symbolic-link",
    stat.S_IFCHR: "character-device",
    stat.S_IFBLK: "block-device",
    stat.S_IFIFO: "fifo",
    stat.S_IFSOCK: "socket",
}


def code_of(error: OSError) -> str:
    """WASI's error code for an error of the system."""
    return _CODES.get(error.errno or errno.EIO, "io")


def type_of(mode: int) -> str:
    return _TYPES.get(stat.S_IFMT(mode), "unknown")


class OpenFile:
    """An open file descriptor, closed when the last handle or stream lets go of it."""

    __slots__ = ("fd",)

    def __init__(self, fd: int) -> None:
        self.fd = fd

    def __del__(self, close: Callable[[int], None] = os.close) -> None:  # at the end of Python, `os` is gone
        close(self.fd)


class Descriptor:
    """The resource `descriptor`: an open file or directory, private or below a directory of this machine (`mount`).

    One of a mount need not be open: in replay it was not opened. It is when it is used live.
    """

    resource_kind = "descriptor"

    def __init__(self, file: OpenFile | None, flags: list[str], mount: DirGrant | None = None, path: str = ".") -> None:
        self._file = file
        self.flags = flags
        self.mount = mount
        self.path = path

    @property
    def file(self) -> OpenFile:
        if self._file is None:
            assert self.mount is not None
            self._file = reopened(self.mount, self.path, self.flags)
        return self._file

    @property
    def fd(self) -> int:
        return self.file.fd

    def check_writable(self) -> None:
        """Raises EROFS where the mount is read-only."""
        if self.mount is not None and self.mount.read_only:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))


def reopened(mount: DirGrant, path: str, flags: list[str]) -> OpenFile:
    """Open what a descriptor of a mount stands for, nothing of it made or cut off."""
    root = OpenFile(os.open(mount.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))
    if path == ".":
        return root
    writes = "write" in flags
    mode = os.O_RDWR if writes and "read" in flags else os.O_WRONLY if writes else os.O_RDONLY
    with resolve(root.fd, path, follow=True) as place:
        return OpenFile(os.open(place.name, mode | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=place.directory))


class DirectoryEntries:
    """The resource `directory-entry-stream`: sorted by name, so that the order does not depend on the disk."""

    resource_kind = "directory-entry-stream"

    def __init__(self, entries: list[list[str]]) -> None:
        self.entries = entries
        self._rest = [{"name": name, "type": kind} for name, kind in reversed(entries)]

    @staticmethod
    def of(fd: int) -> DirectoryEntries:
        with os.scandir(fd) as found:
            entries = sorted([entry.name, type_of(entry.stat(follow_symlinks=False).st_mode)] for entry in found)
        return DirectoryEntries(entries)

    def next(self) -> dict[str, Any] | None:
        return self._rest.pop() if self._rest else None


class FileInput(InputStream):
    """Reads a file from an offset on."""

    def __init__(self, file: OpenFile, offset: int) -> None:
        self._file = file
        self._offset = offset

    def read(self, _host: Host, length: int) -> bytes:
        if length == 0:
            return b""
        try:
            data = os.pread(self._file.fd, min(length, _LARGEST_READ), self._offset)
        except OSError as error:
            raise StreamFailed(str(error), code_of(error)) from error
        if not data:
            raise StreamClosed
        self._offset += len(data)
        return data


class FileOutput(OutputStream):
    """Writes a file from an offset on, or at its end where `offset` is None."""

    def __init__(self, file: OpenFile, offset: int | None) -> None:
        self._file = file
        self._offset = offset

    def capacity(self, _host: Host) -> int:
        return _LARGEST_READ

    def write(self, _host: Host, data: bytes) -> None:
        fd = self._file.fd
        try:
            at = os.fstat(fd).st_size if self._offset is None else self._offset
            rest = memoryview(data)
            while rest:
                written = os.pwrite(fd, rest, at)
                rest = rest[written:]
                at += written
        except OSError as error:
            raise StreamFailed(str(error), code_of(error)) from error
        if self._offset is not None:
            self._offset = at
