"""Grants belong to a worker: kept with it, used by whichever process runs it, never by others that it calls."""

from __future__ import annotations

import sqlite3

import pytest

from durable_dsl.engine.clock import SystemClock
from durable_dsl.engine.comparing import compare
from durable_dsl.engine.errors import DamagedError, InvocationError, UsageError
from durable_dsl.values.component_ids import component_id_of
from tests.engine.http_guest import http_program
from tests.engine.http_server import serving
from tests.engine.programs import Shown, guest, kinds, opened, program, worker

CALLING = """
rpc = golem_rpc_types

def callee(component, name):
    return rpc.WasmRpc(rpc.Uri(f"urn:worker:{component}/{name}"))

def text(value):
    return [rpc.WitValue([rpc.WitNode_PrimString(value)])]
"""


@pytest.fixture
def server():
    with serving() as running:
        yield running


@pytest.fixture
def engine(tmp_path):
    with opened(tmp_path / "data", clock=SystemClock(), output=Shown()) as engine:
        yield engine


@pytest.fixture
def secrets(tmp_path):
    """A directory of this machine with something to read in it."""
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "key").write_text("secret")
    return tmp_path / "secrets"


def stops(one, source, key="k"):
    """The worker stops for the want of a grant; what it says."""
    with pytest.raises(InvocationError) as raised:
        one.invoke("run", source, idempotency_key=key)
    assert "NotGranted" == raised.value.type
    return raised.value.message


def calls(component, name, source):
    """A program that has another worker run a program, and waits for it."""
    return calls_by_id(component.id, name, source)


def calls_by_id(uuid, name, source, before="pass"):
    return f"""{CALLING}
{before}
with callee({uuid!r}, {name!r}) as called:
    result = called.invoke_and_await("run", text({source!r})).nodes[1].value
"""


# Requests


@pytest.mark.guarantee("GRANT-3")
def test_a_refused_request_is_no_outcome(tmp_path, server):
    """Nothing of the call is recorded, the server sees nothing, and the worker goes on when it may."""
    source = http_program(server.url, 'state["n"] = 1\nresult = fetch("get", URL + "/echo")[0]')
    shown = Shown()
    with opened(tmp_path, clock=SystemClock(), output=shown) as engine:
        one = worker(engine)
        said = stops(one, source)

        assert f"durable-dsl worker grant w --allow-http {server.authority}" in said
        assert ["create", "exported-function-invoked"] == kinds(one)
        assert said == one.describe(full=True)["wants"]
    assert not server.requests
    assert 1 == shown.text.count("--allow-http")
    with opened(tmp_path, clock=SystemClock()) as engine:
        one = engine.worker("w")
        stops(one, source)
        one.grant(allow_http=[server.authority])
        assert one.wants is None
        one.resume()

        assert "200" == one.invoke("run", source, idempotency_key="k")
        assert one.wants is None
    assert 1 == server.requests["GET /echo"]


@pytest.mark.parametrize("idempotent", [True, False])
def test_refused_in_a_region_and_at_most_once(engine, server, idempotent):
    """The region starts again when the worker goes on; a request at most once was not begun, and is sent then."""
    source = http_program(
        server.url,
        f"""
host.set_idempotence_mode({idempotent})
begin = host.mark_begin_operation()
result = fetch("get", URL + "/echo")[0]
host.mark_end_operation(begin)
""",
    )
    one = worker(engine)
    stops(one, source)
    assert "begin-remote-write" not in kinds(one)
    one.grant(allow_http=["127.0.0.1"])

    assert "200" == one.invoke("run", source, idempotency_key="k")
    assert 1 == server.requests["GET /echo"]


def test_refused_while_another_request_is_open(engine, server):
    """What is open is treated as at a crash: sent again when the worker goes on."""
    source = http_program(
        server.url,
        """
first = send("get", URL + "/echo")
second = send("get", URL.replace("127.0.0.1", "localhost") + "/status/201")
result = answer(first).status(), answer(second).status()
""",
    )
    one = worker(engine)
    one.grant(allow_http=["127.0.0.1"])
    said = stops(one, source)
    one.grant(allow_http=[said.rpartition(" ")[2]])

    assert "(200, " == one.invoke("run", source, idempotency_key="k")[:6]
    assert 1 == server.requests["GET /status/201"]


