"""What the guest's Python has: the modules of its standard library that import on WASI, and what they import late.

The facts are in guest_stdlib.json, found by trying (tests/codegen/probe_guest_python.py). A built component has no
files, so a module that is first imported when it runs is not found; what a module of the standard library imports
late has therefore to be imported at build time wherever that module is used.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from encodings.aliases import aliases
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["GuestPython", "guest_python"]

_FACTS: Final = Path(__file__).with_name("guest_stdlib.json")

# The encodings that the WHATWG names for the web, by their modules. Pages and mails say which one they are in.
_WEB: Final = (
    *("big5", "big5hkscs", "charmap", "cp1250", "cp1251", "cp1252", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257"),
    *("cp1258", "cp866", "cp874", "cp932", "cp949", "euc_jp", "euc_kr", "gb18030", "gb2312", "gbk", "iso2022_jp"),
    *("iso8859_1", "iso8859_2", "iso8859_3", "iso8859_4", "iso8859_5", "iso8859_6", "iso8859_7", "iso8859_8"),
    *("iso8859_10", "iso8859_13", "iso8859_14", "iso8859_15", "iso8859_16", "koi8_r", "koi8_u", "latin_1"),
    *("mac_cyrillic", "mac_roman", "shift_jis", "tis_620", "utf_16", "utf_16_be", "utf_16_le", "utf_8_sig"),
)
_WEB_CODECS: Final = tuple(f"encodings.{name}" for name in _WEB)

_RESOURCES: Final = ("importlib.resources._adapters", "importlib.resources.readers")

# Late imports that stand in C code, or hide behind the name of an encoding.
_HIDDEN: Final[Mapping[str, tuple[str, ...]]] = {
    "datetime": ("_strptime",),
    "time": ("_strptime",),
    "http.client": ("encodings.idna", *_WEB_CODECS),
    "urllib.request": ("encodings.idna", *_WEB_CODECS),
    "socket": ("encodings.idna",),
    "durable_dsl.http": _WEB_CODECS,
    "httpx": _WEB_CODECS,
    "requests": _WEB_CODECS,
    "urllib3": _WEB_CODECS,
    "email": _WEB_CODECS,
    "email.parser": _WEB_CODECS,
    "email.message": _WEB_CODECS,
    "email.header": _WEB_CODECS,
    "zipfile": ("encodings.cp437",),
    "xml.sax": ("xml.sax.expatreader", *_WEB_CODECS),
    "xml.dom.pulldom": ("xml.sax.expatreader", *_WEB_CODECS),
    "xml.dom.minidom": ("xml.dom.expatbuilder", *_WEB_CODECS),
    "xml.etree.ElementTree": _WEB_CODECS,
    "pyexpat": _WEB_CODECS,
    "dbm": ("dbm.dumb", "dbm.sqlite3"),
    "shelve": ("dbm", "dbm.dumb", "dbm.sqlite3"),
    "importlib.resources": _RESOURCES,
    "zoneinfo": ("importlib.resources", *_RESOURCES, "zoneinfo._common"),
}

# Large modules that the library imports late for its own command lines, consoles, developers' aids and rare cases.
_NOT_WORTH_IT: Final = frozenset(
    {
        "urllib.error",
        "urllib.request",
        "argparse",
        "difflib",
        "doctest",
        "pdb",
        "pydoc",
        "subprocess",
        "tarfile",
        "unittest",
        "unittest.case",
        "webbrowser",
    }
)


@dataclass(frozen=True, slots=True)
class GuestPython:
    """The guest's standard library.

    `missing` says for each module that does not import, what it lacks; `started` are those that are always loaded.
    """

    version: str
    present: frozenset[str]
    started: frozenset[str]
    missing: Mapping[str, str]
    late: Mapping[str, tuple[str, ...]]

    def has(self, name: str) -> bool:
        """Whether the module imports in the guest."""
        return name in self.present

    def is_stdlib(self, name: str) -> bool:
        """Whether the name belongs to the standard library, on any platform."""
        top = name.partition(".")[0]
        return top in self.present or top in self.missing

    def imported_late_by(self, name: str) -> tuple[str, ...]:
        """What the module of the standard library imports only when it is used."""
        return tuple(found for found in self.late.get(name, ()) if found not in _NOT_WORTH_IT)

    def encoding(self, text: str) -> str | None:
        """The module that holds the encoding called `text`, if that is one."""
        name = text.lower().replace("-", "_").replace(" ", "_")
        module = f"encodings.{aliases.get(name, name)}"
        return module if module in self.present else None


@lru_cache(maxsize=1)
def guest_python() -> GuestPython:
    """The guest's Python of the componentize-py that is pinned."""
    facts: dict[str, Any] = json.loads(_FACTS.read_text(encoding="utf-8"))
    late = {name: tuple(found) for name, found in facts["late"].items()}
    for name, hidden in _HIDDEN.items():
        late[name] = tuple(sorted({*late.get(name, ()), *hidden}))
    present, started = frozenset(facts["present"]), frozenset(facts["started"])
    return GuestPython(facts["python"], present, started, facts["missing"], late)
