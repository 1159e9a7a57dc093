"""What is kept for the user across data directories, and may be deleted at any time: compiled components, their hashes.

Reading a component only to find its hash would be a good part of a command's start-up time, so the hash is remembered
with the file's identity: device, inode, size, and times of change.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
from pathlib import Path

from durable_dsl.engine.whole_files import write_whole

#: How much of a cache is kept, in bytes, besides what was used within a day. A compiled component has about 35 MB.
KEPT = 2 << 30
_HASHES_KEPT = 1 << 20
_RECENT = 24 * 3600.0
_EXACT = 3600.0


def user_cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "durable-dsl"


def remembered_hash(path: Path) -> str | None:
    """The SHA-256 of a file's content, if it is known and the file was not touched since."""
    with contextlib.suppress(OSError, ValueError):
        known = json.loads(_memo(path).read_text())
        if known["file"] == _identity(path):
            return str(known["hash"])
    return None


def remember_hash(path: Path, content_hash: str) -> None:
    """Best effort: a cache that cannot be written only costs time."""
    known = json.dumps({"file": _identity(path), "hash": content_hash}).encode()
    with contextlib.suppress(OSError):
        write_whole(_memo(path), lambda file: file.write(known))
        tidy(_memo(path).parent, "*.json", _HASHES_KEPT)


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


def _identity(path: Path) -> list[int]:
    found = path.stat()
    return [found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns]


def _memo(path: Path) -> Path:
    name = hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:32]
    return user_cache() / "hashes" / f"{name}.json"
