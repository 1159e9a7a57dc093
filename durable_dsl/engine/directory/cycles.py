"""Which worker waits for which: a call that would close a circle never ends, and is refused.

In one process that is seen at once. Where another process holds the callee, both tell in the data directory who waits
for whom, as long as that lasts, and look now and then whether there is a circle. One of its callers gives up: one whose
callee is in another process, for only such a caller looks.
"""

from __future__ import annotations

import threading
import time
import uuid
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3

    from durable_dsl.engine.oplog.store import Store

#: In seconds: how often it is looked, and how old what another process has told may be, or it is gone.
_LOOKS = 0.5
_FORGETS = 5.0
_TELL = "INSERT OR REPLACE INTO waits (caller, callee, process, time) VALUES (?, ?, ?, ?)"
_FORGET = "DELETE FROM waits WHERE caller = ?"
_TOLD = "SELECT caller, callee, process FROM waits WHERE time > ?"


class Waiting:
    """Kept by an engine."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._process = uuid.uuid4().hex
        self._lock = threading.Lock()
        self._for: dict[int, int] = {}
        self._told = False
        #: By caller, when it looks again, and the circle that it saw: only one that is still there counts.
        self._again: dict[int, float] = {}
        self._seen: dict[int, frozenset[tuple[int, int]]] = {}

    def enter(self, caller: int, callee: int) -> bool:
        """`caller` is going to wait for `callee`; False if that would never end."""
        with self._lock:
            if _circle(self._for | {caller: callee}, caller) is not None:
                return False
            self._for[caller] = callee
            return True

    def leave(self, caller: int) -> None:
        with self._lock:
            self._for.pop(caller, None)
            self._again.pop(caller, None)
            self._seen.pop(caller, None)
            told, self._told = self._told, self._told and bool(self._for)
        if told:
            self._store.transaction(lambda connection: connection.execute(_FORGET, (caller,)))

    def never_ends(self, caller: int) -> bool:
        """Whether `caller`, whose callee another process holds, has to give up; to be asked as long as it waits."""
        now = time.monotonic()
        with self._lock:
            if caller not in self._for or now < self._again.get(caller, 0):
                return False
            self._again[caller] = now + _LOOKS
            own = dict(self._for)
            self._told = True
        others = self._tell(own)
        edges = {who: whom for who, (whom, _) in others.items()} | own
        circle = _circle(edges, caller)
        before = self._seen.get(caller)
        self._seen[caller] = frozenset() if circle is None else circle
        if circle is None or before != circle:
            return False
        looking = [who for who, whom in circle if _place(who, own, others) != _place(whom, own, others)]
        return caller == min(looking, default=caller)

    def _tell(self, own: dict[int, int]) -> dict[int, tuple[int, str]]:
        """Tell what is waited for here; what others have told."""
        now = time.time()

        def work(connection: sqlite3.Connection) -> list[tuple[int, int, str]]:
            connection.executemany(_TELL, [(who, whom, self._process, now) for who, whom in own.items()])
            return connection.execute(_TOLD, (now - _FORGETS,)).fetchall()

        found = self._store.transaction(work)
        return {who: (whom, process) for who, whom, process in found if process != self._process}


def _place(worker: int, own: dict[int, int], others: dict[int, tuple[int, str]]) -> str:
    return "" if worker in own else others[worker][1]


def _circle(edges: dict[int, int], start: int) -> frozenset[tuple[int, int]] | None:
    """Who waits for whom on the way from `start` back to it; None if there is no such way."""
    passed: set[tuple[int, int]] = set()
    at = start
    while at in edges and (at, edges[at]) not in passed:
        passed.add((at, edges[at]))
        at = edges[at]
        if at == start:
            return frozenset(passed)
    return None
