"""Loads components: one `Component` per file content, compiled once, its exports and imports known by type.

Nothing here is particular to Python components. Compiling takes seconds, so the machine code is kept in a cache
directory, under a name that says what it was made from: content hash, wasmtime version, engine configuration and a
checksum of the file itself. A file whose checksum does not match is never mapped: machine code is not checked by
wasmtime. Nor is one that others than the user could have written. The cache may be deleted at any time.
"""

from __future__ import annotations

import contextlib
import json
import mmap
import os
import threading
import zlib
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from durable_dsl.engine.bridge import ffi
from durable_dsl.engine.bridge.interrupts import undisturbed
from durable_dsl.engine.bridge.reflection import Interface, Reflection
from durable_dsl.engine.directory.cache import is_own, tidy, used
from durable_dsl.engine.directory.component_file import ComponentFile
from durable_dsl.engine.traps import ComponentFault, UnknownExport
from durable_dsl.engine.whole_files import write_whole
from durable_dsl.engine.wit.exports import Export, Import
from durable_dsl.engine.wit.function_names import spellings
from durable_dsl.engine.wit.types import FunctionType, Own, Resource

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager

    import wasmtime
    from wasmtime import component as wc

_COMPONENT_MAGIC = b"\0asm\x0d\0\1\0"
#: In what wasmtime says of components that are not of WASI 0.2.
_ASYNC = "component model async feature"
_RUNTIME_EXPORT = "exports"  # componentize-py's own; WIT interface exports have a package in their name

#: Set to "quick", components are compiled in less than half of the time, to code of half the speed: for tests.
_COMPILE = "DURABLE_DSL_COMPILE"

_engines: dict[str, wasmtime.Engine] = {}
_engines_lock = threading.Lock()


class Component:
    """A compiled component; safe to share between threads."""

    def __init__(self, file: ComponentFile, raw: wc.Component, engine: wasmtime.Engine, *, interruptible: bool) -> None:
        self.path = file.path
        self.hash = file.hash
        self.size = file.size
        self._facts = file.facts
        self.interruptible = interruptible
        self.raw = raw
        self.engine = engine
        self._indexes: dict[str, int] = {}
        self._reflection = Reflection(raw, engine)
        self.imports = tuple(self._import(interface) for interface in self._reflection.imports.values())
        about = (self.facts or {}).get("arguments", {})
        self._reflection.aliases = about.get("aliases", {})
        self._reflection.fields = about.get("fields", {})
        self.exports = tuple(self._exports(about.get("defaults", {})))

    def __repr__(self) -> str:
        return f"<Component {self.path} {self.hash[:12]}>"

    @property
    def host_resources(self) -> tuple[Resource, ...]:
        """Every resource type that the host must implement, aliases left out."""
        return self._reflection.host_resources

    @cached_property
    def facts(self) -> dict[str, Any] | None:
        """What `durable-dsl build` wrote into the file; None for a foreign component."""
        facts = None if self._facts is None else json.loads(self._facts)
        return facts if isinstance(facts, dict) and facts.get("format") == 1 else None

    def resolve(self, name: str) -> Export:
        """The export meant by `place`, `orders#place`, `demo:app/orders#place`, `[method]cart.add` and the like.

        The version of an interface may be left out, and Python's underscores do for hyphens, which alone WIT has.
        Golem's form is understood too: `demo:app/orders.{place}`. Raises `UnknownExport`.
        """
        given, matches = name, list[Export]()
        for each in spellings(name):
            name = each.rstrip("_").replace("_", "-")
            matches = [export for export in self.exports if export.name == name]
            matches = matches or [export for export in self.exports if name in _spellings(export)]
            if matches:
                break
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
        type_of = partial(self._reflection.function, interface)
        return Import(interface.id, name, version, functions, interface.resources, type_of)

    def _exports(self, defaults: Mapping[str, Mapping[str, Any]]) -> list[Export]:
        found = []
        for interface in self._reflection.exports.values():
            if interface.id == _RUNTIME_EXPORT:
                continue
            for function in interface.functions:
                name = f"{interface.id}#{function}" if interface.id else function
                kind = self._reflection.function(interface, function)
                found.append(Export(name, interface.id, function, kind, defaults=defaults.get(name, {})))
            for short, resource in interface.resources.items():
                if (resource.interface, resource.name, resource.host) == (interface.id, short, False):
                    function = f"[drop]{short}"
                    name = f"{interface.id}#{function}" if interface.id else function
                    kind = FunctionType((("self", Own(resource)),), None)
                    found.append(Export(name, interface.id, function, kind))
        return found


