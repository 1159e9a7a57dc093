"""Promises: values that somebody gives later, a person, another worker or another system.

    @dataclass
    class Decision:
        approved: bool
        by: str

    promise = create_promise(Decision)
    http.post(approver, json={"answer_to": promise.id})
    decision = promise.wait(timeout="1d")

While it waits, a worker needs no memory and no process, and it goes on after any crash. The promise is completed by
its id: `Promise.from_id(id, Decision).complete(…)` in another worker, `durable-dsl worker complete-promise ID VALUE`,
or `Engine.complete_promise(id, …)`. The first completion counts. The embedded engine has the type on record and refuses
a value of another one, whoever gives it; elsewhere the worker that waits finds out.

Waiting for a promise and a clock at the same time is more than `await-promise` can do. Where the host has
`poll-promise` (target golem-1.1), the promise is looked at in growing intervals, a tenth of the time waited so far and
at most ten minutes, each of them an ordinary durable sleep; on golem-1.0 it is refused. The embedded engine ends such a
sleep at once when the promise is completed.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

from durable_dsl.binding.boundary import restore_pending
from durable_dsl.binding.state import call, open_atomic_region
from durable_dsl.errors import PromiseTimeout, PromiseValueError, RegionError
from durable_dsl.policy import duration_ns
from durable_dsl.values import typed_json
from durable_dsl.values.described import description_of
from durable_dsl.values.promise_ids import PromiseId

if sys.platform == "wasi":
    from durable_dsl.binding.promises import guest as binding
else:
    from durable_dsl.binding.promises import native as binding

if TYPE_CHECKING:
    from collections.abc import Generator

    from durable_dsl.policy import Duration

__all__ = ["Promise", "create_promise"]

T = TypeVar("T")
V = TypeVar("V")


class Promise(Generic[T]):
    """A value of type `T` that somebody gives later; `create_promise` and `Promise.from_id` make one.

    Two promises are equal if they have the same id. Only the id is sent anywhere.
    """

    __slots__ = ("_address", "_kind")

    def __init__(self, address: PromiseId, kind: Any) -> None:
        self._address = address
        self._kind = kind

    @property
    def id(self) -> str:
        """What the promise is completed by: a text with its component, its worker and its place in the oplog."""
        return str(self._address)

    @overload
    @classmethod
    def from_id(cls, text: str) -> Promise[bytes]: ...
    @overload
    @classmethod
    def from_id(cls, text: str, kind: type[V]) -> Promise[V]: ...
    @classmethod
    def from_id(cls, text: str, kind: Any = bytes) -> Promise[Any]:
        """The promise with that id. Raises PromiseValueError if the text is none; whether it exists shows later."""
        found = PromiseId.parse(text)
        if found is None:
            raise PromiseValueError(text, f"{text!r} is not the id of a promise: that is COMPONENT-UUID/WORKER/NUMBER")
        typed_json.check_type(kind)
        return Promise(found, kind)

    def wait(self, timeout: Duration | None = None) -> T:
        """Wait until it is completed, and give the value. The worker sleeps meanwhile and survives crashes.

        With `timeout` it raises PromiseTimeout (a TimeoutError) when nobody completed it in that time; the time goes on
        while the worker is down. Raises PromiseValueError for a value that is not of the promise's type, RegionError
        inside an atomic region.
        """
        limit = self._limit(timeout)
        data = binding.wait(self._address) if limit is None else binding.wait_until(self._address, limit)
        return self._value(data, limit)

    async def wait_async(self, timeout: Duration | None = None) -> T:  # noqa: ASYNC109  (durable)
        """`wait` for `async def`: other tasks run meanwhile. `await promise` is the same without a time-out."""
        limit = self._limit(timeout)
        return self._value(await binding.wait_async(self._address, limit), limit)

    def __await__(self) -> Generator[Any, Any, T]:
        return self.wait_async().__await__()

    def complete(self, value: T) -> bool:
        """Give the value; False if the promise has one already, which stays. Wakes the worker that waits for it.

        Raises PromiseValueError for a value that is not of the promise's type.
        """
        try:
            data = typed_json.to_bytes(value, self._kind)
        except typed_json.Mismatch as mismatch:
            reason = f"this is not {_a(self._kind)} to complete the promise with: {mismatch}"
            raise PromiseValueError(self.id, reason) from None
        if call.pending:
            restore_pending()
        return binding.complete(self._address, data)

    def _limit(self, timeout: Duration | None) -> int | None:
        """The time-out in nanoseconds, once it is clear that waiting is possible here."""
        limit = None if timeout is None else duration_ns(timeout, "timeout")
        if open_atomic_region() is not None:
            raise RegionError(
                f"the promise {self.id} is awaited inside an atomic region. The region is done again as a whole each "
                f"time the worker wakes up: wait before the region, or end it first"
            )
        if call.pending:
            restore_pending()
        return limit

    def _value(self, data: bytes | None, limit: int | None) -> T:
        if data is None:
            raise PromiseTimeout(self.id, (limit or 0) / 1e9)
        try:
            value: T = typed_json.from_bytes(data, self._kind)
        except typed_json.Mismatch as mismatch:
            reason = f"the promise {self.id} was completed with what is not {_a(self._kind)}: {mismatch}"
            raise PromiseValueError(self.id, reason) from None
        return value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Promise) and self._address == other._address

    def __hash__(self) -> int:
        return hash(self._address)

    def __repr__(self) -> str:
        return f"Promise[{typed_json.name_of(self._kind)}]({self.id!r})"


@overload
def create_promise() -> Promise[bytes]: ...
@overload
def create_promise(kind: type[T]) -> Promise[T]: ...
def create_promise(kind: Any = bytes) -> Promise[Any]:
    """Make a promise of a value: bytes, str, int, float, bool, list, dict, a dataclass or an Enum.

    Recorded: after a crash it is the same promise. Made inside an atomic region it is another one each time the region
    runs again, so make it before. Raises TypeError for a type that has no JSON form.
    """
    typed_json.check_type(kind)
    if call.pending:
        restore_pending()
    # Bytes and their readers settle between them what they mean.
    described = None if typed_json.resolved(kind) is bytes else json.dumps(description_of(kind)).encode()
    return Promise(binding.create(described), kind)


def _a(kind: Any) -> str:
    name = typed_json.name_of(kind)
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"
