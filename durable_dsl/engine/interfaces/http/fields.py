"""wasi:http/types: the resource `fields`, headers and trailers. A list of pairs: order, repeats and case are kept."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from durable_dsl.engine.interfaces.interface import Interface

if TYPE_CHECKING:
    from collections.abc import Iterable

    from durable_dsl.engine.replay.host import Host

http_types = Interface("wasi:http/types")
INTERFACES = (http_types,)

Pair = tuple[str, bytes]
Outcome = dict[str, Any]

TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_VALUE = re.compile(rb"[\t\x20-\x7e\x80-\xff]*")
#: About the connection, or about which of a server's sites is meant: the host's business.
_FORBIDDEN = frozenset({
    "connection", "host", "http2-settings", "keep-alive", "proxy-authenticate", "proxy-authorization",
    "proxy-connection", "transfer-encoding", "upgrade",
})  # fmt: skip


class Fields:
    """The resource `fields`. Those of a request that was made of them, and of responses, cannot be changed."""

    resource_kind = "fields"

    def __init__(self, pairs: Iterable[Pair] = (), *, mutable: bool = True) -> None:
        self.pairs = [(name, bytes(value)) for name, value in pairs]
        self.mutable = mutable

    def of(self, name: str) -> list[bytes]:
        """The values of a name, whatever its case."""
        wanted = name.lower()
        return [value for key, value in self.pairs if key.lower() == wanted]

    def texts(self) -> list[list[str]]:
        """The pairs as they are stored; a byte that is no ASCII is the Latin-1 character of that number."""
        return [[name, value.decode("latin-1")] for name, value in self.pairs]


def fields_of(texts: list[list[str]]) -> Fields:
    """The inverse of `texts`, for fields that came with a response."""
    return Fields([(name, value.encode("latin-1")) for name, value in texts], mutable=False)


def _fault(name: str, values: Iterable[bytes]) -> str | None:
    """The header-error of setting these, if there is one."""
    if not TOKEN.fullmatch(name) or not all(_VALUE.fullmatch(value) for value in values):
        return "invalid-syntax"
    return "forbidden" if name.lower() in _FORBIDDEN else None


def _change(fields: Fields, name: str, values: Iterable[bytes], *, keep: bool) -> Outcome:
    """Give a name these values, after those it has (`keep`) or instead of them; their first place stays theirs."""
    fault = "immutable" if not fields.mutable else _fault(name, values)
    if fault is not None:
        return {"err": fault}
    wanted = name.lower()
    places = [at for at, (key, _) in enumerate(fields.pairs) if key.lower() == wanted]
    at = places[0] if places and not keep else len(fields.pairs)
    if not keep:
        fields.pairs = [pair for pair in fields.pairs if pair[0].lower() != wanted]
    fields.pairs[at:at] = [(name, bytes(value)) for value in values]
    return {"ok": None}


@http_types.plain("[constructor]fields")
def new_fields(_host: Host) -> Fields:
    return Fields()


@http_types.plain("[static]fields.from-list")
def from_list(_host: Host, pairs: list[Pair]) -> Outcome:
    for name, value in pairs:
        fault = _fault(name, [value])
        if fault is not None:
            return {"err": fault}
    return {"ok": Fields(pairs)}


@http_types.plain("[method]fields.get")
def get(_host: Host, fields: Fields, name: str) -> list[bytes]:
    return fields.of(name)


@http_types.plain("[method]fields.has")
def has(_host: Host, fields: Fields, name: str) -> bool:
    return bool(fields.of(name))


@http_types.plain("[method]fields.set")
def set_values(_host: Host, fields: Fields, name: str, values: list[bytes]) -> Outcome:
    return _change(fields, name, values, keep=False)


@http_types.plain("[method]fields.delete")
def delete(_host: Host, fields: Fields, name: str) -> Outcome:
    return _change(fields, name, [], keep=False)


@http_types.plain("[method]fields.append")
def append(_host: Host, fields: Fields, name: str, value: bytes) -> Outcome:
    return _change(fields, name, [value], keep=True)


@http_types.plain("[method]fields.entries")
def entries(_host: Host, fields: Fields) -> list[Pair]:
    return list(fields.pairs)


@http_types.plain("[method]fields.clone")
def clone(_host: Host, fields: Fields) -> Fields:
    return Fields(fields.pairs)
