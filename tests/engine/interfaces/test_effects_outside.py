"""What leaves a worker leaves once what it is made of is on disk: after a crash at that instant it is the same."""

from __future__ import annotations

import threading
import time

import pytest

from durable_dsl.engine.clock import SystemClock
from tests.engine.outside import World, leave, serving
from tests.engine.programs import opened, program, worker
from tests.guests import guest

#: The token is drawn anew in each attempt of which nothing is on disk.
TOKEN = """
from_random = random.get_random_bytes(6).hex()
token = f"<<{from_random}>>"
"""
FOR_THE_READER = """
token = f"<<{monotonic_clock.now()}>>"
ID = host.get_self_metadata().worker_id
"""
CALLS = """
rpc = golem_rpc_types
text = rpc.WitValue([rpc.WitNode_PrimString(f"'{token}'")])
other = rpc.WasmRpc(rpc.Uri(f"urn:worker:{COMPONENT}/other"))
"""
REQUEST = """
types = wasi_http_types
request = types.OutgoingRequest(types.Fields())
request.set_authority(AUTHORITY)
request.set_scheme(types.Scheme_Http())
request.set_path_with_query(f"/{token}")
future = outgoing_handler.handle(request, None)
future.subscribe().block()
"""
BODY = """
types = wasi_http_types
request = types.OutgoingRequest(types.Fields.from_list([("content-length", b"16")]))
request.set_authority(AUTHORITY)
request.set_scheme(types.Scheme_Http())
request.set_path_with_query("/")
body = request.body()
future = outgoing_handler.handle(request, None)
token = f"<<{random.get_random_bytes(6).hex()}>>"
stream = body.write()
stream.write(token.encode())
stream.__exit__(None, None, None)
types.OutgoingBody.finish(body, None)
future.subscribe().block()
"""
LATER = """
rpc = golem_rpc_types_0_2_0
text = rpc.WitValue([rpc.WitNode_PrimString(f"'{token}'")])
other = rpc.WasmRpc(rpc.WorkerId(ID.component_id, "other"))
now = wall_clock.now()
later = wall_clock.Datetime(now.seconds + 3600, 0)
"""

#: What it does with its token, by the way on which that leaves.
WAYS = {
    "HTTP request": REQUEST,
    "body of a request that is under way": BODY,
    "call": f"{CALLS}\nother.invoke_and_await('run', [text])",
    "call with a future": f"{CALLS}\nfuture = other.async_invoke_and_await('run', [text]); future.subscribe().block()",
    "call that nobody waits for": f"{CALLS}\nother.invoke('run', [text])",
    "call of a worker that is made": f"""{CALLS}
rpc.WasmRpc(rpc.Uri(f"urn:worker:{{COMPONENT}}/{{token}}")).invoke("run", [text])
""",
    "file": "open(f'/shared/{token}', 'w')",
    "line of a file": "open('/shared/file', 'a').write(token)",
    "key-value store": """
kv = wasi_keyvalue_types
value = kv.OutgoingValue.new_outgoing_value()
value.outgoing_value_write_body_sync(token.encode())
eventual.set(kv.Bucket.open_bucket("things"), "key", value)
""",
    "blob store": "blobstore.create_container(token)",
    "value of a promise": """
mine = host.get_self_metadata().worker_id
host.complete_promise(host.PromiseId(host.WorkerId(mine.component_id, "holder"), HELD), token.encode())
""",
    "idempotency key": "token = f'<<{host.generate_idempotency_key().low_bits}>>'" + REQUEST,
    "result": "result = token",
}
WAYS_OF_THE_READER = {
    "scheduled call": f"{LATER}\nother.schedule_cancelable_invocation(later, 'run', [text])",
}


@pytest.fixture
def world(tmp_path):
    return World(tmp_path, "w")


