"""Loads components: one `Component` per file content, compiled once, its exports and imports known by type.

Nothing here is particular to Python components. Compiling takes seconds, so the machine code is kept in a cache
directory, under a name that says what it was made from: content hash, wasmtime version, engine configuration and a
checksum of the file itself. A file whose checksum does not match is never mapped: machine code is not checked by
wasmtime. The cache may be deleted at any time.
"""

from __future__ import annotations

import contextlib
import hashlib
import mmap
import os
import tempfile
import threading
import time
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from durable_dsl.engine import bridge_ffi as ffi
from durable_dsl.engine.bridge_errors import ComponentFault, UnknownExport
from durable_dsl.engine.bridge_types import Interface, Reflection
from durable_dsl.engine.sections import custom_section
from durable_dsl.engine.types import FunctionType, Own, Resource

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    import wasmtime
    from wasmtime import component as wc

_COMPONENT_MAGIC = b"\0asm\x0d\0\1\0"
_RUNTIME_EXPORT = "exports"  # componentize-py's own; WIT interface exports have a package in their name

_TEMPORARY = ".compiling-"
_ABANDONED = 3600  # seconds

_engines: dict[bool, wasmtime.Engine] = {}
_engines_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class Import:
    """An imported interface. `id` is as the component has it, `name` leaves the version out."""

    id: str
    name: str
    version: str
    functions: tuple[str, ...]
    resources: dict[str, Resource]
    _interface: Interface
    _reflection: Reflection

    def type_of(self, function: str) -> FunctionType:
        """The type of one of `functions`, read when asked for."""
        return self._reflection.function(self._interface, function)


@dataclass(frozen=True, slots=True)
class Export:
    """An exported function; `[drop]cart` stands for dropping a resource, which WIT has no function for."""

    name: str
    interface: str
    function: str
    type: FunctionType

    @property
    def signature(self) -> str:
        return self.type.signature(self.function)

    @property
    def dropped(self) -> Resource | None:
        """The resource that this export drops, or None."""
        if self.function.startswith("[drop]") and isinstance(kind := self.type.params[0][1], Own):
            return kind.resource
        return None


class Component:
    """A compiled component; safe to share between threads."""

    def __init__(self, path: Path, content_hash: str, raw: wc.Component, *, interruptible: bool) -> None:
        self.path = path
        self.hash = content_hash
        self.interruptible = interruptible
        self.raw = raw
        self.engine = _engine(interruptible=interruptible)
        self._indexes: dict[str, int] = {}
        self._reflection = Reflection(raw, self.engine)
        self.imports = tuple(self._import(interface) for interface in self._reflection.imports.values())
        self.exports = tuple(self._exports())

    def __repr__(self) -> str:
        return f"<Component {self.path} {self.hash[:12]}>"

    @property
    def host_resources(self) -> tuple[Resource, ...]:
        """Every resource type that the host must implement, aliases left out."""
        return self._reflection.host_resources

    def custom_section(self, name: str) -> bytes | None:
        """The contents of the first custom section of that name in the file, or None."""
        return custom_section(self.path, name)

    def resolve(self, name: str) -> Export:
        """The export meant by `place`, `orders#place`, `demo:app/orders#place`, `[method]cart.add` and the like.

        The version of an interface may be left out, and Python's underscores do for hyphens, which alone WIT has.
        Raises `UnknownExport`.
        """
        given, name = name, name.rstrip("_").replace("_", "-")
        exact = [export for export in self.exports if export.name == name]
        matches = exact or [export for export in self.exports if name in _spellings(export)]
        if len(matches) > 1:  # what the engine calls itself, as save-snapshot, is not meant by a short name
            matches = [export for export in matches if not export.interface.startswith("golem:api/")] or matches
        if len(matches) == 1:
            return matches[0]
        shown = matches or self.exports
        raise UnknownExport(given, [export.name for export in shown], ambiguous=bool(matches))

    def export_index(self, export: Export) -> int:
        """wasmtime's index of an exported function, good for every instance."""
        index = self._indexes.get(export.name)
        if index is None:
            component = ffi.address_of(self.raw.ptr())
            outer = None
            if export.interface:
                data = export.interface.encode()
                outer = ffi.export_index(component, None, data, len(data))
            data = export.function.encode()
            index = self._indexes[export.name] = ffi.export_index(component, outer, data, len(data))
            ffi.delete_export_index(outer)
        return index

    def __del__(self) -> None:
        for index in getattr(self, "_indexes", {}).values():
            ffi.delete_export_index(index)

    def _import(self, interface: Interface) -> Import:
        name, _, version = interface.id.partition("@")
        functions = tuple(interface.functions)
        return Import(interface.id, name, version, functions, interface.resources, interface, self._reflection)

    def _exports(self) -> list[Export]:
        found = []
        for interface in self._reflection.exports.values():
            if interface.id == _RUNTIME_EXPORT:
                continue
            for function in interface.functions:
                name = f"{interface.id}#{function}" if interface.id else function
                found.append(Export(name, interface.id, function, self._reflection.function(interface, function)))
            for short, resource in interface.resources.items():
                if (resource.interface, resource.name, resource.host) == (interface.id, short, False):
                    function = f"[drop]{short}"
                    name = f"{interface.id}#{function}" if interface.id else function
                    kind = FunctionType((("self", Own(resource)),), None)
                    found.append(Export(name, interface.id, function, kind))
        return found


