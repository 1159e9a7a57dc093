"""Names under which existing code knows the bindings, kept alive as small modules that hand on the same objects.

componentize-py has moved things over the years, and projects name the world module as they like: `py_example` (the
world's name), `pack_name` (the package's), `bindings.component_name` (a folder that bindings were written to), with
`types` inside of it for what is `componentize_py_types` today. An app says by its imports which of these it knows; the
modules written here answer them. What is asked for below another prefix becomes a package of files that star-import
the real modules, so that editors follow it as well. What is asked for below the real world module cannot be a file in
the guest, where that package is componentize-py's: one module, which the wrapper imports before the app, puts those
names in place.

Interfaces that were in the user's world only because Golem's official WIT drags them in are empty modules: they can be
imported, and say what to do when something of them is needed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from durable_codegen.project.config import DEFAULT_WORLD_MODULE
from durable_codegen.source.names import InterfaceId, camel, interface_modules, python_name, snake

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from pathlib import Path

    from durable_codegen.world.compose import Composed
    from durable_codegen.world.model import World

__all__ = ["PRELOAD", "find_aliases", "write_alias_packages", "write_preload", "write_stub_aliases"]

#: The module that puts names in place below the real world module.
PRELOAD = "durable_aliases"

_HEADER = "# Written by durable-dsl: another name for what is in {source}.\n"
_TYPES = "componentize_py_types"
#: What componentize-py's own event loop imports by these names.
_POLL_LOOP = tuple(
    f"{DEFAULT_WORLD_MODULE}.imports.{name}" for name in ("outgoing_handler", "poll", "streams", "types")
)


@dataclass(frozen=True, slots=True)
class _Source:
    """What a module's name stands for: a real module, or an interface that is not imported."""

    module: str | None
    interface: str = ""
    #: Further names, for objects of the module.
    renamed: tuple[tuple[str, str], ...] = ()


def find_aliases(
    imported: Iterable[str],
    world: World,
    *,
    world_module: str,
    local: Collection[str] = (),
    also: str | None = None,
) -> list[str]:
    """The names among an app's imports that the bindings have to answer, and that are not names of their own.

    `imported` are dotted names, of modules and of what is imported from them. `local` are the top-level modules of the
    app and its vendored packages, without bindings that an earlier tool left there. `also` is a name for the whole,
    whether it is imported or not.
    """
    roots = {snake(world.name), snake(world.package.replace(":", "-")), DEFAULT_WORLD_MODULE, world_module}
    found = {also} if also is not None else set[str]()
    for name in imported:
        if name == "poll_loop":
            found.update(_POLL_LOOP)
            continue
        parts = name.split(".")
        depth = next((index for index, part in enumerate(parts[:2]) if part in roots), None)
        if also is not None and f"{name}.".startswith(f"{also}."):
            depth = also.count(".")
        if depth is None or parts[0] in local:
            continue
        prefix, rest = parts[: depth + 1], parts[depth + 1 :]
        known = rest[:2] if rest[:1] in (["imports"], ["exports"]) else rest[:1] if rest[:1] == ["types"] else []
        found.add(".".join([*prefix, *known]))
    return sorted(found)


def write_alias_packages(composed: Composed, aliases: Iterable[str], into: Path) -> None:
    """The packages for all prefixes but the real world module."""
    for prefix, asked in _by_prefix(composed, aliases).items():
        if prefix != composed.world_module:
            table = {**_mirror(composed, prefix), **_moved(composed, asked)}
            for name, source in table.items():
                _write(into, prefix, name, _text(source), is_package=name in {"", "imports", "exports"})


def write_stub_aliases(composed: Composed, aliases: Iterable[str], bindings: Path) -> None:
    """What the guest gets from `PRELOAD`, as files and lines in the bindings for editors and for the scan."""
    for name, source in _in_real_module(composed, aliases).items():
        if name == "exports":
            init = bindings.joinpath(*composed.world_module.split("."), "exports", "__init__.py")
            lines = "".join(f"{new} = {old}\n" for new, old in source.renamed)
            init.write_text(f"{init.read_text(encoding='utf-8')}\n{lines}", encoding="utf-8")
        else:
            _write(bindings, composed.world_module, name, _text(source), is_package=False)


def write_preload(composed: Composed, aliases: Iterable[str], into: Path) -> str | None:
    """The module that the wrapper has to import before the app, if one is needed; its name."""
    table = _in_real_module(composed, aliases)
    if not table:
        return None
    real = composed.world_module
    imports, lines = set[str](), list[str]()
    folder = into / PRELOAD
    folder.mkdir(parents=True, exist_ok=True)
    for name, source in sorted(table.items()):
        if name == "exports":
            imports.add(f"import {real}.exports")
            lines += [f"{real}.exports.{new} = {real}.exports.{old}" for new, old in source.renamed]
            continue
        module = source.module
        if module is None:
            module = f"{PRELOAD}.{name.replace('.', '_')}"
            (folder / f"{name.replace('.', '_')}.py").write_text(_text(source), encoding="utf-8")
        imports |= {f"import {module}", f"import {f'{real}.{name}'.rpartition('.')[0]}"}
        lines.append(f'{real}.{name} = sys.modules["{real}.{name}"] = {module}')
    text = '"""Written by durable-dsl: names of the bindings that this app knows and componentize-py has moved."""\n\n'
    text += "\n".join(["import sys", "", *sorted(imports), "", *lines, ""])
    (folder / "__init__.py").write_text(text, encoding="utf-8")
    return PRELOAD


