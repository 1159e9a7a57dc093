"""Reads data of its own and of packages, and what the standard library imports when it is used."""

# ruff: noqa: PTH118, PTH120, PTH123  (all ways of reading a file are shown)

import io
import os
import pkgutil
import xml.sax
import zipfile
from datetime import datetime
from importlib import resources
from pathlib import Path
from zoneinfo import ZoneInfo

import yaml
from jinja2 import Environment, FileSystemLoader, PackageLoader, TemplateNotFound

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
def by_path() -> list[str]:
    here = Path(__file__).parent
    with open(os.path.join(os.path.dirname(__file__), "prices.txt"), "rb") as file:
        opened = file.read()
    found = [
        opened.decode(),
        (here / "words" / "hello.txt").read_text(encoding="utf-8"),
        ",".join(sorted(each.name for each in here.iterdir())),
        ",".join(sorted(each.name for each in here.rglob("*.txt"))),
        f"{(here / 'prices.txt').stat().st_size} {(here / 'words').is_dir()} {(here / 'none.txt').exists()}",
    ]
    for mode in ("r", "w"):
        try:
            open(here / ("none.txt" if mode == "r" else "prices.txt"), mode).close()
        except OSError as error:
            found.append(f"{mode}: {type(error).__name__}")
    return found


@export
def own_files() -> str:
    with open("/note.txt", "w", encoding="utf-8") as file:
        file.write("kept")
    return Path("/note.txt").read_text(encoding="utf-8")


@export
def rendered(text: str) -> list[str]:
    data = yaml.safe_load(text)
    loaders = [PackageLoader("shop", "words"), FileSystemLoader(Path(__file__).parent / "words")]
    pages = [Environment(loader=each, autoescape=True).get_template("page.html").render(data) for each in loaders]
    try:
        Environment(loader=loaders[1], autoescape=True).get_template("none.html")
    except TemplateNotFound:
        pages.append("not there")
    return pages


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
