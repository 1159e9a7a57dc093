"""wasi:filesystem over the worker's private directory, which is empty when an instance starts.

All operations are performed in replay too, which rebuilds the contents. Only the times that `stat` reports are
recorded: replay writes them back to the file, so that a file looks the same before and after a restart. Directories of
this machine (`--dir`) are the world outside: every operation there is recorded (`outside.py`).
"""

from __future__ import annotations

import errno
import os
import stat as modes
from typing import TYPE_CHECKING, Any

from durable_dsl.engine.grants.sandbox import resolve
from durable_dsl.engine.interfaces.filesystem.handles import (
    UNTOUCHED,
    Descriptor,
    DirectoryEntries,
    FileInput,
    FileOutput,
    OpenFile,
    code_of,
    type_of,
)
from durable_dsl.engine.interfaces.filesystem.outside import OutsideInput, OutsideOutput, opened_outside, outside_call
from durable_dsl.engine.interfaces.filesystem.stat import (
    follows,
    identity_hash,
    look_at,
    look_at_path,
    stat_record,
    times_to_set,
)
from durable_dsl.engine.interfaces.interface import Interface
from durable_dsl.engine.replay.durability import READ_REMOTE, WRITE_REMOTE

if TYPE_CHECKING:
    from collections.abc import Callable

    from durable_dsl.engine.interfaces.streams import IoError
    from durable_dsl.engine.oplog.entries import FunctionType
    from durable_dsl.engine.replay.host import Host

types = Interface("wasi:filesystem/types")
preopens = Interface("wasi:filesystem/preopens")
INTERFACES = (types, preopens)

Outcome = dict[str, Any]
_ALL = ["read", "write", "mutate-directory"]
_READS = ["read"]


@preopens.plain("get-directories")
def get_directories(host: Host) -> list[tuple[Descriptor, str]]:
    """Not recorded, for the answer is always the same. (Python looks for source files when it prints the traceback of
    a failure; a recorded call there would be one that a fixed build does not make.)
    """
    file = OpenFile(os.open(host.files.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | UNTOUCHED))
    mounts = host.worker.permissions.granted.mounts
    return [
        *((Descriptor(file, _ALL), name) for name in ("/", ".")),
        *((Descriptor(None, _READS if mount.read_only else _ALL, mount), mount.guest) for mount in mounts),
    ]


