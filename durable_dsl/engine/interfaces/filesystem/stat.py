"""What looking at a file tells: its times, which are recorded, its size and kind, and a hash of its identity.

Replay rebuilds the private directory by repeating the guest's calls, at another time and on other inodes. So the times
that were reported are written back to the file, `now` is a recorded one, and the identity is a number that replay
assigns again. What is below a directory of this machine is recorded as a whole (`outside.py`) and taken as it is.
"""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING, Any

from durable_dsl.engine.clock import LAST
from durable_dsl.engine.grants.sandbox import resolve
from durable_dsl.engine.interfaces.clocks import datetime_of
from durable_dsl.engine.interfaces.filesystem.handles import type_of
from durable_dsl.engine.replay.durability import READ_LOCAL, durable

if TYPE_CHECKING:
    from collections.abc import Callable

    from durable_dsl.engine.interfaces.filesystem.handles import Descriptor
    from durable_dsl.engine.replay.host import Host

_SECOND = 1_000_000_000


def follows(path_flags: list[str]) -> bool:
    return "symlink-follow" in path_flags


def times_to_set(host: Host, of: Descriptor, found: os.stat_result, access: Any, modification: Any) -> tuple[int, int]:
    """The two times to set. In the private directory `now` is a recorded one, or replay would set others."""

    def chosen(wanted: Any, present: int) -> int:
        if wanted == "no-change":
            return present
        if wanted == "now":
            return _clock(host) if of.mount is not None else _now(host)
        moment = wanted["timestamp"]
        return min(int(moment["seconds"]) * _SECOND + int(moment["nanoseconds"]), LAST)

    return chosen(access, found.st_atime_ns), chosen(modification, found.st_mtime_ns)


def _clock(host: Host) -> int:
    return host.clock.now()


_now = durable(_clock, "filesystem::types::descriptor::set_times", READ_LOCAL)


def _recorded_times(stored_name: str) -> Callable[[Host, os.stat_result, Callable[[tuple[int, int]], None]], list[int]]:
    """The recorded access and modification time of a file just looked at; replay writes them back with `restore`."""

    def perform(_host: Host, found: os.stat_result, _restore: object) -> list[int]:
        return [found.st_atime_ns, found.st_mtime_ns]

    def finish(_host: Host, times: list[int], found: os.stat_result, restore: Callable[..., None]) -> list[int]:
        if times != [found.st_atime_ns, found.st_mtime_ns]:
            restore((times[0], times[1]))
        return times

    return durable(perform, stored_name, READ_LOCAL, request=lambda *_: None, finish=finish)


_stat_times = _recorded_times("filesystem::types::descriptor::stat")
_stat_at_times = _recorded_times("filesystem::types::descriptor::stat_at")


def look_at(host: Host, descriptor: Descriptor) -> tuple[os.stat_result, list[int]]:
    found = os.fstat(descriptor.fd)
    if descriptor.mount is not None:
        return found, [found.st_atime_ns, found.st_mtime_ns]
    return found, _stat_times(host, found, lambda ns: os.utime(descriptor.fd, ns=ns))


def look_at_path(host: Host, base: Descriptor, path_flags: list[str], path: str) -> tuple[os.stat_result, list[int]]:
    with resolve(base.fd, path, follow=follows(path_flags)) as place:
        found = os.stat(place.name, dir_fd=place.directory, follow_symlinks=False)
        if base.mount is not None:
            return found, [found.st_atime_ns, found.st_mtime_ns]

        def restore(ns: tuple[int, int]) -> None:
            os.utime(place.name, ns=ns, dir_fd=place.directory, follow_symlinks=False)

        return found, _stat_at_times(host, found, restore)


def stat_record(found: os.stat_result, times: list[int]) -> dict[str, Any]:
    return {
        "type": type_of(found.st_mode),
        "link-count": found.st_nlink,
        "size": found.st_size,
        "data-access-timestamp": datetime_of(times[0]),
        "data-modification-timestamp": datetime_of(times[1]),
        "status-change-timestamp": None,
    }


def identity_hash(host: Host, found: os.stat_result, times: list[int]) -> dict[str, int]:
    """From a number that replay assigns again, not from the inode: that differs between a run and its replay."""
    identity = (host.files.identity(found), found.st_mode, found.st_size, times[1])
    digest = hashlib.blake2b(repr(identity).encode(), digest_size=16).digest()
    return {"lower": int.from_bytes(digest[:8], "little"), "upper": int.from_bytes(digest[8:], "little")}
