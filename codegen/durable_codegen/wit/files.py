"""A light reading of WIT files as text: which package they belong to, what they refer to, and where things stand.

This is no parser; wasm-tools is. It is for what has to be known before WIT can be parsed at all (Golem's official files
no longer parse, and are never given to the parser), and for the line numbers that the parsed form does not hold. Both
are by best effort: a place that is not found leaves a message without its line.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

__all__ = [
    "BINARY",
    "Places",
    "Reference",
    "find_places",
    "package_of",
    "references_in",
    "wit_files",
    "without_comments",
]

#: The endings of files that hold packages in binary form, or as text of WebAssembly.
BINARY = (".wasm", ".wat")

_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
_VERSION = r"\d+\.\d+\.\d+(?:-[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?"
_WORD = r"%?[A-Za-z][A-Za-z0-9-]*"
_PACKAGE = re.compile(rf"\bpackage\s+({_WORD}:{_WORD})(?:@({_VERSION}))?\s*[;{{]")
_REFERENCE = re.compile(rf"(?<![\w-])({_WORD}:{_WORD})/({_WORD})(?:@({_VERSION}))?")
_TOKEN = re.compile(
    rf"\b(interface|world|resource)\s+({_WORD})\s*\{{"
    rf"|\b(?:import|export)\s+({_WORD})\s*:\s*interface\s*\{{"
    rf"|\b(import|export|include|use)\s+({_WORD}(?::{_WORD}/{_WORD})?(?:@{_VERSION})?)"
    rf"|({_WORD})\s*:\s*(?:static\s+)?(?:async\s+)?func\b"
    r"|\b(constructor)\s*\("
    rf"|\b(?:record|variant|enum|flags|type|resource)\s+({_WORD})"
    r"|[{}]"
)


class Reference(NamedTuple):
    """`wasi:cli/environment@0.2.0` as it stands in a file."""

    package: str
    interface: str
    version: str


def wit_files(folder: Path) -> list[Path]:
    """The WIT files right in a folder, in the order of their names."""
    return sorted(path for path in folder.iterdir() if path.suffix == ".wit" and path.is_file())


def without_comments(text: str) -> str:
    """The text with each comment made blank, so that every line and column stays where it was."""
    return _COMMENT.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text)


def package_of(texts: Iterable[str]) -> tuple[str, str] | None:
    """Name and version of the package that files belong to; one of them that says it is enough."""
    for text in texts:
        if match := _PACKAGE.search(without_comments(text)):
            return match[1].replace("%", ""), match[2] or ""
    return None


def references_in(text: str) -> Iterator[tuple[Reference, int]]:
    """What a file refers to in other packages, with the line."""
    plain = without_comments(text)
    for match in _REFERENCE.finditer(plain):
        reference = Reference(match[1].replace("%", ""), match[2].replace("%", ""), match[3] or "")
        yield reference, plain.count("\n", 0, match.start()) + 1


@dataclass(frozen=True, slots=True)
class Places:
    """Where things are declared: `(scope, name)` with scope an interface, `interface.resource` or `world NAME`."""

    found: Mapping[tuple[str, str], tuple[str, int]]

    def of(self, scope: str, name: str) -> tuple[str | None, int | None]:
        return self.found.get((scope, name), (None, None))

    def of_prefix(self, scope: str, prefix: str) -> tuple[str | None, int | None]:
        """Of the first declaration in a scope whose name starts so."""
        for (in_scope, name), place in self.found.items():
            if in_scope == scope and name.startswith(prefix):
                return place
        return None, None


def find_places(files: Mapping[str, str]) -> Places:
    """The places in files, given as the name to show with the text."""
    found: dict[tuple[str, str], tuple[str, int]] = {}
    for file, text in files.items():
        for scope, name, line in _declarations(without_comments(text)):
            found.setdefault((scope, name), (file, line))
    return Places(found)


def _declarations(text: str) -> Iterator[tuple[str, str, int]]:
    open_scopes: list[str] = []
    line, position = 1, 0
    for match in _TOKEN.finditer(text):
        line += text.count("\n", position, match.start())
        position = match.start()
        scope = next((entry for entry in reversed(open_scopes) if entry), "")
        kind, block, inline, verb, item, function, constructor, type_name = match.groups()
        if match[0] == "{":
            open_scopes.append("")
        elif match[0] == "}":
            if open_scopes:
                open_scopes.pop()
        elif kind is not None:
            name = block.replace("%", "")
            yield scope, name, line
            entered = {"interface": name, "world": f"world {name}", "resource": f"{scope}.{name}"}[kind]
            open_scopes.append(entered)
        elif inline is not None:
            yield scope, inline.replace("%", ""), line
            open_scopes.append(inline.replace("%", ""))
        elif verb is not None:
            yield scope, item.replace("%", ""), line
        elif function is not None:
            yield scope, function.replace("%", ""), line
        elif constructor is not None:
            yield scope, "constructor", line
        elif type_name is not None:
            yield scope, type_name.replace("%", ""), line
