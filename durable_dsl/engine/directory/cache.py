"""What is kept for the user across data directories, and may be deleted at any time: compiled components, and what
component files hold.

That is remembered with a file's identity: device, inode, size, and times of change.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import stat
import time
import zlib
from pathlib import Path

from durable_dsl.engine.whole_files import write_whole

#: How much of a cache is kept, in bytes, besides what was used within a day. A compiled component has about 35 MB.
KEPT = 2 << 30
_HASHES_KEPT = 8 << 20
#: How exact the times of files are: of those that have parts of a second, and of others.
_FINE_NS, _COARSE_NS = 50_000_000, 2_000_000_000
_RECENT = 24 * 3600.0
_EXACT = 3600.0


def user_cache() -> Path:
    """Where it is; a relative path there is to be ignored (XDG Base Directory Specification)."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base and Path(base).is_absolute() else Path.home() / ".cache") / "durable-dsl"


def remembered(path: Path) -> tuple[str, int, bytes | None] | None:
    """Hash, size and facts of a component's file, if they are known and the file was not touched since."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
        told = _memo(path).read_text()
        crc, _, known = told.partition(" ")
        if int(crc) != zlib.crc32(known.encode()):
            return None
        members = json.loads(known)
        if members["file"] == identity(path.stat()):
            facts = members["facts"]
            return str(members["hash"]), int(members["size"]), None if facts is None else facts.encode()
    return None


def remember(path: Path, identified: list[int], known: tuple[str, int, bytes | None]) -> None:
    """Remember what a file holds that was read while it was `identified` so.

    Not of a file that was changed just now: it may be changed again without its time being another one. Best effort: a
    cache that cannot be written only costs time.
    """
    *_, modified, changed = identified
    coarse = modified % 1_000_000_000 == 0 == changed % 1_000_000_000
    if time.time_ns() - max(modified, changed) < (_COARSE_NS if coarse else _FINE_NS):
        return
    content_hash, size, facts = known
    with contextlib.suppress(OSError, UnicodeDecodeError):
        text = None if facts is None else facts.decode()
        told = json.dumps({"file": identified, "hash": content_hash, "size": size, "facts": text})
        memo = f"{zlib.crc32(told.encode())} {told}".encode()
        write_whole(_memo(path), lambda file: file.write(memo))
        tidy(_memo(path).parent, "*.json", _HASHES_KEPT)


def forget(path: Path) -> None:
    """What is remembered of a file is wrong."""
    with contextlib.suppress(OSError):
        _memo(path).unlink()


def is_own(path: Path) -> bool:
    """Whether a file or directory is this user's, and nobody else can write to it.

    A directory of this user's that others could write to is closed to them. Machine code is not checked by anybody.
    """
    try:
        found = path.stat()
        if found.st_uid != os.geteuid():
            return False
        if found.st_mode & 0o022 and stat.S_ISDIR(found.st_mode):
            path.chmod(stat.S_IMODE(found.st_mode) & ~0o022)
            return True
        return not found.st_mode & 0o022
    except OSError:
        return False


def used(file: Path) -> None:
    """Note that a cached file is in use, to the hour: `tidy` goes by its time."""
    with contextlib.suppress(OSError):
        if time.time() - file.stat().st_mtime > _EXACT:
            os.utime(file)


def tidy(directory: Path, pattern: str, kept: int = KEPT) -> None:
    """Remove the files that were not used for longest, down to `kept` bytes; none that was used within a day.

    A file that another process has mapped stays there for it.
    """
    found = []
    for file in directory.glob(pattern):
        with contextlib.suppress(OSError):  # removed by another process
            stat = file.stat()
            found.append((stat.st_mtime, stat.st_size, file))
    total = sum(size for _, size, _ in found)
    for last_used, size, file in sorted(found):
        if total <= kept or time.time() - last_used < _RECENT:
            return
        with contextlib.suppress(OSError):
            file.unlink()
            total -= size


def identity(found: os.stat_result) -> list[int]:
    """What tells a file from another one, and from itself before a change."""
    return [found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns]


def _memo(path: Path) -> Path:
    name = hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:32]
    return user_cache() / "hashes" / f"{name}.json"