def test_refused_in_a_persist_nothing_zone(engine, server):
    """As anywhere else; the zone is performed anew."""
    source = http_program(
        server.url,
        """
host.set_oplog_persistence_level(host.PersistenceLevel_PersistNothing())
result = fetch("get", URL + "/echo")[0]
""",
    )
    one = worker(engine)
    stops(one, source)
    one.grant(allow_http=["127.0.0.1"])

    assert "200" == one.invoke("run", source, idempotency_key="k")


def test_a_request_that_is_sent_again_needs_the_grant_too(tmp_path, server):
    """Taken back between the first sending and the recovery: the worker stops there, and nothing leaves."""
    source = http_program(server.url, 'future = send("get", URL + "/slow/0.4")\nresult = answer(future).status()')
    with opened(tmp_path, clock=SystemClock(), allow_http=["127.0.0.1"], output=Shown()) as engine:
        one = worker(engine)
        one.start("run", source, idempotency_key="k")
        assert server.arrived.wait(300)
    sent = server.requests["GET /slow/0.4"]
    with opened(tmp_path, clock=SystemClock(), output=Shown()) as engine:
        one = engine.worker("w")
        one.revoke(allow_http=["127.0.0.1"])
        stops(one, source)
        assert sent == server.requests["GET /slow/0.4"]
        one.grant(allow_http=["127.0.0.1"])

        assert "200" == one.invoke("run", source, idempotency_key="k")


# Whose they are


@pytest.mark.guarantee("GRANT-2")
def test_a_worker_that_is_called_has_none_of_its_callers_grants(tmp_path, secrets):
    """Nor has it those of the process that runs both."""
    with opened(tmp_path / "data", clock=SystemClock(), dirs=[f"{secrets}::/s:ro"]) as engine:
        component = engine.load(guest("reader"))
        trusted = worker(engine)

        assert "secret" == trusted.invoke("run", "result = open('/s/key').read()")
        assert "False" == trusted.invoke(
            "run", calls(component, "thief", "import os; result = os.path.exists('/s/key')")
        )
        assert not engine.reach("thief").permissions.granted
        assert "secret" == trusted.invoke("run", "result = open('/s/key').read()")


def test_what_is_queued_and_called_runs_under_its_own_grants(tmp_path, server, secrets):
    """In whichever process: the caller's has no grants at all, and the callee still has its own."""
    reads = "result = open('/s/key').read()"
    with opened(tmp_path / "data", clock=SystemClock(), dirs=[f"{secrets}::/s:ro"]) as engine:
        component = engine.load(guest("reader"))
        engine.worker("trusted", component).invoke("run", "pass")
    with opened(tmp_path / "data", clock=SystemClock()) as engine:
        assert "secret" == worker(engine).invoke("run", calls(component, "trusted", reads))
        assert "secret" == engine.reach("trusted").fork("copy").invoke("run", reads)
        engine.delete_worker("trusted")
        engine.worker("trusted", component)
        assert "False" == engine.reach("trusted").invoke("run", "import os; result = os.path.exists('/s')")


def test_a_caller_stops_with_its_callee(tmp_path, server):
    """The refusal of the one is no answer to the other; both go on when the callee may."""
    asks = http_program(server.url, 'result = str(fetch("get", URL + "/echo")[0])')
    with opened(tmp_path, clock=SystemClock(), output=Shown()) as engine:
        caller = worker(engine, "caller")
        source = calls(engine.load(guest("script")), "callee", asks)
        said = stops(caller, source)

        assert f"durable-dsl worker grant callee --allow-http {server.authority}" in said
        assert not [kind for kind in kinds(caller) if kind.endswith("invoke-and-await")]
        engine.grant("script", allow_http=["127.0.0.1"])
        assert "200" == caller.invoke("run", source, idempotency_key="k")
        assert (1, None) == (server.requests["GET /echo"], caller.wants)
        engine.revoke("script", allow_http=["127.0.0.1"])
        assert not engine.reach("callee").permissions.granted


@pytest.mark.parametrize("idempotent", [True, False])
def test_a_component_that_is_not_there_yet(engine, idempotent):
    """The caller stops, and goes on when it is there; a call at most once was not made, and is made then."""
    uuid = component_id_of("reader")
    caller = worker(engine)
    source = calls_by_id(uuid, "callee", "result = 7", before=f"host.set_idempotence_mode({idempotent})")
    assert f"calling component {uuid}" in stops(caller, source)
    engine.load(guest("reader"))

    assert "7" == caller.invoke("run", source, idempotency_key="k")


# Giving and taking back