def _operation(
    function: str, effect: FunctionType = READ_REMOTE, *, makes: Callable[..., Any] | None = None
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Declare `[method]descriptor.function`: what it returns is the ok value, an OSError the err value.

    `effect` is what it does to the world outside, where the descriptor is of a directory of this machine; `makes`
    gives the handle that it returns, from what is recorded of it and the arguments.
    """

    def declare(perform: Callable[..., Any]) -> Callable[..., Any]:
        outside = outside_call(perform, function, effect, makes)

        def call(host: Host, descriptor: Descriptor, *arguments: Any) -> Outcome:
            if descriptor.mount is not None:
                return outside(host, descriptor, *arguments)  # type: ignore[no-any-return]
            try:
                return {"ok": perform(host, descriptor, *arguments)}
            except OSError as error:
                return {"err": code_of(error)}

        types.functions[f"[method]descriptor.{function}"] = call
        return perform

    return declare


# Open files


@_operation("read-via-stream", makes=lambda _, descriptor, offset: OutsideInput(descriptor, offset))
def read_via_stream(_host: Host, descriptor: Descriptor, offset: int) -> FileInput:
    file = _readable(descriptor)
    if modes.S_ISDIR(os.fstat(file.fd).st_mode):  # refused here, where the code can be told; a stream's error has none
        raise OSError(errno.EISDIR, os.strerror(errno.EISDIR))
    return FileInput(file, offset)


@_operation("write-via-stream", makes=lambda _, descriptor, offset: OutsideOutput(descriptor, offset))
def write_via_stream(_host: Host, descriptor: Descriptor, offset: int) -> FileOutput:
    return FileOutput(_writable(descriptor), offset)


@_operation("append-via-stream", makes=lambda _, descriptor: OutsideOutput(descriptor, None))
def append_via_stream(_host: Host, descriptor: Descriptor) -> FileOutput:
    return FileOutput(_writable(descriptor), None)


@_operation("advise")
def advise(_host: Host, _descriptor: Descriptor, _offset: int, _length: int, _advice: str) -> None:
    return None


@_operation("sync")
@_operation("sync-data")
def sync(_host: Host, _descriptor: Descriptor) -> None:
    """Nothing to do: the directory is rebuilt from the oplog, never read again from the disk."""


@_operation("get-flags")
def get_flags(_host: Host, descriptor: Descriptor) -> list[str]:
    return descriptor.flags


@_operation("get-type")
def get_type(_host: Host, descriptor: Descriptor) -> str:
    return type_of(os.fstat(descriptor.fd).st_mode)


@_operation("set-size", WRITE_REMOTE)
def set_size(_host: Host, descriptor: Descriptor, size: int) -> None:
    os.ftruncate(_writable(descriptor).fd, size)


@_operation("read")
def read(_host: Host, descriptor: Descriptor, length: int, offset: int) -> tuple[bytes, bool]:
    data = os.pread(_readable(descriptor).fd, min(length, 1 << 20), offset)
    return data, not data and length > 0


@_operation("write", WRITE_REMOTE)
def write(_host: Host, descriptor: Descriptor, data: bytes, offset: int) -> int:
    return os.pwrite(_writable(descriptor).fd, data, offset)


@_operation("set-times", WRITE_REMOTE)
def set_times(host: Host, descriptor: Descriptor, access: Any, modification: Any) -> None:
    found = os.fstat(descriptor.fd)
    descriptor.check_writable()
    os.utime(descriptor.fd, ns=times_to_set(host, descriptor, found, access, modification))


def _readable(descriptor: Descriptor) -> OpenFile:
    if "read" not in descriptor.flags:
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))
    return descriptor.file


def _writable(descriptor: Descriptor) -> OpenFile:
    descriptor.check_writable()
    if "write" not in descriptor.flags:
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))
    return descriptor.file


# Paths


@_operation("open-at", makes=opened_outside, effect=WRITE_REMOTE)
def open_at(
    _host: Host, base: Descriptor, path_flags: list[str], path: str, open_flags: list[str], flags: list[str]
) -> Descriptor:
    writes = "write" in flags
    if writes or {"create", "truncate"} & set(open_flags):
        base.check_writable()
    mode = os.O_RDWR if writes and "read" in flags else os.O_WRONLY if writes else os.O_RDONLY
    for name, bit in (
        ("create", os.O_CREAT),
        ("exclusive", os.O_EXCL),
        ("truncate", os.O_TRUNC),
        ("directory", os.O_DIRECTORY),
    ):
        if name in open_flags:
            mode |= bit
    if path.endswith("/"):
        mode |= os.O_DIRECTORY
    if "truncate" in open_flags and not writes:
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
    follow = follows(path_flags) and "exclusive" not in open_flags
    with resolve(base.fd, path, follow=follow) as place:
        fd = os.open(place.name, mode | _opened_as(base), 0o666, dir_fd=place.directory)
    path = path if base.path == "." else f"{base.path}/{path}"
    return Descriptor(OpenFile(fd), flags, base.mount, path if base.mount is not None else ".")


def _opened_as(base: Descriptor) -> int:
    return os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | (UNTOUCHED if base.mount is None else 0)


@_operation("read-directory", makes=lambda entries, _: DirectoryEntries(entries))
def read_directory(_host: Host, descriptor: Descriptor) -> DirectoryEntries:
    return DirectoryEntries.of(descriptor.fd)


@_operation("create-directory-at", WRITE_REMOTE)
def create_directory_at(_host: Host, base: Descriptor, path: str) -> None:
    base.check_writable()
    with resolve(base.fd, path, follow=False) as place:
        os.mkdir(place.name, dir_fd=place.directory)


@_operation("remove-directory-at", WRITE_REMOTE)
def remove_directory_at(host: Host, base: Descriptor, path: str) -> None:
    base.check_writable()
    with resolve(base.fd, path, follow=False) as place:
        host.files.forget(place)
        os.rmdir(place.name, dir_fd=place.directory)


@_operation("unlink-file-at", WRITE_REMOTE)
def unlink_file_at(host: Host, base: Descriptor, path: str) -> None:
    base.check_writable()
    with resolve(base.fd, path, follow=False) as place:
        if path.endswith("/") or _is_directory(place.directory, place.name):
            raise OSError(errno.EISDIR, os.strerror(errno.EISDIR))
        host.files.forget(place)
        os.unlink(place.name, dir_fd=place.directory)


@_operation("rename-at", WRITE_REMOTE)
def rename_at(host: Host, base: Descriptor, old: str, new_base: Descriptor, new: str) -> None:
    _check_same_mount(base, new_base)
    with (
        resolve(base.fd, old, follow=False) as source,
        resolve(new_base.fd, new, follow=False) as target,
    ):
        host.files.forget(target)
        os.rename(source.name, target.name, src_dir_fd=source.directory, dst_dir_fd=target.directory)


@_operation("link-at", WRITE_REMOTE)
def link_at(_host: Host, base: Descriptor, path_flags: list[str], old: str, new_base: Descriptor, new: str) -> None:
    if follows(path_flags):
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
    _check_same_mount(base, new_base)
    with (
        resolve(base.fd, old, follow=False) as source,
        resolve(new_base.fd, new, follow=False) as target,
    ):
        os.link(
            source.name,
            target.name,
            src_dir_fd=source.directory,
            dst_dir_fd=target.directory,
            follow_symlinks=False,
        )


@_operation("symlink-at", WRITE_REMOTE)
def symlink_at(_host: Host, base: Descriptor, target: str, path: str) -> None:
    base.check_writable()
    if target.startswith("/"):
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))
    with resolve(base.fd, path, follow=False) as place:
        os.symlink(target, place.name, dir_fd=place.directory)


@_operation("readlink-at")
def readlink_at(_host: Host, base: Descriptor, path: str) -> str:
    with resolve(base.fd, path, follow=False) as place:
        return os.readlink(place.name, dir_fd=place.directory)


@_operation("set-times-at", WRITE_REMOTE)
def set_times_at(
    host: Host, base: Descriptor, path_flags: list[str], path: str, access: Any, modification: Any
) -> None:
    with resolve(base.fd, path, follow=follows(path_flags)) as place:
        found = os.stat(place.name, dir_fd=place.directory, follow_symlinks=False)
        base.check_writable()
        os.utime(
            place.name,
            ns=times_to_set(host, base, found, access, modification),
            dir_fd=place.directory,
            follow_symlinks=False,
        )


def _check_same_mount(one: Descriptor, other: Descriptor) -> None:
    one.check_writable()
    if one.mount != other.mount:
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))


def _is_directory(directory: int, name: str) -> bool:
    return modes.S_ISDIR(os.stat(name, dir_fd=directory, follow_symlinks=False).st_mode)


# Metadata


@_operation("stat")
def stat(host: Host, descriptor: Descriptor) -> dict[str, Any]:
    return stat_record(*look_at(host, descriptor))


@_operation("stat-at")
def stat_at(host: Host, base: Descriptor, path_flags: list[str], path: str) -> dict[str, Any]:
    return stat_record(*look_at_path(host, base, path_flags, path))


@_operation("metadata-hash")
def metadata_hash(host: Host, descriptor: Descriptor) -> dict[str, int]:
    return identity_hash(host, *look_at(host, descriptor))


@_operation("metadata-hash-at")
def metadata_hash_at(host: Host, base: Descriptor, path_flags: list[str], path: str) -> dict[str, int]:
    return identity_hash(host, *look_at_path(host, base, path_flags, path))


@types.plain("[method]descriptor.is-same-object")
def is_same_object(_host: Host, one: Descriptor, other: Descriptor) -> bool:
    if one.mount is not None or other.mount is not None:  # by name: nothing is opened there for the asking
        return (one.mount, one.path) == (other.mount, other.path)
    return os.path.sameopenfile(one.fd, other.fd)


@types.plain("[method]directory-entry-stream.read-directory-entry")
def read_directory_entry(_host: Host, entries: DirectoryEntries) -> Outcome:
    return {"ok": entries.next()}


@types.plain("filesystem-error-code")
def filesystem_error_code(_host: Host, error: IoError) -> str | None:
    return error.code
