"""What is kept for the user across data directories, and may be deleted at any time: compiled components, their hashes.

Reading a component only to find its hash would be a good part of a command's start-up time, so the hash is remembered
with the file's identity: device, inode, size, and times of change.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from pathlib import Path


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
    memo = _memo(path)
    temporary = memo.with_suffix(f".{os.getpid()}")
    with contextlib.suppress(OSError):
        memo.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(json.dumps({"file": _identity(path), "hash": content_hash}))
        temporary.replace(memo)


def _identity(path: Path) -> list[int]:
    found = path.stat()
    return [found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns]


def _memo(path: Path) -> Path:
    name = hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:32]
    return user_cache() / "hashes" / f"{name}.json"
