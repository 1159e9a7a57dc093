"""Bodies of requests, of any size and in any pieces: a replay takes the same way as the first run, and never waits."""

from __future__ import annotations

import asyncio
import importlib
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from durable_dsl.binding.exchanges import Exchange, close_exchanges
from durable_dsl.binding.http.exchange import Asked
from tests.http.channel import PIECE, Server, host_module

MODULES = ("durable_dsl.binding.http.failures", "durable_dsl.binding.http.sending")
SIZES = st.lists(st.integers(0, 3 * PIECE), max_size=5)


@pytest.fixture(scope="module")
def sending():
    """The guest's module that sends, over the host of `channel`; `server` is who gets the next request."""
    module = pytest.MonkeyPatch()
    servers = []
    module.setitem(sys.modules, "durable_http_host", host_module(lambda: servers[-1]))
    for name in MODULES:
        module.delitem(sys.modules, name, raising=False)
    made = importlib.import_module(MODULES[-1])
    yield lambda server, asked: send(made, servers, server, asked)
    module.undo()
    for name in MODULES:
        sys.modules.pop(name, None)


def send(module, servers, server, asked):
    async def block(pollable):
        pollable.block()

    servers.append(server)
    try:
        asyncio.run(module.begin(asked, Exchange(), block))
    except module.Ended as ended:
        return ended.problem
    finally:
        close_exchanges()
    return None


def asked(body, headers=()):
    return Asked("POST", "http://h/", "http", "h", "/", headers, body)


def pieces(sizes):
    return [bytes([at % 250 + 1]) * size for at, size in enumerate(sizes)]


async def one_by_one(parts):
    for part in parts:
        yield part


FORMS = {
    "a whole": b"".join,
    "a generator": lambda parts: (part for part in parts),
    "an asynchronous generator": one_by_one,
}


@pytest.mark.guarantee("HTTP-3")
@pytest.mark.parametrize("form", FORMS)
@given(SIZES)
@settings(deadline=None, max_examples=25)
def test_a_replay_waits_as_often_as_the_first_run_and_never_for_ever(sending, form, sizes):
    """Nobody takes anything out of the channel there. Live, every byte arrives, in order."""
    parts = pieces(sizes)
    live = Server()
    assert sending(live, asked(FORMS[form](parts))) is None
    replay = Server(reads=False, recorded=live.waits)

    assert sending(replay, asked(FORMS[form](parts))) is None
    assert live.body == b"".join(parts)
    assert live.finished or (form == "a whole" and not any(sizes))
    assert live.waits == replay.waits == max(0, -(-sum(sizes) // PIECE) - 2)


@pytest.mark.parametrize("until", [1, PIECE, 3 * PIECE])
def test_a_server_that_answers_early_changes_nothing_of_what_is_recorded(sending, until):
    """It reads no more, which a replay does not see: both wait as often."""
    body = b"x" * (6 * PIECE + 1)
    live = Server(until=until)
    assert sending(live, asked(body)) is None
    replay = Server(reads=False, recorded=live.waits)

    assert sending(replay, asked(body)) is None
    assert live.waits == replay.waits == 5


@pytest.mark.parametrize(("length", "sizes"), [(4, [5]), (4, [3]), (0, [1]), (PIECE, [PIECE, 1]), (3, [2, 2, 2])])
@pytest.mark.parametrize("form", FORMS)
def test_a_body_of_another_length_than_its_content_length_is_an_error(sending, form, length, sizes):
    """Live and in a replay, and no matter what the host would say."""
    headers = [("content-length", str(length).encode())]
    told = [str(sending(Server(reads=reads), asked(FORMS[form](pieces(sizes)), headers))) for reads in (True, False)]

    assert told[0] == told[1]
    assert f"its content-length is {length}, but its body has" in told[0]
