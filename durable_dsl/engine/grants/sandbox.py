"""A directory that guest paths cannot leave: every path is walked one component at a time, from an open directory.

`..` goes no further up than the root; a symbolic link is followed only by this walk, never by the kernel, and one that
is absolute or leads outside is refused. So neither links made by the guest nor files that change meanwhile can reach
anything else.
"""

from __future__ import annotations

import errno
import os
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from durable_dsl.temporary import give_back, made_here

if TYPE_CHECKING:
    from pathlib import Path

_MAX_LINKS = 40
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(slots=True)
class Place:
    """A resolved path: a name in an open directory ("." for the directory itself). Close it after use."""

    directory: int
    name: str

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        os.close(self.directory)


class Sandbox:
    """The private directory of one instance: empty at first, made when needed, gone when closed."""

    def __init__(self) -> None:
        self._path: Path | None = None
        self._identities: dict[tuple[int, int], int] = {}
        self._next_identity = 1

    @property
    def path(self) -> Path:
        if self._path is None:
            self._path = made_here("files-")
        return self._path

    @property
    def used(self) -> bool:
        """Whether there is anything in it."""
        return self._path is not None and any(self._path.iterdir())

    def close(self) -> None:
        if self._path is not None:
            give_back(self._path)
            self._path = None

    def identity(self, found: os.stat_result) -> int:
        """A number for a file, in the order in which the guest looked at them: the same in replay."""
        number = self._identities.setdefault((found.st_dev, found.st_ino), self._next_identity)
        self._next_identity += number == self._next_identity
        return number

    def forget(self, place: Place) -> None:
        """The file there is about to go, and the system may give its inode to another one."""
        try:
            found = os.stat(place.name, dir_fd=place.directory, follow_symlinks=False)
        except FileNotFoundError:
            return
        if found.st_nlink <= 1 or stat.S_ISDIR(found.st_mode):
            self._identities.pop((found.st_dev, found.st_ino), None)


def resolve(root: int, path: str, *, follow: bool) -> Place:
    """Find `path` below the open directory `root`. The last component need not exist; `follow` a link there or not.

    Raises OSError: EPERM for a path that leads outside, ENOENT, ENOTDIR, ELOOP as the system would.
    """
    if not path:
        raise OSError(errno.ENOENT, os.strerror(errno.ENOENT))
    if path.startswith("/") or "\0" in path:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))
    stack = [os.dup(root)]
    try:
        name = _walk(stack, path, follow=follow)
        return Place(stack.pop(), name)
    finally:
        for descriptor in stack:
            os.close(descriptor)


def _walk(stack: list[int], path: str, *, follow: bool) -> str:
    pending = [part for part in reversed(path.split("/")) if part not in {"", "."}]
    must_be_directory = path.endswith(("/", "/."))
    links = 0
    while pending:
        part = pending.pop()
        if part == "..":
            if len(stack) == 1:
                raise OSError(errno.EPERM, os.strerror(errno.EPERM))
            os.close(stack.pop())
            continue
        last = not pending
        target = _link(stack[-1], part) if follow or not last or must_be_directory else None
        if target is not None:
            links += 1
            if links > _MAX_LINKS:
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
            if target.startswith("/"):
                raise OSError(errno.EPERM, os.strerror(errno.EPERM))
            pending.extend(piece for piece in reversed(target.split("/")) if piece not in {"", "."})
            if not pending:
                break
            continue
        if last:
            return part
        stack.append(os.open(part, _DIRECTORY, dir_fd=stack[-1]))
    return "."


def _link(directory: int, name: str) -> str | None:
    """The target of `name` if it is a symbolic link."""
    try:
        if stat.S_ISLNK(os.stat(name, dir_fd=directory, follow_symlinks=False).st_mode):
            return os.readlink(name, dir_fd=directory)
    except FileNotFoundError:
        pass
    return None