def load(
    path: str | os.PathLike[str],
    cache_dir: str | os.PathLike[str] | None,
    *,
    interruptible: bool = False,
    while_compiling: Callable[[Path], AbstractContextManager[object]] | None = None,
    content_hash: str | None = None,
) -> Component:
    """Reads, compiles (or takes from the cache) and describes a component.

    Whoever knows the `content_hash` gives it: the file is then read only to be compiled.

    `interruptible` costs about a fifth of the guest's speed and lets `Instance.interrupt` stop a guest that makes no
    host calls. `while_compiling` is entered around the seconds that compiling takes, to show progress. Raises
    `ComponentFault`; `OSError` where the file cannot be read.
    """
    path = Path(path)
    content_hash = content_hash or hashlib.sha256(path.read_bytes()).hexdigest()
    engine = _engine(interruptible=interruptible)
    waiting = while_compiling or (lambda _path: contextlib.nullcontext())

    def compile_now() -> wc.Component:
        with waiting(path):
            return _compile(path, path.read_bytes(), engine)

    if cache_dir is None:
        raw = compile_now()
    else:
        key = f"{content_hash}-{ffi.WASMTIME_VERSION}-{'epoch' if interruptible else 'plain'}"
        raw = _cached(Path(cache_dir), key, engine, compile_now)
    return Component(path, content_hash, raw, interruptible=interruptible)


def _engine(*, interruptible: bool) -> wasmtime.Engine:
    """The process's engine of that configuration; compiled code belongs to one engine."""
    with _engines_lock:
        engine = _engines.get(interruptible)
        if engine is None:
            engine = _engines[interruptible] = ffi.new_engine(epoch_interruption=interruptible)
        return engine


def _compile(path: Path, content: bytes, engine: wasmtime.Engine) -> wc.Component:
    if content[:4] == _COMPONENT_MAGIC[:4] and content[:8] != _COMPONENT_MAGIC:
        raise ComponentFault(
            f"{path} is a core WebAssembly module, not a component; `durable-dsl build` makes components"
        )
    try:
        return ffi.compile_component(engine, content)
    except (ffi.Refusal, UnicodeDecodeError) as error:
        raise ComponentFault(f"{path} is not a component that can be compiled: {error}") from error


def _cached(
    directory: Path, key: str, engine: wasmtime.Engine, compile_now: Callable[[], wc.Component]
) -> wc.Component:
    """The compiled component from the cache, which is filled or repaired on the way."""
    for file in sorted(directory.glob(f"{key}-*.cwasm")):
        found = _mapped(file, engine)
        if found is not None:
            return found
        with contextlib.suppress(OSError):  # a read-only cache keeps its damaged file, which is skipped again
            file.unlink()
    compiled = compile_now()
    stored = _store(directory, key, compiled)
    # Mapped from the file, instances share the pages that they do not write.
    return (None if stored is None else _mapped(stored, engine)) or compiled


def _mapped(file: Path, engine: wasmtime.Engine) -> wc.Component | None:
    try:
        with file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as data:
            checksum = zlib.crc32(data)
    except (OSError, ValueError):  # unreadable, or empty
        return None
    if not file.name.endswith(f"-{checksum:08x}.cwasm"):
        return None
    try:
        return ffi.deserialize_component(engine, file)
    except ffi.Refusal:  # made for another processor
        return None


def _store(directory: Path, key: str, compiled: wc.Component) -> Path | None:
    """Writes the cache file whole or not at all; None where the cache cannot be written."""
    data = compiled.serialize()
    target = directory / f"{key}-{zlib.crc32(data):08x}.cwasm"
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for left in directory.glob(f"{_TEMPORARY}*"):  # by a process that was killed
            if time.time() - left.stat().st_mtime > _ABANDONED:
                left.unlink(missing_ok=True)
        handle, temporary = tempfile.mkstemp(dir=directory, prefix=_TEMPORARY)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
            Path(temporary).replace(target)
        except BaseException:
            Path(temporary).unlink()
            raise
    except OSError:
        return None
    return target


def _spellings(export: Export) -> set[str]:
    """Every shorter way to write an export's name."""
    unversioned = export.interface.partition("@")[0]
    short = unversioned.rpartition("/")[2]
    return {export.function} | {f"{prefix}#{export.function}" for prefix in (unversioned, short) if prefix}
