"""The type of a promise is on record with it: what is given to it is checked, whoever gives it."""

from __future__ import annotations

import dataclasses
import enum
import json
import time
from typing import Any, Literal

import pytest

from durable_dsl import asides
from durable_dsl.engine import Engine
from durable_dsl.engine.clock import SystemClock
from durable_dsl.engine.directory.promises import type_told
from durable_dsl.engine.errors import InvocationError, UsageError
from durable_dsl.values import typed_json
from durable_dsl.values.described import description_of, type_of
from tests.components import built_once
from tests.engine.programs import parsed, run_command
from tests.promises.test_promises import APP

WAITING = "test:promises/waiting"


@pytest.fixture
def waiting(tmp_path, tmp_path_factory):
    """A worker that waits for a decision, and the id of its promise."""
    with Engine.open(tmp_path, clock=SystemClock(), output=lambda *_: None) as engine:
        loaded = engine.load(built_once(APP, tmp_path_factory))
        one = engine.worker("w", loaded)
        started = one.start("decide", 0.0, idempotency_key="k")
        while one.status != "suspended":
            time.sleep(0.01)
        yield engine, started, one.describe(full=True)["waits_for"]


@pytest.mark.guarantee("PROMISE-6")
def test_a_value_of_another_type_is_refused(waiting):
    """By the engine's own call, with the type's name and the place; the promise stays pending."""
    engine, started, waits_for = waiting
    promise = waits_for["promise"]
    for value, said in (
        ({"ok": "yes"}, "Decision has no field 'ok'; it has approved, by"),
        ({"approved": "yes"}, 'approved: expected true or false, got "yes"'),
        ("yes", "expected Decision as JSON"),
    ):
        with pytest.raises(UsageError, match="is of type Decision, and this value is not") as refused:
            engine.complete_promise(promise, value)
        assert said in str(refused.value)
    assert engine.complete_promise(promise, {"approved": True})
    assert "Decision(approved=True, by='nobody')" == started.wait(300)


def test_a_worker_that_gives_another_type_fails(waiting, tmp_path_factory):
    """At once, and the one that waits goes on waiting. What it claims the type to be does not count."""
    engine, started, waits_for = waiting
    other = engine.worker("other", engine.load(built_once(APP, tmp_path_factory)))
    with pytest.raises(InvocationError, match="is of type Decision, and this value is not") as failed:
        other.invoke("give", waits_for["promise"], 7)
    assert "WrongValue" == failed.value.type
    assert "suspended" == engine.worker("w").status
    other.revert(last=1)
    assert other.invoke("approve", waits_for["promise"], True)
    assert "Decision(approved=True, by='a worker')" == started.wait(300)


def test_the_command_line_shows_and_checks_the_type(waiting, tmp_path):
    """`worker show` says what is waited for, of what type and since when."""
    _, started, waits_for = waiting
    assert "Decision" == waits_for["type"]
    shown = run_command(tmp_path, "worker", "show", "w")
    assert f"waits for    the promise {waits_for['promise']} of type Decision, since 20" in shown.stdout
    assert waits_for == parsed(run_command(tmp_path, "worker", "show", "w", "--json"))["waits_for"]

    refused = run_command(tmp_path, "worker", "complete-promise", waits_for["promise"], '{"ok": "yes"}')
    assert refused.returncode == 1
    assert "is of type Decision" in refused.stderr
    done = run_command(tmp_path, "worker", "complete-promise", waits_for["promise"], '{"approved": false}')
    assert done.returncode == 0, done.stderr
    assert "Decision(approved=False, by='nobody')" == started.wait(300)