def run(world, data, text, component, authority):
    """Call worker `w` with a program; tells what the caller got."""
    options = {"dirs": [f"{world.shared}::/shared"], "allow_http": [authority], "clock": SystemClock()}
    with opened(data, output=lambda *_: None, **options) as engine:
        engine.store.probe = world
        loaded = engine.load(guest(component))
        held = None
        if component == "script":
            holder = engine.worker("holder", loaded)
            if not holder.summary().last > 1:
                holder.invoke("run", "state['held'] = host.create_promise(); result = state['held'].oplog_idx")
            held = int(holder.invoke("run", "result = state['held'].oplog_idx"))
        names = f"COMPONENT, AUTHORITY, HELD = {loaded.id!r}, {authority!r}, {held}"
        source = f"{names}\n{program(text)}"
        result = engine.worker("w", loaded).invoke("run", source, idempotency_key="key")
        world.sent.append(result.encode())
        world.look()
        engine.settle()


@pytest.mark.guarantee("EFFECT-1")
@pytest.mark.parametrize(("way", "component"), [
    *((way, "script") for way in WAYS), *((way, "reader") for way in WAYS_OF_THE_READER),
])  # fmt: skip
def test_what_leaves_is_the_same_after_a_crash_at_that_instant(world, way, component):
    """Nobody ever sees a second token."""
    text = TOKEN + WAYS[way] if component == "script" else FOR_THE_READER + WAYS_OF_THE_READER[way]
    with serving(world) as authority:
        run(world, world.data, text, component, authority)
        first = world.seen(world.data)
        assert 1 == len(first)
        assert world.left.exists()
        run(world, world.left, text, component, authority)

    assert first == world.seen(world.left)


#: Ways on which the id of a promise gets to whoever completes it; it is made just before.
GIVEN = {
    "printed": "print(token, file=sys.stderr)",
    "HTTP request": REQUEST,
    "call": f"{CALLS}\nother.invoke('run', [text])",
    "call with a future": f"{CALLS}\nfuture = other.async_invoke_and_await('run', [text])",
    "file": "open(f'/shared/{token}', 'w')",
}


@pytest.mark.guarantee("PROMISE-3")
@pytest.mark.parametrize("way", GIVEN)
def test_whoever_has_the_id_of_a_promise_can_complete_it(world, way):
    """From the first instant on, and the worker finds the value after a crash at that instant."""
    promise = "promise = host.create_promise()\ntoken = f'<<{promise.oplog_idx}>>'"
    text = f"{promise}\n{GIVEN[way]}\nresult = f'got {{host.await_promise(promise)}}'"
    options = {"dirs": [f"{world.shared}::/shared"], "clock": SystemClock()}
    with serving(world) as authority:
        options["allow_http"] = [authority]
        with opened(world.data, output=world.written, **options) as engine:
            engine.store.probe = world
            loaded = engine.load(guest("script"))
            source = f"COMPONENT, AUTHORITY = {loaded.id!r}, {authority!r}\n{program(text)}"
            started = engine.worker("w", loaded).start("run", source, idempotency_key="key")
            until(world.left.exists)
            (token,) = world.seen(world.data)
            engine.complete_promise("w", int(token.strip(b"<>")), b"live")
            assert "got b'live'" == started.wait(300)
        with opened(world.left, **options) as engine:
            assert engine.complete_promise("w", int(token.strip(b"<>")), b"later")
            assert "got b'later'" == worker(engine).invoke("run", source, idempotency_key="key")


CALLER = """
rpc = golem_rpc_types
text = rpc.WitValue([rpc.WitNode_PrimString(CALLED)])
other = rpc.WasmRpc(rpc.Uri(f"urn:worker:{COMPONENT}/other"))
"""
CALLED = "host.oplog_commit(1); state['n'] = state.get('n', 0) + 1; print('called', file=sys.stderr)"


