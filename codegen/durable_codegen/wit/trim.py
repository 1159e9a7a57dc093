"""`golem:api/host` cut down to what a component uses.

componentize-py turns every function of an imported interface into an import, used or not, and each import is one more
thing that a server must offer. So a component imports a host of its own making: the types, which cost nothing, and the
functions in use. What a type would drag in from elsewhere (golem:rpc, wasi:clocks) is declared on the spot instead:
to the component model it is the same type.

This works on the text of our own files, whose form is known: one item after the other, two spaces in, comments above.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from durable_codegen.wit.official import NEWEST_WASI, carried, package_files, package_texts

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

__all__ = ["HOST_PACKAGE", "host_functions", "trimmed_host"]

HOST_PACKAGE = "golem:api"

_FILE = "host.wit"
_SINCE = re.compile(r"^ *@since\(version = (\d+\.\d+\.\d+)\)\n", re.MULTILINE)
_INTERFACE = re.compile(r"^interface ([a-z-]+) ", re.MULTILINE)
_HEAD = re.compile(r"(?:(?:resource|record|variant|enum|flags|type) )?([a-z][a-z0-9-]*)")
#: What stands in for a type of another package.
_ON_THE_SPOT = {
    "duration": "  /// A length of time in nanoseconds.\n  type duration = u64;",
    "uri": "  /// The address of a worker's function.\n  record uri {\n    value: string,\n  }",
}


@dataclass(frozen=True, slots=True)
class _Item:
    name: str
    text: str
    is_function: bool
    since: tuple[int, ...]


def host_functions(version: str) -> tuple[str, ...]:
    """The functions and resources of the host at that version: all that can be asked for."""
    return tuple(item.name for item in _items(version) if item.is_function)


def trimmed_host(version: str, words: Collection[str], *, wasi: str, also: Collection[str] = ()) -> Mapping[str, str]:
    """The files of golem:api at that version with a host that has only those functions and resources.

    Words that the version does not have are left out. `also` are other interfaces of the package that are in use.
    """
    package = package_files(HOST_PACKAGE, version, wasi=wasi)
    files = {name: text for name, text in package.items() if set(_INTERFACE.findall(text)) & set(also)}
    head, _, _ = _split(package[_FILE])
    kept = [item for item in _items(version) if not item.is_function or item.name in words]
    used = "\n".join(item.text for item in kept)
    spots = [text for name, text in _ON_THE_SPOT.items() if re.search(rf"[ (<:]{name}\b(?!:)", used)]
    body = "\n\n".join([*spots, *(item.text for item in kept)])
    files[_FILE] = f"{head}\n{body}\n}}\n"
    return files


def _split(text: str) -> tuple[str, str, str]:
    """A file as what is before the first item, the items, and the end."""
    head, brace, rest = text.partition(" {\n")
    body, end, _ = rest.rpartition("\n}")
    return head + brace.rstrip("\n"), body, end


@lru_cache
def _items(version: str) -> tuple[_Item, ...]:
    """The items of the host: those of the file, and what later versions added up to this one."""
    numbers = _numbers(version)
    texts = [package_files(HOST_PACKAGE, version, wasi=NEWEST_WASI)[_FILE]]
    texts += package_texts(f"{carried(HOST_PACKAGE, version).folder}-later").values()
    return tuple(item for text in texts for item in _items_of(text) if item.since <= numbers)


def _items_of(text: str) -> Iterator[_Item]:
    for block in re.split(r"\n\n(?=  \S)", _split(text)[1].strip("\n")):
        since = _SINCE.search(block)
        plain = _SINCE.sub("", block)
        code = "\n".join(line for line in plain.splitlines() if not line.lstrip().startswith("///")).strip()
        if code.startswith("use "):
            continue
        match = _HEAD.match(code)
        assert match is not None, f"an item of {HOST_PACKAGE} in another form: {code}"
        is_function = code.startswith("resource ") or re.match(r"[a-z0-9-]+: func\(", code) is not None
        yield _Item(match[1], plain, is_function, _numbers(since[1]) if since else ())


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])