def test_a_wait_with_a_deadline_is_shown_with_both(tmp_path, tmp_path_factory):
    """What it waits for, and until when."""
    with Engine.open(tmp_path, clock=SystemClock(), output=lambda *_: None) as engine:
        one = engine.worker("w", engine.load(built_once(APP, tmp_path_factory)))
        started = one.start("decide", 3600.0)
        while one.status != "suspended":
            time.sleep(0.01)
        waits_for = one.describe(full=True)["waits_for"]
        assert "Decision" == waits_for["type"]
        assert waits_for["since"] < waits_for["until"]
        assert engine.complete_promise(waits_for["promise"], {"approved": True})
        assert "Decision(approved=True, by='nobody')" == started.wait(300)


def test_bytes_are_of_no_type(tmp_path, tmp_path_factory):
    """Whoever makes such a promise takes anything."""
    with Engine.open(tmp_path, output=lambda *_: None) as engine:
        one = engine.worker("w", engine.load(built_once(APP, tmp_path_factory)))
        for kind in ("bytes", "record", "record", "enum"):
            one.invoke("immediate", kind)
        found = engine.store.read("SELECT type FROM promise ORDER BY idx")
    kinds = [None if one is None else typed_json.name_of(type_of(json.loads(one))) for (one,) in found]
    assert [None, "Decision", "Decision", "Kind"] == kinds


class Size(enum.Enum):
    SMALL = "small"
    OTHER = ("not", "json")


@dataclasses.dataclass
class Node:
    value: int
    children: list[Node] = dataclasses.field(default_factory=list)
    next: Node | None = None


@dataclasses.dataclass
class Item:
    size: Size
    counts: tuple[int, float]
    notes: dict[str, str | None]
    data: bytes
    how: Literal["fast", 3] = "fast"
    tree: Node | None = None


KINDS = [bool, int, float, str, None, list, dict, Any, Item, Node, Size, list[Item], dict[str, int], int | str]
WHOLE = {"size": "OTHER", "counts": [1, 2], "notes": {"a": None}, "data": {"base64": "AA=="}}
VALUES = [
    None, True, 1, 1.5, "small", "OTHER", "NaN", [], [1], {}, {"a": 1}, WHOLE, {**WHOLE, "how": 3}, [WHOLE],
    {**WHOLE, "how": 4}, {**WHOLE, "counts": [1]}, {**WHOLE, "size": "not"}, {**WHOLE, "notes": {"a": 1}},
    {**WHOLE, "data": "AA=="}, {**WHOLE, "more": 1}, {**WHOLE, "tree": {"value": "1"}}, {"value": 1, "children": []},
    {"value": 1, "next": {"value": 2}}, {"value": 1, "children": [3]},
]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_a_described_type_takes_what_the_type_takes(kind):
    """With the same words where it does not; below a dataclass that is inside of itself it takes anything."""
    typed_json.check_type(kind)
    described = type_of(json.loads(json.dumps(description_of(kind))))
    for value in VALUES:
        data = json.dumps(value).encode()
        assert _outcome(data, kind) == _outcome(data, described) or "[0]" in _outcome(data, kind)


def _outcome(data, kind):
    try:
        typed_json.from_bytes(data, kind)
    except typed_json.Mismatch as mismatch:
        return str(mismatch)
    return "fine"


@pytest.mark.parametrize("text", [b"", b"x", b"abcdef", b"abcdefg" * 50, "ünder".encode() * 30])
def test_what_is_told_aside_is_heard(text):
    """In instants that are long past; what was told before takes one."""
    listener = asides.Listener()
    told = asides.instants(text)
    for instant in [1_700_000_000_000_000_000, *told, 0]:
        listener.hear(instant)

    assert max(told) < 1 << 56
    assert (text or None) == listener.take()
    assert listener.take() is None
    listener.hear(told[0])
    assert (text or None) == listener.take()


@pytest.mark.parametrize("told", [
    None, b"\xff", b"{", b"7", b'"nonsense"',
    b'{"class": "A", "fields": {"a-b": "int"}, "needed": []}', b'{"list": ' * 5000 + b'"int"' + b"}" * 5000,
])  # fmt: skip
def test_nonsense_is_no_type(told):
    """Of a component that tells something else aside."""
    assert type_told(told) is None