class Steps:
    """A probe by which a test has workers wait, and copies what is on disk when they get somewhere."""

    def __init__(self, engine, **at):
        self.at = at
        self.names = {row.id: row.name for row in engine.catalogue.workers()}

    def called(self, _place, _host, _name, _type):
        """Entries tell enough."""

    def added(self, worker, _index, entry):
        self._pass(worker, getattr(entry, "function", None) or entry.kind)

    def committed(self, worker, _index):
        self._pass(worker, "commit")

    def _pass(self, worker, where):
        do = self.at.pop(f"{self.names[worker]} {where}", None)
        if do is not None:
            do()


@pytest.mark.guarantee("REMOTE-2")
def test_a_call_is_not_made_twice_whatever_waited_for_the_caller(tmp_path):
    """Its key is on disk before the callee begins: what was queued behind the caller runs later, not instead of it."""
    data, left, queued = tmp_path / "data", tmp_path / "left", threading.Event()
    with opened(data, clock=SystemClock()) as engine:
        loaded = engine.load(guest("script"))
        caller, _ = engine.worker("w", loaded), engine.worker("other", loaded)
        engine.store.probe = Steps(
            engine,
            **{"w golem_environment::get_arguments": queued.wait, "other commit": lambda: leave(data, left)},
        )
        source = f"COMPONENT, CALLED = {loaded.id!r}, {CALLED!r}\n{CALLER}\nother.invoke_and_await('run', [text])"
        first = caller.start("run", source, idempotency_key="first")
        second = caller.start("run", "result = time.time()", idempotency_key="second")
        queued.set()
        first.wait(300)
        second.wait(300)
    with opened(left, clock=SystemClock()) as engine:
        caller = worker(engine)
        caller.start("run", source, idempotency_key="first").wait(300)
        caller.start("run", "result = time.time()", idempotency_key="second").wait(300)
        assert "1" == worker(engine, "other").invoke("run", "result = state['n']")


@pytest.mark.guarantee("REMOTE-3")
def test_a_call_whose_result_nobody_waits_for_is_not_lost(tmp_path):
    """When the caller is done, the call is on disk, also where nothing of the callee is."""
    data, left, done = tmp_path / "data", tmp_path / "left", threading.Event()
    with opened(data, clock=SystemClock()) as engine:
        loaded = engine.load(guest("script"))
        caller, _ = engine.worker("w", loaded), engine.worker("other", loaded)
        engine.store.probe = Steps(engine, **{"other run": done.wait})
        source = f"COMPONENT, CALLED = {loaded.id!r}, {CALLED!r}\n{CALLER}\nother.async_invoke_and_await('run', [text])"
        caller.invoke("run", source)
        leave(data, left)
        done.set()
        engine.settle()
    with opened(left, clock=SystemClock()) as engine:
        other = worker(engine, "other")
        assert "1" == other.invoke("run", "result = state['n']")
        assert [] == other.describe(full=True)["pending"]


@pytest.mark.guarantee("REMOTE-3")
@pytest.mark.parametrize("call", ["async_invoke_and_await", "invoke"])
def test_a_call_that_had_not_begun_is_made_by_the_recovery(tmp_path, call):
    """The record ends with the key of the call, or with its place in the queue: nobody asks for its outcome later."""
    data, left = tmp_path / "data", tmp_path / "left"
    with opened(data, clock=SystemClock()) as engine:
        loaded = engine.load(guest("script"))
        caller, other = engine.worker("w", loaded), engine.worker("other", loaded)
        source = f"COMPONENT, CALLED = {loaded.id!r}, {CALLED!r}\n{CALLER}\nother.{call}('run', [text])\nresult = 1"
        with other.turn():  # it does not begin before the copy is made
            steps = {"w commit": lambda: leave(data, left)}
            engine.store.probe = Steps(engine, **steps)
            assert "1" == caller.invoke("run", source, idempotency_key="first")
    with opened(left, clock=SystemClock()) as engine:
        assert "1" == worker(engine).invoke("run", source, idempotency_key="first")
        engine.settle()
        assert 1 == sum(record.kind == "exported-function-completed" for record in worker(engine, "other").oplog())


def until(holds):
    """Wait for what is certain to come."""
    while not holds():
        time.sleep(0.01)
