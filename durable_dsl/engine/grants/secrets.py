"""Secrets that the guest never has: it gets a placeholder, and the host puts the value in where a request leaves.

A worker that was granted the secret `NAME` finds `~secret~NAME~` in its environment under that name, as a program on
any other host finds the value. Wherever that stands in a header of a request, in the text that HTTP's basic
authentication encodes, or in its path or query, the value is sent. Neither the guest's memory nor its oplog has it, and
nor has the data directory: it is read from the environment of the process that runs the worker, or from a file, each
time. A body is sent as the guest wrote it.
"""

from __future__ import annotations

import base64
import binascii
import re
import urllib.parse
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from durable_dsl.engine.http.exchange import Request

    Values = Callable[[str], str]

_PLACEHOLDER = re.compile(r"~secret~([A-Za-z_][A-Za-z0-9_]*)~")
_BASIC = re.compile(rb"basic\s+([A-Za-z0-9+/=]+)\s*", re.IGNORECASE)


def placeholder(name: str) -> str:
    """What the guest gets. Of characters that stay what they are in a header, and in a URL too."""
    return f"~secret~{name}~"


def named_in(request: Request) -> Iterator[str]:
    """The secrets that a request has the place of."""
    yield from _PLACEHOLDER.findall(request.target)
    for _, value in request.headers:
        yield from _PLACEHOLDER.findall(_text(value))


def filled(request: Request, value_of: Values) -> Request:
    """The request with the values of its secrets."""
    if next(named_in(request), None) is None:
        return request
    headers = tuple((name, _filled(value, value_of)) for name, value in request.headers)
    return replace(request, headers=headers, target=_replaced(request.target, lambda name: _quoted(value_of(name))))


def _text(header: bytes) -> str:
    basic = _BASIC.fullmatch(header)
    return (_decoded(basic[1]) if basic is not None else header).decode("latin-1")


def _filled(header: bytes, value_of: Values) -> bytes:
    basic = _BASIC.fullmatch(header)
    if basic is None:
        return _replaced(header.decode("latin-1"), lambda name: _latin(value_of(name))).encode("latin-1")
    credentials = _replaced(_decoded(basic[1]).decode("latin-1"), lambda name: _latin(value_of(name)))
    return b"Basic " + base64.b64encode(credentials.encode("latin-1"))


def _replaced(text: str, value_of: Values) -> str:
    return _PLACEHOLDER.sub(lambda found: value_of(found[1]), text)


def _decoded(data: bytes) -> bytes:
    try:
        return base64.b64decode(data, validate=True)
    except binascii.Error:
        return b""


def _latin(value: str) -> str:
    """The bytes of its UTF-8, one character each."""
    return value.encode().decode("latin-1")


def _quoted(value: str) -> str:
    return urllib.parse.quote(value, safe="")