def test_a_grant_is_kept_and_can_be_taken_back(tmp_path, server, secrets):
    """For a live instance too; what was read before stays in the worker's history."""
    reads = "result = open('/s/key').read()"
    with opened(tmp_path / "data", clock=SystemClock(), dirs=[f"{secrets}::/s"], output=Shown()) as engine:
        assert "secret" == worker(engine).invoke("run", f"{reads}; state['seen'] = result")
    with opened(tmp_path / "data", clock=SystemClock(), output=Shown()) as engine:
        one = engine.worker("w")
        assert "secret" == one.invoke("run", reads)
        one.revoke(dirs=["/s"])
        assert f"--dir {secrets}::/s" in stops(one, reads)
        one.grant(dirs=[f"{secrets}::/s:ro"])
        assert "secret" == one.invoke("run", reads, idempotency_key="k")
        assert "('secret', 69)" == one.invoke("run", program("""
            try:
                open('/s/key', 'w')
            except OSError as error:
                result = state['seen'], error.errno
        """))  # fmt: skip
        assert "secret" == (secrets / "key").read_text()


def test_a_directory_that_is_gone(tmp_path, secrets):
    """Is not an empty one: the worker stops until it is there again."""
    reads = "result = open('/s/key').read()"
    with opened(tmp_path / "data", clock=SystemClock(), dirs=[f"{secrets}::/s"], output=Shown()) as engine:
        one = worker(engine)
        one.invoke("run", reads)
        secrets.rename(tmp_path / "moved")
        assert f"there is no directory {secrets} any more" in stops(one, reads)
        (tmp_path / "moved").rename(secrets)

        assert "secret" == one.invoke("run", reads, idempotency_key="k")


def test_taking_back_what_was_not_given(engine):
    """Is refused, and says what there is."""
    one = worker(engine)
    one.grant(allow_http=["a.test:443"])
    for some in ({"allow_http": ["a.test"]}, {"dirs": ["/s"]}, {"workers": ["x"]}, {"env": ["X"]}):
        with pytest.raises(UsageError, match="was not granted"):
            one.revoke(**some)
    with pytest.raises(UsageError, match="no component 'nobody'"):
        engine.grant("nobody", allow_http=["*"])


def test_grants_that_are_damaged(tmp_path):
    """Are no grants: neither wider nor narrower ones are made of them."""
    with opened(tmp_path, allow_http=["a.test"]) as engine:
        worker(engine)
    with sqlite3.connect(tmp_path / "durable.sqlite3") as connection:
        connection.execute("UPDATE grants SET grants = replace(grants, 'a.test', 'b.test')")
    with opened(tmp_path) as engine:
        with pytest.raises(DamagedError, match=r"the grants of worker 'w' are damaged.*worker grant"):
            engine.worker("w").invoke("run", "pass")
        engine.worker("w").grant(allow_http=["c.test"])

        assert ["c.test"] == engine.worker("w").permissions.own.as_json()["http"]


@pytest.mark.guarantee("AGAINST-1")
def test_a_build_is_compared_under_what_its_workers_were_granted(tmp_path, secrets):
    """The identical build continues; nothing is read or written there for the comparison."""
    source = "file = open('/s/key', 'a'); file.write('!'); file.close(); result = open('/s/key').read()"
    with opened(tmp_path / "data", clock=SystemClock(), dirs=[f"{secrets}::/s"]) as engine:
        assert "secret!" == worker(engine).invoke("run", source)
        worker(engine, "plain").invoke("run", "result = os.listdir('/')")
    secrets.rename(tmp_path / "moved")

    assert ["continues"] * 2 == [one.outcome for one in compare(tmp_path / "data", guest("script"))]
    assert "secret!" == (tmp_path / "moved" / "key").read_text()


def test_the_environment_is_changed_for_who_reads_it_from_then_on(tmp_path):
    """What was read stays what it was, in the instance that has read it and in every replay."""
    asks = "result = dict(environment.get_environment()).get('A')"
    with opened(tmp_path, env={"A": "1"}) as engine:
        one = worker(engine)
        assert "1" == one.invoke("run", "result = os.environ['A']")
        one.grant(env={"A": "2"})
        assert "1" == one.invoke("run", "result = os.environ['A']")
        assert "2" == one.invoke("run", asks)
    with opened(tmp_path, env={"A": "3"}) as engine:
        one = engine.worker("w")
        assert "1" == one.invoke("run", "result = os.environ['A']")
        one.revert(to=1)
        assert "2" == one.invoke("run", "result = os.environ['A']")
        one.revoke(env=["A"])
        assert "1" == one.invoke("run", asks)