def _by_prefix(composed: Composed, aliases: Iterable[str]) -> dict[str, set[str]]:
    """The names asked for, below each prefix."""
    found: dict[str, set[str]] = {}
    for alias in sorted(aliases):
        parts = alias.split(".")
        depth = next((index for index, part in enumerate(parts) if part in {"imports", "exports", "types"}), len(parts))
        # The real module may itself have dots, and its last part may be one of these words.
        if alias == composed.world_module or alias.startswith(f"{composed.world_module}."):
            depth = composed.world_module.count(".") + 1
        found.setdefault(".".join(parts[:depth]), set()).add(".".join(parts[depth:]))
    return found


def _mirror(composed: Composed, prefix: str) -> dict[str, _Source]:
    """Everything in the real world module, by the same names; exports by those that they have in the user's world."""
    real = composed.world_module
    own_class = camel(prefix.rpartition(".")[2])
    renamed = () if own_class == composed.world_class else ((own_class, composed.world_class),)
    table = {"": _Source(real, renamed=renamed), "types": _Source(_TYPES)}
    if composed.import_modules:
        table["imports"] = _Source(f"{real}.imports")
        table |= {f"imports.{name}": _Source(f"{real}.imports.{name}") for name in composed.import_modules.values()}
    if composed.export_modules:
        table["exports"] = _Source(f"{real}.exports", renamed=_renamed_classes(composed))
        table |= {
            f"exports.{name}": _Source(f"{real}.exports.{composed.export_modules[interface]}")
            for interface, name in interface_modules(composed.export_modules).items()
        }
    return table


def _in_real_module(composed: Composed, aliases: Iterable[str]) -> dict[str, _Source]:
    """What has to be added to the real world module: old names of renamed exports, and what is asked for."""
    table: dict[str, _Source] = {}
    if renamed := _renamed_classes(composed):
        table["exports"] = _Source(None, renamed=renamed)
    for interface, name in interface_modules(composed.export_modules).items():
        if (module := composed.export_modules[interface]) != name:
            table[f"exports.{name}"] = _Source(f"{composed.world_module}.exports.{module}")
    return {**table, **_moved(composed, _by_prefix(composed, aliases).get(composed.world_module, ()))}


def _renamed_classes(composed: Composed) -> tuple[tuple[str, str], ...]:
    return tuple(
        (camel(name), composed.export_class(interface))
        for interface, name in interface_modules(composed.export_modules).items()
        if name != composed.export_modules[interface]
    )


def _moved(composed: Composed, asked: Iterable[str]) -> dict[str, _Source]:
    """The names asked for that the real world module does not have, as far as they can be answered."""
    found: dict[str, _Source] = {}
    for name in sorted(asked):
        if name == "types":
            found[name] = _Source(_TYPES)
        kind, _, module = name.partition(".")
        if kind == "imports" and module and module not in composed.import_modules.values():
            source = _imported_as(composed, module) or _left_out(composed, module)
            if source is not None:
                found[name] = source
    return found


def _imported_as(composed: Composed, module: str) -> _Source | None:
    """An imported interface that some other version or setting of componentize-py calls so."""
    for interface, real in composed.import_modules.items():
        if module in _possible_names(interface):
            return _Source(f"{composed.world_module}.imports.{real}")
    return None


def _left_out(composed: Composed, module: str) -> _Source | None:
    """An interface of the user's world that is not in the component's."""
    as_users_know: Mapping[str, str] = interface_modules(composed.world.imports)
    for interface, known_as in as_users_know.items():
        if interface not in composed.import_modules and module in {known_as, *_possible_names(interface)}:
            return _Source(None, interface)
    return None


def _possible_names(interface: str) -> tuple[str, ...]:
    """Long names first: a short one may be another interface's, and wasi:http/types is the `types` of most code."""
    this = InterfaceId.parse(interface)
    long = f"{this.namespace}-{this.package}-{this.name}"
    names = [f"{long}-{this.version.replace('.', '-')}", long]
    if this.name != "types" or (this.namespace, this.package) == ("wasi", "http"):
        names.append(this.name)
    return tuple(python_name(name) for name in names)


def _text(source: _Source) -> str:
    if source.module is None:
        return _placeholder(source.interface)
    lines = [_HEADER.format(source=source.module), f"from {source.module} import *\n"]
    if source.renamed:
        names = ", ".join(sorted({old for _, old in source.renamed}))
        lines += [f"from {source.module} import {names}\n\n"]
        lines += [f"{new} = {old}\n" for new, old in source.renamed]
    return "".join(lines)


def _placeholder(interface: str) -> str:
    lines = [
        f"# Written by durable-dsl: the component does not import {interface}, because the world does not name it.",
        "",
        "",
        "def __getattr__(name):",
        '    if name.startswith("__"):',
        "        raise AttributeError(name)",
        f'    raise ImportError(f"{{name}}: write import {interface}; in the world to use it")',
        "",
    ]
    return "\n".join(lines)


def _write(into: Path, prefix: str, name: str, text: str, *, is_package: bool) -> None:
    """A module of a prefix, with the packages above it."""
    folder = into
    for part in prefix.split("."):
        folder /= part
        folder.mkdir(parents=True, exist_ok=True)
        if not (init := folder / "__init__.py").exists():
            init.write_text("", encoding="utf-8")
    *packages, last = name.split(".") if name else ["__init__"]
    folder = folder.joinpath(*packages)
    if is_package and name:
        folder, last = folder / last, "__init__"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{last}.py").write_text(text, encoding="utf-8")