def load(
    path: str | os.PathLike[str] | ComponentFile,
    cache_dir: str | os.PathLike[str] | None,
    *,
    interruptible: bool = False,
    while_compiling: Callable[[Path], AbstractContextManager[object]] | None = None,
) -> Component:
    """Reads, compiles (or takes from the cache) and describes a component.

    Who has the `ComponentFile` gives it: it is then read only to be compiled, and ChangedFile is raised where it is
    another one by then.

    `interruptible` costs about a fifth of the guest's speed and lets `Instance.interrupt` stop a guest that makes no
    host calls. `while_compiling` is entered around the seconds that compiling takes, to show progress. Raises
    `ComponentFault`; `OSError` where the file cannot be read.
    """
    file = path if isinstance(path, ComponentFile) else ComponentFile.read(Path(path))
    kind = ("epoch" if interruptible else "plain") + ("_quick" if os.environ.get(_COMPILE) == "quick" else "")
    engine = _engine(kind)
    waiting = while_compiling or (lambda _path: contextlib.nullcontext())

    def compile_now() -> wc.Component:
        content = file.content()
        with waiting(file.path):
            return _compile(file.path, content, engine)

    if cache_dir is None:
        raw = compile_now()
    else:
        key = f"{file.hash}-{ffi.WASMTIME_VERSION}-{kind}"
        raw = _cached(Path(cache_dir), key, engine, compile_now)
    with undisturbed():
        return Component(file, raw, engine, interruptible=interruptible)


def _engine(kind: str) -> wasmtime.Engine:
    """The process's engine of that configuration; compiled code belongs to one engine."""
    with _engines_lock:
        engine = _engines.get(kind)
        if engine is None:
            interruptible, quick = kind.startswith("epoch"), kind.endswith("_quick")
            engine = _engines[kind] = ffi.new_engine(epoch_interruption=interruptible, quick=quick)
        return engine


def _compile(path: Path, content: bytes, engine: wasmtime.Engine) -> wc.Component:
    if content[:4] == _COMPONENT_MAGIC[:4] and content[:8] != _COMPONENT_MAGIC:
        raise ComponentFault(
            f"{path} is a core WebAssembly module, not a component; `durable-dsl build` makes components of Python, "
            "`wasm-tools component embed` and `component new` make one of a module"
        )
    try:
        return ffi.compile_component(engine, content)
    except (ffi.Refusal, UnicodeDecodeError) as error:
        if _ASYNC in str(error):
            raise ComponentFault(
                f"{path} makes asynchronous calls as WASI 0.3 has them; this engine runs components of WASI 0.2. Build "
                "it for that: with `func` instead of `async func` in its WIT, and its tool's option for synchronous "
                "calls, as componentize-qjs's --sync"
            ) from error
        raise ComponentFault(f"{path} is not a component that can be compiled: {error}") from error


def _cached(
    directory: Path, key: str, engine: wasmtime.Engine, compile_now: Callable[[], wc.Component]
) -> wc.Component:
    """The compiled component from the cache, which is filled or repaired on the way."""
    for file in sorted(directory.glob(f"{key}-*.cwasm")) if is_own(directory) else ():
        if not is_own(file):
            continue
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
        found = ffi.deserialize_component(engine, file)
    except ffi.Refusal:  # made for another processor
        return None
    used(file)
    return found


def _store(directory: Path, key: str, compiled: wc.Component) -> Path | None:
    """Writes the cache file whole or not at all; None where the cache cannot be written."""
    data = compiled.serialize()
    target = directory / f"{key}-{zlib.crc32(data):08x}.cwasm"
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not is_own(directory):
            return None
        write_whole(target, lambda file: file.write(data))
    except OSError:
        return None
    tidy(directory, "*.cwasm")
    return target


def _spellings(export: Export) -> set[str]:
    """Every shorter way to write an export's name."""
    unversioned = export.interface.partition("@")[0]
    short = unversioned.rpartition("/")[2]
    return {export.function} | {f"{prefix}#{export.function}" for prefix in (unversioned, short) if prefix}
