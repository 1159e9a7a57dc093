"""What a worker may do now: its own grants and those of its component, as the data directory has them.

They belong to the worker, not to the process that happens to run it: whatever is queued, scheduled, called by another
worker or resumed runs under them. A call that they do not allow is no outcome: nothing of it is recorded, the worker
stops where it stands, what it wants is noted beside its grants, and it goes on when it may.

Grants are read again at most a twentieth of a second later, so that taking one back works in every process.
"""

from __future__ import annotations

import shlex
import time
import unicodedata
from typing import TYPE_CHECKING

from durable_dsl.engine.grants.granted import DirGrant, Grants
from durable_dsl.engine.oplog import tables
from durable_dsl.engine.redaction import redacted_text
from durable_dsl.engine.signals import NotGranted, Restart

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Mapping

    from durable_dsl.engine.oplog.store import Store

_FRESH = 0.05


def worker_owner(worker: int) -> str:
    return f"worker {worker}"


def component_owner(name: str) -> str:
    return f"component {name}"


def write(connection: sqlite3.Connection, owner: str, grants: Grants, wants: str | None = None) -> None:
    """Keep the grants of an owner, in a transaction that is open."""
    tables.insert(connection, "grants", conflict="REPLACE", owner=owner, grants=grants.text, wants=wants)


def copy(connection: sqlite3.Connection, source: str, target: str) -> None:
    """Give one owner the grants of another, in a transaction that is open."""
    row = tables.at(connection, "grants", source)
    if row is not None:
        write(connection, target, Grants.from_text(row["grants"]))


def delete(connection: sqlite3.Connection, owner: str) -> None:
    """Forget an owner, in a transaction that is open."""
    tables.remove(connection, "grants", owner)


def load(store: Store, owner: str) -> tuple[Grants, str | None]:
    """The grants of an owner, and what it last stopped for the want of. Raises DamagedError."""
    row = store.at("grants", owner)
    return (Grants(), None) if row is None else (Grants.from_text(row["grants"]), row["wants"])


def change(store: Store, owner: str, how: Callable[[Grants], Grants]) -> Grants:
    """Change the grants of an owner; what they are now. What it wanted is to be found out anew."""

    def work(connection: sqlite3.Connection) -> Grants:
        try:
            row = tables.at(connection, "grants", owner)
        except tables.DamagedRow:
            tables.remove(connection, "grants", owner)
            row = None
        changed = how(Grants() if row is None else Grants.from_text(row["grants"]))
        write(connection, owner, changed)
        return changed

    return store.transaction(work)


class Permissions:
    """Those of one worker."""

    def __init__(self, store: Store, secrets: Mapping[str, str], worker: int, name: str, component: str) -> None:
        self._store = store
        self._secrets = secrets
        self._owner = worker_owner(worker)
        self._name = name
        self._component = component
        self._known = Grants()
        self._read_at = 0.0

    @property
    def granted(self) -> Grants:
        """Its own and its component's."""
        now = time.monotonic()
        if not self._read_at or now - self._read_at > _FRESH:
            shared, _ = load(self._store, component_owner(self._component))
            self._known = shared.plus(self.own)
            self._read_at = now
        return self._known

    @property
    def own(self) -> Grants:
        """What it was given itself."""
        return load(self._store, self._owner)[0]

    @property
    def wants(self) -> str | None:
        """What the worker has stopped for the want of, if it has."""
        return load(self._store, self._owner)[1]

    def change(self, how: Callable[[Grants], Grants]) -> None:
        change(self._store, self._owner, how)
        self.forget()

    def forget(self) -> None:
        """Something was granted or taken back: look before the next call."""
        self._read_at = 0.0

    def _allows(self, allowed: Callable[[Grants], bool]) -> bool:
        """Whether they allow something; not said on hearsay."""
        if allowed(self.granted):
            return True
        self.forget()
        return allowed(self.granted)

    def stopped(self, wants: str | None) -> None:
        """Note what the worker has stopped for; None when it has gone on."""
        if self.wants != wants:
            own = self.own
            self._store.transaction(lambda connection: write(connection, self._owner, own, wants))

    # Asked by host calls, before anything of them is recorded

    def require_http(self, method: str, uri: str, host: str, port: int) -> None:
        if not self._allows(lambda granted: granted.allow_http(host, port)):
            name = f"[{host}]" if ":" in host else host
            raise self._refused(f"{method} {redacted_text(uri)}", f"--allow-http {name}:{port}")

    def require_lookup(self, host: str) -> None:
        if not self._allows(lambda granted: granted.allow_lookup(host.lower())):
            raise self._refused(f"looking up {host}", f"--allow-http {host}")

    def require_dir(self, mount: DirGrant) -> None:
        if not self._allows(lambda granted: mount in granted.dirs):
            if mount.guest in {one.guest for one in self.granted.dirs}:
                raise Restart  # it is another directory by now: a new instance sees that
            raise self._refused(f"using {mount.guest}", f"--dir {shlex.quote(str(mount))}")
        if not mount.path.is_dir():
            raise NotGranted(f"using {mount.guest}", f"there is no directory {mount.path} any more")

    def secret(self, name: str) -> str:
        """The value of a secret that is to be sent. It is in no message."""
        if not self._allows(lambda granted: name in {one.name for one in granted.secrets}):
            raise self._refused(f"sending the secret {name}", f"--secret {name}")
        grant = next(one for one in self.granted.secrets if one.name == name)
        value = self._secrets.get(name) or grant.read()
        if not value:
            where = f"the environment of what runs it has no {name}" if grant.path is None else f"{grant.path} has none"
            raise NotGranted(f"sending the secret {name}", f"worker {self._name} was granted it, but {where}")
        if any(unicodedata.category(each) == "Cc" for each in value):
            raise NotGranted(f"sending the secret {name}", "it has a line break or another control character in it")
        return value

    def require_workers(self, component: str, what: str) -> None:
        if component != self._component and not self._allows(lambda granted: granted.allow_workers(component)):
            raise self._refused(what, f"--allow-workers {shlex.quote(component)}")

    def _refused(self, what: str, option: str) -> NotGranted:
        return NotGranted(what, f"to allow it: durable-dsl worker grant {shlex.quote(self._name)} {option}")
