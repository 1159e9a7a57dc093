"""What a crash means for one effect, by its kind and the regions around it: the rules of the engine and of Golem 1.x.

Sources: golem:api/host's function types (a call that is on record is answered from it; one in flight is performed
again unless the mode forbids it), atomic regions (an unfinished one is done again as a whole, from the outermost on),
persist-nothing zones (no record, performed again on each recovery).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from durable_codegen.analysis.reading.effects import REMOTE

if TYPE_CHECKING:
    from durable_codegen.analysis.reading.effects import Effect
    from durable_codegen.analysis.reading.regions import Region

__all__ = ["COMMITTING", "COMMITTING_FIRST", "Fate", "fate", "outermost_atomic", "region_says"]


@dataclass(frozen=True, slots=True)
class Fate:
    """`how_often` in a few words; `after_crash` in a sentence; `again`: whether a crash in the call does it again."""

    how_often: str
    after_crash: str
    again: bool


_PLAIN: Final = {
    "remote": Fate("once", "in flight: called again under the same key, which the other worker runs once", True),
    "promise-create": Fate("recorded", "the same promise again", False),
    "promise-wait": Fate("recorded", "goes on waiting; once it is given, the value is on record", False),
    "promise-complete": Fate("once", "in flight: completed again, and only the first completion counts", True),
    "sleep": Fate("once", "goes on for the remainder", False),
    "random": Fate("recorded", "the same value again", False),
    "time": Fate("recorded", "the same value again", False),
    "key": Fate("recorded", "the same key again", False),
    "environment": Fate("recorded", "the same value again", False),
    "host": Fate("recorded", "the same answer again", False),
    "store-read": Fate("recorded", "on record: the same answer again; in flight: read again", True),
    "print": Fate("once", "what is in the oplog is not printed again", False),
    "file-write": Fate(
        "with each replay", "done again, so that the private folder is as it was; under --dir: on record", True
    ),
    "file-read": Fate("with each replay", "read again from the private folder; under --dir: on record", True),
    "thread": Fate("never", "a guest has no threads", False),
    "process": Fate("never", "a guest has no processes", False),
    "socket": Fate("never", "a guest has no sockets", False),
    "ssl": Fate("never", "TLS is the host's", False),
}

_REPEATED: Final = {
    "random": Fate("once per attempt", "drawn anew with each repetition of the region", True),
    "time": Fate("once per attempt", "asked anew with each repetition of the region", True),
    "key": Fate("once per attempt", "on golem-1.x another key with each repetition of the region", True),
    "environment": Fate("once per attempt", "read anew with each repetition of the region", True),
    "host": Fate("once per attempt", "done again with the region", True),
    "sleep": Fate("once per attempt", "starts again with each repetition of the region", True),
    "promise-create": Fate("once per attempt", "another promise with each repetition of the region", True),
    "promise-wait": Fate("refused", "a promise cannot be awaited in an atomic region", False),
    "print": Fate("at least once", "printed again with each repetition of the region", True),
}


#: Before such a call is under way, everything until then is on disk: a request's begin, a sleep's start, a suspension.
COMMITTING_FIRST: Final = frozenset({"http", "sleep", "promise-wait"})
#: When such a call has returned, everything until then is on disk.
COMMITTING: Final = COMMITTING_FIRST | REMOTE | {"key"}


def outermost_atomic(regions: tuple[Region, ...]) -> Region | None:
    """The region that decides how far back a crash goes."""
    return next((region for region in regions if region.is_atomic), None)


def fate(effect: Effect, regions: tuple[Region, ...]) -> Fate:
    """What happens to an effect that stands in these regions, outermost first."""
    if effect.kind in {"thread", "process", "socket", "ssl"}:
        return _PLAIN[effect.kind]
    if any(region.records_nothing for region in regions):
        if effect.kind == "print":
            return Fate("once", "not printed by a recovery", False)
        if effect.kind == "sleep":
            return Fate("on each recovery", "starts again; nothing here is recorded", True)
        return Fate(
            "on each recovery", "no record: performed again by each recovery of the worker, also later ones", True
        )
    atomic = outermost_atomic(regions)
    if atomic is not None:
        if effect.kind in _REPEATED:
            return _REPEATED[effect.kind]
        held = "; non_idempotent does not hold in here" if _mode(regions) == "non_idempotent" else ""
        return Fate("at least once", f"done again with the region that begins at line {atomic.line}{held}", True)
    if effect.kind in REMOTE - {"promise-complete"} and _mode(regions) == "non_idempotent":
        return Fate("at most once", "in flight: never done again; the worker fails and names this line", False)
    if effect.kind in _PLAIN:
        return _PLAIN[effect.kind]
    verb = "sent" if effect.kind == "http" else "done"
    return Fate("at least once", f"in flight: {verb} again; on record: answered from the record", True)


def _mode(regions: tuple[Region, ...]) -> str:
    modes = [region.word for region in regions if region.word in {"idempotent", "non_idempotent"}]
    return modes[-1] if modes else "idempotent"


def region_says(region: Region, around: tuple[Region, ...], *, ends_on_failure: bool = False) -> str:
    """What a region means, in a sentence; `around` are the regions that it stands in.

    `ends_on_failure`: it is a bracket by hand whose end a failure reaches, too.
    """
    given = region.given
    if region.word == "atomic":
        if ends_on_failure:
            return "done again as a whole after a crash; but a failure ends it, too, with its half on record (DSL502)"
        outer = next((each for each in around if each.is_atomic), None)
        if outer is not None:
            return (
                f"part of the region that begins at line {outer.line}: until that has ended, this is done again with it"
            )
        if any(each.word == "transaction" for each in around):
            return "done again as a whole after a crash, until its end is on record; a failure ends it, and is undone"
        extra = {None: "", "()": "; not even a domain error ends it"}.get(
            given.get("commit_on"), f"; {given.get('commit_on')} ends it, too"
        )
        return f"done again as a whole after a crash or a failure, until its end is on record{extra}"
    if region.word == "persist":
        if region.records_nothing:
            return "nothing in it is recorded: each recovery performs it again"
        return "every call is recorded" if given.get("level") else "sets the persistence level"
    if region.word == "non_idempotent":
        if any(each.is_atomic or each.records_nothing for each in around):
            return "has no effect here: the region around it is done again as a whole"
        return "a remote call whose outcome is not known is not sent again: at most once"
    if region.word == "idempotent":
        return "a remote call whose outcome is not known is sent again: at least once"
    if region.word == "retry":
        if any(each.word == "transaction" for each in around):
            return "nothing is tried again in a transaction: a failure ends the step, and finished ones are undone"
        return _retry_says(region)
    if region.word == "commit":
        return "everything is on disk before the caller hears of the result"
    if region.word == "transaction":
        then = "and the transaction is tried again" if given.get("retry") else "and TransactionFailed is raised"
        return f"if it fails, the finished operations are undone, newest first, {then}"
    return "a step that a transaction can undo"


def _retry_says(region: Region) -> str:
    given = region.given
    parts = []
    if "max_attempts" in given:
        count = given["max_attempts"]
        parts.append(
            "a failure is not tried again" if count == 0 else f"a failure is tried again up to {_shown(count)} times"
        )
    else:
        parts.append("a failure is tried again as often as before")
    if "min_delay" in given:
        parts.append(f"{_delay(given['min_delay'])} apart at first")
    if "max_delay" in given:
        parts.append(f"at most {_delay(given['max_delay'])} apart")
    if "multiplier" in given:
        parts.append(f"each delay {_shown(given['multiplier'])} times the last")
    return ", ".join(parts)


def _shown(value: object) -> str:
    return "…" if value is None else str(value)


def _delay(value: object) -> str:
    return f"{value:g} s" if isinstance(value, (int, float)) else _shown(value)
