"""Calls of other components' workers: types, refusals, failures, concurrency; the same in plain Python."""

from __future__ import annotations

import asyncio
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from durable_codegen.build import build
from durable_codegen.project.config import resolve
from durable_dsl import remote
from durable_dsl.engine import Engine
from durable_dsl.testing.building import component_of
from tests.guests import guest

APPS = Path(__file__).parent / "apps"
#: What the calls of `told` come to, but for the words of the errors of the engine.
TOLD = [
    "True",
    "True",
    "('c', 1)",
    "('b', 2)",
    "7",
    "Refused: ('no', None)",
    "Refused: ('no', None)",
    "Closed: for today",
    "None",
    "Closed: for today",
    "Gone: ",
    "RemoteError protocol-error: missing of worker 'a b/c' (echo): ",
    "TypeError: left of swapped is 'x', which is no int",
    "OverflowError: left of swapped is 9223372036854775808, which does not fit s64 ",
    "RemoteError failed: fail of worker 'broken' (echo): ",
]


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    with Engine.open(tmp_path_factory.mktemp("remote"), output=lambda *_: None) as engine:
        engine.load(component_of(APPS / "echo.py"))
        yield engine


@pytest.fixture(scope="module")
def asking(engine):
    return engine.worker("asking", engine.load(component_of(APPS / "asking.py")))


@pytest.fixture
def plain(monkeypatch):
    """The modules of both components in plain Python, the one answering for the other."""
    monkeypatch.syspath_prepend(str(APPS))
    asking = importlib.import_module("asking")
    echo, shapes = sys.modules.get("echo") or importlib.import_module("echo"), sys.modules["shapes"]
    with remote.register(shapes.Echo, echo):
        yield asking
    for name in ("asking", "echo", "shapes"):
        sys.modules.pop(name, None)


def starts(expected, actual):
    assert len(expected) == len(actual)
    for start, text in zip(expected, actual, strict=True):
        assert start == text[: len(start)]


def test_values_refusals_and_failures(asking):
    """Every type goes there and back; what the callee refuses is raised as its class; the rest is a RemoteError."""
    told = asking.invoke("told")

    starts(TOLD, told)
    assert "ValueError: on purpose" in told[14]


def test_golem_1_2_calls_workers_by_their_ids(engine, tmp_path):
    """The target's component imports golem:rpc 0.2 alone, and its calls come to the same."""
    settings = resolve({"app": str(APPS / "asking.py"), "target": "golem-1.2", "output": str(tmp_path / "newer.wasm")})
    component = engine.load(build(settings).output)
    imported = [one.id for one in component.imports.component.imports if one.name == "golem:rpc/types"]

    assert ["golem:rpc/types@0.2.0"] == imported
    starts(TOLD, engine.worker("newer", component).invoke("told"))


def test_plain_python_does_the_same(plain):
    """Through a stand-in, with the same conversion and the same errors."""
    starts(TOLD, plain.told())


def test_components_with_wit_are_called_by_the_module_that_is_written_for_them(engine, asking):
    """An interface with a version, records, variants, enums and flags, refusals, and functions of the world itself."""
    engine.load(guest("shop"))

    expected = ["True", "17-", "4", "an order needs lines", "first", "None", repr(b"\xff\xfe"), "-8"]
    assert expected == asking.invoke("shop")


def test_the_module_for_callers_is_what_the_component_says(tmp_path):
    """`durable-dsl client` on a component; resources are left out by name."""
    written = tmp_path / "shop_client.py"
    command = [sys.executable, "-m", "durable_dsl", "client", str(guest("shop")), "-o", str(written)]
    subprocess.run(command, check=True)

    assert (APPS / "shop_client.py").read_text() == written.read_text()


def test_calls_are_under_way_at_the_same_time(asking):
    """Three workers that take 400 ms each take the time of one."""
    *answers, took = asking.invoke("together", 3)

    assert [0.4] * 3 == answers
    assert 0.4 <= took < 1.1


def test_what_is_awaited_can_be_refused(asking, plain):
    """`call_async` raises as the call does."""
    expected = "Refused(why='later', line=None)"

    assert expected == asking.invoke("refused") == asyncio.run(plain.refused())


def test_a_call_that_nobody_waits_for(engine, asking):
    """It is done, in its turn, whatever comes of it."""
    assert "('after', 1)" == asking.invoke("begun", "closed")
    calls = [record for record in engine.worker("begun").oplog() if record.kind == "exported-function-invoked"]
    assert ["app:echo/api#close", "app:echo/api#swapped"] == [call.entry.function for call in calls]


def test_a_call_that_fails_unseen_is_warned_of(plain):
    """In plain Python, where it is a mistake of the test."""
    echo = remote.client(sys.modules["shapes"].Echo, worker="w")
    with pytest.warns(RuntimeWarning, match="ValueError: unseen"):
        echo.fail.start("unseen")


def test_plain_python_without_a_stand_in_says_what_to_do():
    """There are no other workers there."""

    class Stock:
        def left(self, sku: str) -> int: ...

    with pytest.raises(remote.RemoteError, match=r"remote\.register"):
        remote.client(Stock, worker="berlin").left("tea")


@pytest.mark.parametrize(
    ("hint", "message"),
    [
        (object, "which cannot be sent to another worker"),
        (dict[int, str], "which cannot be sent to another worker"),
        (int | str, "only dataclasses, or one type and None, make a union"),
    ],
)
def test_hints_that_cannot_cross_are_refused_by_name(hint, message):
    """When the client is made, not when it is used."""

    class Stock:
        def left(self, sku): ...

    Stock.left.__annotations__ = {"sku": hint, "return": int}
    with pytest.raises(TypeError, match=message) as refused:
        remote.client(Stock, worker="berlin")
    assert "sku of " in str(refused.value)
