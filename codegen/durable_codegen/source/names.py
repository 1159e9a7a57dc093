"""From WIT names to Python names, as componentize-py makes them.

A WIT name is words with dashes; the words of a type or an interface are put together in Python's two ways, and a
Python keyword gets an underscore at its end. An interface's module has the interface's own name unless another
interface of the same direction has it too; then the package, and where that is not enough the version, comes before
or after it. The tests compare all of this with what componentize-py writes.
"""

from __future__ import annotations

import keyword
import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "InterfaceId",
    "camel",
    "interface_modules",
    "kebab",
    "python_name",
    "snake",
    "uncamel",
    "wit_name",
    "wit_text",
]

#: Names that stand in WIT only behind a `%`.
_WIT_KEYWORD = re.compile(
    "as|async|bool|borrow|char|constructor|enum|error-context|export|flags|from|func|future|import|include|interface|"
    "list|map|option|own|package|record|resource|result|static|stream|string|tuple|type|use|variant|with|world|"
    "[su](8|16|32|64)|f(32|64)"
)


class InterfaceId(NamedTuple):
    """`namespace:package/name@version`, taken apart; an interface declared inside a world has only a name."""

    namespace: str
    package: str
    name: str
    version: str

    @classmethod
    def parse(cls, text: str) -> InterfaceId:
        path, _, version = text.partition("@")
        package, slash, name = path.rpartition("/")
        if not slash:
            return cls("", "", path, version)
        namespace, _, package = package.partition(":")
        return cls(namespace, package, name, version)

    def __str__(self) -> str:
        if not self.package:
            return self.name
        return f"{self.namespace}:{self.package}/{self.name}" + (f"@{self.version}" if self.version else "")

    @property
    def unversioned(self) -> str:
        return str(self._replace(version=""))


def wit_text(interface: str) -> str:
    """The id of an interface or a world as it has to be written in WIT, with a `%` before names that are keywords."""
    this = InterfaceId.parse(interface)
    namespace, package, name = (f"%{part}" if _WIT_KEYWORD.fullmatch(part) else part for part in this[:3])
    return str(InterfaceId(namespace, package, name, this.version))


def wit_name(name: str) -> str:
    """A name as it has to be written in WIT: behind a `%` if it is a keyword."""
    return f"%{name}" if _WIT_KEYWORD.fullmatch(name) else name


def kebab(name: str) -> str | None:
    """A Python name as a WIT name: `place_order`, `OrderLine` and `HTTPError` as `place-order` … None if it has none.

    Underscores at the ends are left out: they are there for Python's sake.
    """
    words = re.sub(r"([a-z0-9])([A-Z])|([A-Z])([A-Z][a-z])", r"\1\3_\2\4", name).lower()
    found = re.sub(r"[_-]+", "-", words).strip("-")
    return found if re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", found) else None


def snake(name: str) -> str:
    """`create-http-URL` as `create_http_url`; not yet safe from keywords."""
    return name.replace("-", "_").lower()


def camel(name: str) -> str:
    """`create-http-URL` as `CreateHttpUrl`, safe from keywords."""
    return _escaped("".join(word[:1].upper() + word[1:].lower() for word in name.replace("_", "-").split("-")))


def python_name(name: str) -> str:
    """The name of a function, a parameter, a field or a module."""
    return _escaped(snake(name))


def _escaped(name: str) -> str:
    return f"{name}_" if keyword.iskeyword(name) else name


def interface_modules(interfaces: Iterable[str]) -> dict[str, str]:
    """The module of each interface, given all interfaces of one direction (imported, or exported)."""
    ids = {text: InterfaceId.parse(text) for text in interfaces}
    modules: dict[str, str] = {}
    for text, this in ids.items():
        same_name = [other for other in ids.values() if other.name == this.name]
        same_package = [other for other in same_name if other[:3] == this[:3]]
        parts = [this.name]
        if len(same_name) > 1 and this.package:
            parts = [this.namespace, this.package, this.name]
            if len(same_package) > 1 and this.version:
                parts.append(this.version.replace(".", "-").replace("+", "-"))
        modules[text] = python_name("-".join(parts))
    return modules


def uncamel(name: str) -> str:
    """`RetryDesk` as `retry_desk`."""
    return "".join(f"_{each.lower()}" if each.isupper() else each for each in name).lstrip("_")
