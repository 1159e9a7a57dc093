"""Is the output still what this input gives? Answered from a record beside the project, without reading the app anew.

A record holds what a build depended on: the tools, the settings, every file that was read with its size, time and
hash, the listings of the folders that were taken whole, and which top-level names the app asked for. A file whose time
changed is hashed before it counts as changed. The output itself counts by size and time.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from durable_codegen.project.config import Settings

__all__ = ["Inputs", "key_of", "load", "record_path", "save"]

_FORMAT = 1


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a build read: files, folders whose listing matters, and what names stood for (a file, a folder, nothing)."""

    files: tuple[Path, ...]
    folders: tuple[Path, ...] = ()
    names: Mapping[Path, str] = field(default_factory=dict)


def key_of(settings: Settings, tools: Mapping[str, str]) -> str:
    """A hash of what a build depends on beside its files: tools, this tool's own source, and the settings."""
    given = asdict(settings)
    given["project"] = None
    content = {"format": _FORMAT, "python": sys.version, "tools": dict(tools), "own": _own_source(), "settings": given}
    return _hash(json.dumps(content, sort_keys=True, default=str).encode())


def record_path(settings: Settings) -> Path:
    """Where the record of this output is kept."""
    place = _hash(str(settings.output).encode())[:12]
    return settings.root / ".durable" / "build" / f"{settings.name}-{place}.json"


def load(path: Path, key: str, output: Path) -> dict[str, Any] | None:
    """What was saved with the output, if nothing has changed since."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        stamp = _stamp(output)
    except (OSError, ValueError):
        return None
    if record.get("key") != key or record.get("output") != stamp:
        return None
    unchanged = (
        all(_same_file(Path(name), known) for name, known in record["files"].items())
        and all(_listing(Path(name)) == known for name, known in record["folders"].items())
        and all(_kind(Path(name)) == known for name, known in record["names"].items())
    )
    saved: dict[str, Any] | None = record["saved"] if unchanged else None
    return saved


def save(path: Path, key: str, output: Path, inputs: Inputs, saved: Mapping[str, Any]) -> None:
    """Keep a record of a build that has just written `output`."""
    record = {
        "key": key,
        "output": _stamp(output),
        "files": {str(file): [*_stamp(file), _hash(file.read_bytes())] for file in inputs.files},
        "folders": {str(folder): _listing(folder) for folder in inputs.folders},
        "names": {str(name): kind for name, kind in inputs.names.items()},
        "saved": dict(saved),
    }
    # Where the project cannot be written to, the next build is a whole one; that is no reason to fail this one.
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        keep_out = path.parents[1] / ".gitignore"
        if not keep_out.exists():
            keep_out.write_text("*\n", encoding="utf-8")
        part = path.with_suffix(".part")
        part.write_text(json.dumps(record), encoding="utf-8")
        part.replace(path)


def names_asked_for(root: Path, names: Iterable[str]) -> dict[Path, str]:
    """What the top-level names under a root stand for now."""
    return {root / name: _kind(root / name) for name in sorted(names)}


def _same_file(path: Path, known: list[Any]) -> bool:
    size, time, content = known
    try:
        stamp = _stamp(path)
        return stamp == [size, time] or (stamp[0] == size and _hash(path.read_bytes()) == content)
    except OSError:
        return False


def _listing(folder: Path) -> str:
    """The names of all source-like files below a folder, as one hash."""
    names = sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if not any(part.startswith(".") or part == "__pycache__" for part in path.relative_to(folder).parts)
    )
    return _hash("\n".join(names).encode())


def _kind(path: Path) -> str:
    if path.is_dir():
        return "folder"
    return "file" if path.with_name(f"{path.name}.py").is_file() else ""


def _stamp(path: Path) -> list[int]:
    facts = path.stat()
    return [facts.st_size, facts.st_mtime_ns]


def _own_source() -> str:
    """A stamp of this tool's source, so that a change of it counts without a new version number."""
    import importlib.util

    from durable_codegen.app.support import HOST_ONLY

    folders = [Path(__file__).parents[1]]
    spec = importlib.util.find_spec("durable_dsl")
    if spec is not None and spec.origin is not None:
        folders.append(Path(spec.origin).parent)
    stamps = [
        f"{path.relative_to(folder)} {_stamp(path)}"
        for folder in folders
        for path in sorted(folder.rglob("*"))
        if path.suffix in {".py", ".jinja", ".json", ".wit"} and path.relative_to(folder).parts[0] not in HOST_ONLY
    ]
    return _hash("\n".join(stamps).encode())


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
