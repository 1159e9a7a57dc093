"""What a worker may reach of the world outside: nothing, but for what it was granted.

`HOST[:PORT]` allows requests to that host, on any port where none is given; `*.example.com` its subdomains, `*` all.
`HOST::GUEST[:ro]` shows the guest a directory of this machine; the name of a component lets its workers be seen and
steered; `NAME`, `NAME=@FILE` or `NAME=VALUE` is a secret to be sent (`secret_values.py`). Grants are kept with the
worker, as JSON, and read as they were written: what is checked of a directory when it is given is not checked again,
for the worker's history can be replayed without it.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from durable_dsl.engine.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

ALL = "*"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class HttpGrant:
    """One allowed authority."""

    host: str
    port: int | None

    @staticmethod
    def parse(text: str) -> HttpGrant:
        host, port = split_authority(text)
        if not host or "/" in text:
            raise UsageError(
                f"expected HOST or HOST:PORT, got {text!r}", "for example --allow-http api.example.com:443"
            )
        return HttpGrant(host, port)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port is None else f"{host}:{self.port}"

    def allows(self, host: str, port: int) -> bool:
        if self.port is not None and self.port != port:
            return False
        return self.host in {ALL, host} or (self.host.startswith("*.") and host.endswith(self.host[1:]))


def split_authority(text: str) -> tuple[str, int | None]:
    """Host in lower case and port; raises UsageError for a port that is none."""
    host, colon, port = text.strip().rpartition(":")
    if not colon or port.endswith("]"):  # no port; an IPv6 address stands in brackets
        host, port = text.strip(), ""
    if port and not (port.isascii() and port.isdigit() and int(port) < 65536):
        raise UsageError(f"{port!r} is no port in {text!r}")
    return host.removeprefix("[").removesuffix("]").lower(), int(port) if port else None


@dataclass(frozen=True, slots=True)
class DirGrant:
    """A directory of this machine and where the guest sees it."""

    path: Path
    guest: str
    read_only: bool

    @staticmethod
    def parse(text: str) -> DirGrant:
        host, separator, guest = text.partition("::")
        read_only = guest.endswith(":ro")
        guest = guest.removesuffix(":ro")
        if not separator or not host or not guest.startswith("/") or guest == "/":
            raise UsageError(f"expected HOST::GUEST[:ro], got {text!r}", "for example --dir ./invoices::/invoices:ro")
        path = Path(host).resolve()
        if not path.is_dir():
            raise UsageError(f"{host} is not a directory")
        return DirGrant(path, guest, read_only)

    @staticmethod
    def from_json(members: Mapping[str, Any]) -> DirGrant:
        return DirGrant(Path(members["path"]), members["guest"], members["read_only"])

    def as_json(self) -> dict[str, Any]:
        return {"path": str(self.path), "guest": self.guest, "read_only": self.read_only}

    def __str__(self) -> str:
        return f"{self.path}::{self.guest}{':ro' if self.read_only else ''}"


@dataclass(frozen=True, slots=True)
class SecretGrant:
    """A secret, and the file that has it; None where the environment of whoever runs the worker has it."""

    name: str
    path: Path | None

    @staticmethod
    def parse(text: str) -> tuple[SecretGrant, str | None]:
        """The grant, and the value where that was given itself: no more than a process has it then."""
        name, equals, value = text.partition("=")
        if not _NAME.fullmatch(name):
            raise UsageError(
                f"expected NAME, NAME=@FILE or NAME=VALUE for a secret, got {name!r}", "for example --secret API_KEY"
            )
        if not value.startswith("@"):
            return SecretGrant(name, None), value if equals else None
        path = Path(value[1:]).resolve()
        if not path.is_file():
            raise UsageError(f"there is no file {value[1:]} for the secret {name}")
        return SecretGrant(name, path), None

    def as_json(self) -> dict[str, Any]:
        return {"name": self.name, "file": None if self.path is None else str(self.path)}

    def __str__(self) -> str:
        return self.name if self.path is None else f"{self.name}=@{self.path}"

    def read(self) -> str | None:
        """The value as it is now; None where there is none."""
        if self.path is None:
            return os.environ.get(self.name)
        try:
            return self.path.read_text("utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError):
            return None


@dataclass(frozen=True, slots=True)
class Grants:
    """All that one worker, or all workers of a component, may do.

    A directory that was taken back is kept in `revoked`: the guest goes on seeing that there is one, as its history
    has it, and may not use it. `env` are changes of the environment that the worker was made with.
    """

    http: tuple[HttpGrant, ...] = ()
    dirs: tuple[DirGrant, ...] = ()
    workers: tuple[str, ...] = ()
    secrets: tuple[SecretGrant, ...] = ()
    env: tuple[tuple[str, str], ...] = ()
    revoked: tuple[DirGrant, ...] = ()

    @staticmethod
    def of(
        allow_http: Iterable[str] = (),
        dirs: Iterable[str] = (),
        workers: Iterable[str] = (),
        env: Mapping[str, str] | None = None,
        secrets: Iterable[str] = (),
    ) -> Grants:
        """From texts as they are given on the command line, without values of secrets; raises UsageError."""
        names = tuple(name.strip() for text in workers for name in text.split(","))
        if not all(names):
            raise UsageError("expected the name of a component, or *", "for example --allow-workers orders")
        return Grants().plus(
            Grants(
                tuple(HttpGrant.parse(text) for text in allow_http),
                tuple(DirGrant.parse(text) for text in dirs),
                names,
                tuple(SecretGrant.parse(text)[0] for text in secrets),
                tuple((env or {}).items()),
            )
        )

    @staticmethod
    def from_text(text: str) -> Grants:
        """The inverse of `text`."""
        members = json.loads(text)
        return Grants(
            tuple(HttpGrant.parse(one) for one in members["http"]),
            tuple(DirGrant.from_json(one) for one in members["dirs"]),
            tuple(members["workers"]),
            tuple(SecretGrant(one["name"], Path(one["file"]) if one["file"] else None) for one in members["secrets"]),
            tuple(members["env"].items()),
            tuple(DirGrant.from_json(one) for one in members["revoked"]),
        )

    @property
    def text(self) -> str:
        """As it is kept."""
        return json.dumps({**self.as_json(), "revoked": [one.as_json() for one in self.revoked]}, ensure_ascii=False)

    def as_json(self) -> dict[str, Any]:
        return {
            "http": [str(one) for one in self.http],
            "dirs": [one.as_json() for one in self.dirs],
            "workers": list(self.workers),
            "secrets": [one.as_json() for one in self.secrets],
            "env": dict(self.env),
        }

    def plus(self, more: Grants) -> Grants:
        """These and `more`; of two directories at one place of the guest, and two secrets of a name, the later."""
        named = {one.name for one in more.secrets}
        given = {one.guest for one in (*more.dirs, *more.revoked)}
        return Grants(
            _joined(self.http, more.http),
            (*(one for one in self.dirs if one.guest not in given), *more.dirs),
            _joined(self.workers, more.workers),
            (*(one for one in self.secrets if one.name not in named), *more.secrets),
            tuple({**dict(self.env), **dict(more.env)}.items()),
            (*(one for one in self.revoked if one.guest not in given), *more.revoked),
        )

    def minus(
        self,
        http: Iterable[str] = (),
        guests: Iterable[str] = (),
        workers: Iterable[str] = (),
        env: Iterable[str] = (),
        secrets: Iterable[str] = (),
    ) -> Grants:
        """These without some, each of which must be there; directories by their place, secrets by their name."""
        asked = {HttpGrant.parse(text) for text in http}
        places = {text.rpartition("::")[2].removesuffix(":ro") for text in guests}
        components = {name.strip() for text in workers for name in text.split(",")}
        names = set(env)
        hidden = {text.partition("=")[0] for text in secrets}
        _check(map(str, asked), map(str, self.http), "--allow-http")
        _check(places, (one.guest for one in self.dirs), "--dir")
        _check(components, self.workers, "--allow-workers")
        _check(hidden, (one.name for one in self.secrets), "--secret")
        _check(names, (name for name, _ in self.env), "--env")
        return replace(
            self,
            http=tuple(one for one in self.http if one not in asked),
            dirs=tuple(one for one in self.dirs if one.guest not in places),
            workers=tuple(one for one in self.workers if one not in components),
            secrets=tuple(one for one in self.secrets if one.name not in hidden),
            env=tuple(pair for pair in self.env if pair[0] not in names),
            revoked=(*self.revoked, *(one for one in self.dirs if one.guest in places)),
        )

    def __bool__(self) -> bool:
        return self != Grants()

    def beyond(self, known: Grants) -> Grants:
        """What of these `known` does not have."""
        return Grants(
            tuple(one for one in self.http if one not in known.http),
            tuple(one for one in self.dirs if one not in known.dirs),
            tuple(one for one in self.workers if one not in known.workers),
            tuple(one for one in self.secrets if one not in known.secrets),
            tuple(pair for pair in self.env if pair not in known.env),
        )

    @property
    def mounts(self) -> tuple[DirGrant, ...]:
        """All directories that the guest sees."""
        return (*self.dirs, *self.revoked)

    @property
    def options(self) -> list[str]:
        """As options of the command line, without the values of variables."""
        return [
            *(f"--allow-http {one}" for one in self.http),
            *(f"--dir {one}" for one in self.dirs),
            *(f"--allow-workers {one}" for one in self.workers),
            *(f"--secret {one}" for one in self.secrets),
            *(f"--env {name}" for name, _ in self.env),
        ]

    def allow_http(self, host: str, port: int) -> bool:
        return any(grant.allows(host, port) for grant in self.http)

    def allow_lookup(self, host: str) -> bool:
        return any(grant.allows(host, grant.port or 0) for grant in self.http)

    def allow_workers(self, component: str) -> bool:
        return component in self.workers or ALL in self.workers


def values_of(secrets: Iterable[str]) -> dict[str, str]:
    """The values that are given themselves, by name."""
    parsed = (SecretGrant.parse(text) for text in secrets)
    return {grant.name: value for grant, value in parsed if value is not None}


def _joined(one: tuple[Any, ...], more: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(dict.fromkeys((*one, *more)))


def _check(asked: Iterable[str], known: Iterable[str], option: str) -> None:
    """Raises UsageError for what is not there to be taken back."""
    there = list(known)
    for one in asked:
        if one not in there:
            has = f"what there is: {', '.join(there)}" if there else f"there is no {option} at all"
            raise UsageError(f"{option} {one} was not granted", has)
