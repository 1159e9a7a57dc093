"""Reads data of its own and of packages, and what the standard library imports when it is used."""

import io
import pkgutil
import xml.sax
import zipfile
from datetime import datetime
from importlib import resources
from zoneinfo import ZoneInfo

from durable_dsl import export, http


@export
def offset(zone: str) -> float:
    return datetime(2026, 7, 1, tzinfo=ZoneInfo(zone)).utcoffset().total_seconds()


@export
def own() -> list[str]:
    files = resources.files("shop")
    return [
        files.joinpath("prices.txt").read_text(),
        (files / "words" / "hello.txt").read_text(),
        resources.files("shop.words").joinpath("hello.txt").read_text(),
        (pkgutil.get_data("shop", "prices.txt") or b"").decode(),
        ",".join(sorted(each.name for each in files.iterdir())),
    ]


@export
def late() -> list[str]:
    with io.BytesIO() as target:
        with zipfile.ZipFile(target, "w") as archive:
            archive.writestr("a.txt", "a")
        with zipfile.ZipFile(target) as archive:
            names = archive.namelist()
    found: list[str] = []

    class Handler(xml.sax.ContentHandler):
        def characters(self, content: str) -> None:
            found.append(content)

    xml.sax.parseString(b'<?xml version="1.0" encoding="windows-1252"?><a>\x80</a>', Handler())
    return [*names, *found]


@export
def page(url: str) -> str:
    return http.get(url).text
