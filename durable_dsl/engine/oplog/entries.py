"""The kinds of oplog entry, one frozen class each, and their rows.

A kind's name is Golem's entry name in kebab case. A *hint* is an entry that the guest's own execution does not
determine; replay skips it wherever it stands. Requests, responses and arguments are kept as the JSON text that goes
to the database: replay compares and hands out text that was written once, and nothing is encoded twice.

`row()` gives the columns after worker, index and time; `entry_of()` is its inverse. Fields that have a column of
their own go there, all others into the JSON object of the column `detail`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Literal, TypeAlias

FunctionType: TypeAlias = Literal["read-local", "write-local", "read-remote", "write-remote", "write-remote-batched"]
Row: TypeAlias = tuple[str, str | None, str | None, str | None, str | None, int | None, str | None, str | None]

_COLUMNS = ("function", "type", "request", "response", "begin", "key")


@dataclass(frozen=True, slots=True)
class Entry:
    """What one oplog entry says; index and time belong to its place in the log (`Record`)."""

    kind: ClassVar[str]
    hint: ClassVar[bool] = False
    #: Counts as progress for retries: a failure after it is another failure than one before it.
    progress: ClassVar[bool] = False

    def row(self) -> Row:
        columns: list[Any] = [getattr(self, name, None) for name in _COLUMNS]
        names: tuple[str, ...] = tuple(self.__slots__)
        said = {name: getattr(self, name) for name in names if name not in _COLUMNS}
        said = {name: value for name, value in said.items() if value is not None}
        detail = json.dumps(said, ensure_ascii=False) if said else None
        return self.kind, *columns, detail


@dataclass(frozen=True, slots=True)
class Record:
    """An entry in its place. `deleted` marks what a jump or a revert has taken out of the history."""

    index: int
    time: int
    entry: Entry
    deleted: bool = False

    @property
    def kind(self) -> str:
        return self.entry.kind


@dataclass(frozen=True, slots=True)
class Create(Entry):
    """Always entry 1. `parent` names the worker that this one was forked from, or that created it by a call.

    What else tells who it is: `identity.py`.
    """

    kind: ClassVar[str] = "create"
    component: str
    version: int
    args: tuple[str, ...] = ()
    env: tuple[tuple[str, str], ...] = ()
    parent: str | None = None
    earlier: int | None = None
    incarnation: str | None = None
    origins: tuple[tuple[int, str, int], ...] | None = None


@dataclass(frozen=True, slots=True)
class ExportedFunctionInvoked(Entry):
    """The start of an invocation. `request` is the JSON array of its arguments."""

    kind: ClassVar[str] = "exported-function-invoked"
    progress: ClassVar[bool] = True
    function: str
    request: str
    key: str

    def row(self) -> Row:
        return (self.kind, self.function, None, self.request, None, None, self.key, None)


@dataclass(frozen=True, slots=True)
class ExportedFunctionCompleted(Entry):
    """The normal end of an invocation. `response` is the JSON of its result."""

    kind: ClassVar[str] = "exported-function-completed"
    progress: ClassVar[bool] = True
    response: str

    def row(self) -> Row:
        return (self.kind, None, None, None, self.response, None, None, None)


@dataclass(frozen=True, slots=True)
class ImportedFunctionInvoked(Entry):
    """One finished durable host call. `begin` is set where the call belongs to a batch."""

    kind: ClassVar[str] = "imported-function-invoked"
    progress: ClassVar[bool] = True
    function: str
    request: str | None
    response: str
    type: FunctionType
    begin: int | None = None

    def row(self) -> Row:
        return (self.kind, self.function, self.type, self.request, self.response, self.begin, None, None)


@dataclass(frozen=True, slots=True)
class BeginRemoteWrite(Entry):
    """A batched or non-idempotent remote write may start now. `request` is what a batch begins with.

    `at_most_once` is set where idempotence mode was off: what has no end must never be sent again.
    """

    kind: ClassVar[str] = "begin-remote-write"
    function: str | None = None
    request: str | None = None
    at_most_once: bool | None = None


@dataclass(frozen=True, slots=True)
class EndRemoteWrite(Entry):
    """The remote write begun at `begin` is done."""

    kind: ClassVar[str] = "end-remote-write"
    progress: ClassVar[bool] = True
    begin: int


@dataclass(frozen=True, slots=True)
class BeginAtomicRegion(Entry):
    """What follows is one: done to its end, or done again."""

    kind: ClassVar[str] = "begin-atomic-region"


@dataclass(frozen=True, slots=True)
class EndAtomicRegion(Entry):
    """The atomic region begun at `begin` is complete."""

    kind: ClassVar[str] = "end-atomic-region"
    progress: ClassVar[bool] = True
    begin: int


@dataclass(frozen=True, slots=True)
class NoOp(Entry):
    """Written only for its index, which the guest keeps."""

    kind: ClassVar[str] = "no-op"
    progress: ClassVar[bool] = True


@dataclass(frozen=True, slots=True)
class Jump(Entry):
    """Entries `start` to `end`, both included and the jump itself among them, are no longer replayed."""

    kind: ClassVar[str] = "jump"
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class ChangeRetryPolicy(Entry):
    """From here on failures are judged by `policy`, in the form of golem:api."""

    kind: ClassVar[str] = "change-retry-policy"
    policy: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Suspend(Entry):
    """The instance was released: until a time (nanoseconds since 1970), or until the promise of that id completes."""

    kind: ClassVar[str] = "suspend"
    hint: ClassVar[bool] = True
    until: int | None = None
    promise: str | None = None


@dataclass(frozen=True, slots=True)
class Error(Entry):
    """A failed attempt. `retry_from` is its retry point, `final` that no further attempt follows."""

    kind: ClassVar[str] = "error"
    hint: ClassVar[bool] = True
    error_type: str
    message: str
    traceback: str
    retry_from: int
    final: bool


@dataclass(frozen=True, slots=True)
class Interrupted(Entry):
    """Somebody asked for the worker to stop."""

    kind: ClassVar[str] = "interrupted"
    hint: ClassVar[bool] = True


@dataclass(frozen=True, slots=True)
class Exited(Entry):
    """The guest called exit."""

    kind: ClassVar[str] = "exited"
    hint: ClassVar[bool] = True
    status: int


@dataclass(frozen=True, slots=True)
class PendingWorkerInvocation(Entry):
    """An invocation was accepted while the worker was busy or not loaded."""

    kind: ClassVar[str] = "pending-worker-invocation"
    hint: ClassVar[bool] = True
    function: str
    request: str
    key: str


@dataclass(frozen=True, slots=True)
class PendingUpdate(Entry):
    """An update to `version` was asked for; `snapshot` is base64 where the old build saved one.

    `key` is what another worker asked with. `replays` is set where the calls that the loading of the snapshot makes are
    on record behind it; earlier versions made them anew at each start.
    """

    kind: ClassVar[str] = "pending-update"
    hint: ClassVar[bool] = True
    version: int
    mode: Literal["automatic", "snapshot-based"]
    snapshot: str | None = None
    key: str | None = None
    replays: bool | None = None


@dataclass(frozen=True, slots=True)
class SuccessfulUpdate(Entry):
    """The worker runs on `version` now."""

    kind: ClassVar[str] = "successful-update"
    hint: ClassVar[bool] = True
    version: int


@dataclass(frozen=True, slots=True)
class FailedUpdate(Entry):
    """The update to `version` was given up, for the reason in `details`. `key` where it never got to be pending."""

    kind: ClassVar[str] = "failed-update"
    hint: ClassVar[bool] = True
    version: int
    details: str
    key: str | None = None


@dataclass(frozen=True, slots=True)
class CreateResource(Entry):
    """An export gave out a resource with the number `id`."""

    kind: ClassVar[str] = "create-resource"
    hint: ClassVar[bool] = True
    resource: str
    id: int


@dataclass(frozen=True, slots=True)
class DropResource(Entry):
    """Resource `id` was dropped."""

    kind: ClassVar[str] = "drop-resource"
    hint: ClassVar[bool] = True
    resource: str
    id: int


@dataclass(frozen=True, slots=True)
class DescribeResource(Entry):
    """Resource `id` was made by the indexed form, with the constructor arguments in `request`."""

    kind: ClassVar[str] = "describe-resource"
    hint: ClassVar[bool] = True
    resource: str
    id: int
    request: str


@dataclass(frozen=True, slots=True)
class Log(Entry):
    """Output of the guest. `level` is stdout, stderr, or a level of wasi:logging."""

    kind: ClassVar[str] = "log"
    hint: ClassVar[bool] = True
    level: str
    context: str
    message: str


@dataclass(frozen=True, slots=True)
class Revert(Entry):
    """Entries `start` to `end` are taken back, for replay and for results. `key` is what another worker asked with."""

    kind: ClassVar[str] = "revert"
    hint: ClassVar[bool] = True
    start: int
    end: int
    key: str | None = None


@dataclass(frozen=True, slots=True)
class CancelPendingInvocation(Entry):
    """The queued invocation with this key was taken back."""

    kind: ClassVar[str] = "cancel-pending-invocation"
    hint: ClassVar[bool] = True
    key: str


@dataclass(frozen=True, slots=True)
class Snapshot(Entry):
    """The state was saved between two invocations by build `version`, in `size` bytes: replay begins after this.

    Without a size there is no state to load: the worker begins as it was made. `modes` are what the host keeps of it.
    """

    kind: ClassVar[str] = "snapshot"
    hint: ClassVar[bool] = True
    version: int
    size: int | None = None
    modes: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Damaged(Entry):
    """Stands for an entry that does not match its checksum, where entries are shown; it is never written."""

    kind: ClassVar[str] = "damaged"
    hint: ClassVar[bool] = True
    was: str


KINDS: dict[str, type[Entry]] = {
    kind.kind: kind
    for kind in (
        Create, ExportedFunctionInvoked, ExportedFunctionCompleted, ImportedFunctionInvoked, BeginRemoteWrite,
        EndRemoteWrite, BeginAtomicRegion, EndAtomicRegion, NoOp, Jump, ChangeRetryPolicy, Suspend, Error,
        Interrupted, Exited, PendingWorkerInvocation, PendingUpdate, SuccessfulUpdate, FailedUpdate,
        CreateResource, DropResource, DescribeResource, Log, Revert, CancelPendingInvocation,
        Snapshot,
    )
}  # fmt: skip
PROGRESS: frozenset[str] = frozenset(kind for kind, entry in KINDS.items() if entry.progress)
HINTS: frozenset[str] = frozenset(kind for kind, entry in KINDS.items() if entry.hint)


def _frozen(value: Any) -> Any:
    return tuple(_frozen(item) for item in value) if isinstance(value, list) else value


def entry_of(row: Row) -> Entry:
    """The entry that `row` was made from; KeyError for a kind that this version does not know."""
    kind = KINDS[row[0]]
    values = dict(zip(_COLUMNS, row[1:7], strict=True))
    if row[7]:
        values.update({name: _frozen(value) for name, value in json.loads(row[7]).items()})
    return kind(**{field.name: values[field.name] for field in fields(kind) if field.name in values})
