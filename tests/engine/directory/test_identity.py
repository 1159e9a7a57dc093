"""What workers are known by: never that of another one, be it deleted, forked, or called with the same key."""

from __future__ import annotations

import json
import time

import pytest

from durable_dsl.engine.clock import SystemClock
from durable_dsl.engine.directory import promises
from durable_dsl.engine.errors import InvocationError, UsageError
from durable_dsl.values.promise_ids import PromiseId
from tests.engine.http_server import serving
from tests.engine.programs import again, kinds, opened, run_command, worker
from tests.guests import guest

#: A promise whose id leaves in a request's path and headers and on stderr, is awaited, and leaves in the result.
TELLS = """
types = wasi_http_types
promise = host.create_promise()
told = f"{promise.worker_id.worker_name}-{promise.oplog_idx}"
request = types.OutgoingRequest(types.Fields.from_list([("answer-to", told.encode())]))
request.set_authority(AUTHORITY)
request.set_scheme(types.Scheme_Http())
request.set_path_with_query(f"/{told}")
outgoing_handler.handle(request, None).subscribe().block()
print(told, file=sys.stderr)
result = host.get_self_uri("run").value, told, host.await_promise(promise)
"""
CALLS = """
rpc = golem_rpc_types
other = rpc.WasmRpc(rpc.Uri(f"urn:worker:{COMPONENT}/other"))
source = "state['n'] = state.get('n', 0) + 1"
other.invoke_and_await("run", [rpc.WitValue([rpc.WitNode_PrimString(source)])])
"""
WAITS = "promise = host.create_promise(); result = promise.oplog_idx, host.await_promise(promise)"


@pytest.fixture
def engine(tmp_path):
    with opened(tmp_path, clock=SystemClock(), output=lambda *_: None) as engine:
        yield engine


@pytest.fixture
def telling(tmp_path):
    """A worker that waits for a promise of which it has told everybody, and the promise's id."""
    with serving() as server, opened(tmp_path, clock=SystemClock(), allow_http=[server.authority]) as engine:
        one = worker(engine)
        started = one.start("run", f"AUTHORITY = {server.authority!r}\n{TELLS}", idempotency_key="k")
        until(lambda: one.status == "suspended")
        yield engine, started, one.describe(full=True)["waits_for"]["promise"]


def until(holds):
    """Wait for what is certain to come."""
    while not holds():
        time.sleep(0.01)


def result_of(one, key="k"):
    return again(one, key)


@pytest.mark.guarantee("FORK-1")
def test_a_fork_is_who_its_source_was_in_what_it_repeats(telling):
    """What the source has told of itself is what the fork tells again; from then on it has its own name."""
    engine, started, promise = telling
    middle = next(one.index for one in worker(engine).oplog() if one.kind == "no-op")
    fork, early = worker(engine).fork("fork"), worker(engine).fork("early", middle)
    further = fork.fork("further")
    until(lambda: {fork.status, early.status, further.status} == {"suspended"})
    assert engine.complete_promise(promise, b"yes")
    assert not engine.complete_promise(promise, b"no")

    number = PromiseId.parse(promise).index
    for one in (fork, early, further):
        uri = f"urn:worker:{one.component_id}/{one.name}/run"
        assert repr((uri, f"w-{number}", b"yes")) == result_of(one)
    assert started.wait(300).endswith("b'yes')")


def test_a_fork_of_a_worker_that_is_done_replays(telling):
    """Its own uri was in the result, which is compared."""
    engine, started, promise = telling
    engine.complete_promise(promise, b"yes")
    result = started.wait(300)
    fork = worker(engine).fork("fork")
    assert "1" == fork.invoke("run", "result = 1")
    assert result == result_of(fork)


def test_a_fork_has_its_own_promises(telling):
    """Named by the fork and the index, it is the fork's alone; without its source it is still there."""
    engine, started, promise = telling
    number = PromiseId.parse(promise).index
    one, other = worker(engine).fork("one"), worker(engine).fork("other")
    assert engine.complete_promise("one", number, b"only one")
    assert result_of(one).endswith("b'only one')")
    assert engine.complete_promise(promise, b"the rest")
    assert started.wait(300).endswith("b'the rest')")
    assert engine.delete_worker("w")

    third = other.fork("third", number)
    until(lambda: third.status == "suspended")
    assert engine.complete_promise(promise, b"late")
    assert result_of(third).endswith("b'late')")
    assert result_of(other).endswith("b'the rest')")


def test_a_fork_makes_promises_that_its_source_has_not(engine):
    """Both go on from the same entry: the ids that they give are not the same."""
    one = worker(engine)
    one.invoke("run", "")
    fork = one.fork("fork")
    for each in (one, fork):
        each.start("run", WAITS, idempotency_key="k")
        until(lambda each=each: each.status == "suspended")
    first, second = (each.describe(full=True)["waits_for"]["promise"] for each in (one, fork))
    assert first != second
    assert engine.complete_promise(second, b"fork")
    assert result_of(fork).endswith("b'fork')")
    assert "suspended" == one.status


@pytest.mark.guarantee("PROMISE-4")
def test_an_id_is_never_used_again(engine):
    """The promise of a worker that was deleted is not the one that the next worker of that name makes."""
    ids = []
    for _ in range(3):
        one = worker(engine)
        one.start("run", WAITS)
        until(lambda one=one: one.status == "suspended")
        ids.append(one.describe(full=True)["waits_for"]["promise"])
        for earlier in ids[:-1]:
            with pytest.raises(UsageError, match="an earlier worker of that name made it, which was deleted"):
                engine.complete_promise(earlier, b"x")
        engine.delete_worker("w")

    assert 3 == len(set(ids))
    last = worker(engine)
    started = last.start("run", WAITS)
    until(lambda: last.status == "suspended")
    index = next(record.index for record in last.oplog() if record.kind == "no-op")
    assert engine.complete_promise("w", index, b"x")  # by its worker and its index, as it is now
    assert started.wait(300).endswith("b'x')")


def test_fresh_workers_do_not_take_old_answers(tmp_path):
    """As the command line deletes and makes them."""
    source = "promise = host.create_promise(); result = promise.oplog_idx"
    run = ("run", str(guest("script")), "run", source, "--worker", "w")
    first, second = run_command(tmp_path, *run), run_command(tmp_path, *run, "--fresh")
    with opened(tmp_path) as engine:
        component = worker(engine).component_id
    numbers = [int(json.loads(done.stdout)) for done in (first, second)]
    old, new = (
        run_command(tmp_path, "worker", "complete-promise", f"{component}/w/{number}", "x") for number in numbers
    )

    assert (1, 0) == (old.returncode, new.returncode)
    assert "an earlier worker of that name made it" in old.stderr


@pytest.mark.guarantee("KEY-2")
def test_keys_are_of_one_worker(engine):
    """Two workers whose callers use the same key, and the next worker of that name, each make their own call."""
    loaded = engine.load(guest("script"))
    source = f"COMPONENT = {loaded.id!r}\n{CALLS}\nresult = host.generate_idempotency_key().low_bits"
    keys = {engine.worker(name, loaded).invoke("run", source, idempotency_key="first") for name in ("a", "b")}
    engine.delete_worker("a")
    keys.add(engine.worker("a", loaded).invoke("run", source, idempotency_key="first"))
    source_of_fork = engine.worker("a").fork("c")
    keys.add(source_of_fork.invoke("run", source, idempotency_key="second"))
    keys.add(engine.worker("a").invoke("run", source, idempotency_key="second"))

    assert 5 == len(keys)
    assert "5" == engine.worker("other").invoke("run", "result = state['n']")


def test_a_handle_is_of_one_worker(engine):
    """What a deleted worker gave out is nothing of the next worker of that name; a fork has its source's."""
    loaded = engine.load(guest("shop"))
    handles = []
    for name in ("shop", "shop", "other", "shop"):
        handles.append(engine.worker(name, loaded).invoke("[constructor]cart", name))
        engine.delete_worker(name)
    one = engine.worker("shop", loaded)
    mine = one.invoke("[constructor]cart", "ann")
    for earlier in (handles[0], handles[1], handles[3]):
        assert mine.id > earlier.id
        with pytest.raises(UsageError, match="there is no cart"):
            one.invoke("[method]cart.add", earlier, "pear")
    assert 1 == one.invoke("[method]cart.add", mine, "pear")
    fork = one.fork("fork")
    assert 2 == fork.invoke("[method]cart.add", mine, "fig")
    assert fork.invoke("[constructor]cart", "bob").id > mine.id


REMAKES = """
first = host.create_promise()
if host.complete_promise(first, b"mine"):
    host.delete_promise(first)
state["first"] = first.oplog_idx
"""


@pytest.mark.guarantee("PROMISE-5")
def test_going_back_takes_back_what_was_given_and_deleted(engine):
    """A promise is what it was at the entry that a worker goes back to."""
    one = worker(engine)
    one.invoke("run", REMAKES)
    index = int(one.invoke("run", "result = state['first']"))
    completed, deleted = (
        next(record.index for record in one.oplog() if getattr(record.entry, "function", "") == f"golem_{verb}_promise")
        for verb in ("complete", "delete")
    )

    def state():
        row = engine.store.select_one("promise", "WHERE worker = ? AND idx = ?", (one.id, index))
        return None if row is None else row["state"]

    seen = [state()]
    for kept in (deleted, completed, completed - 1, index - 1):
        one.revert(to=kept)
        seen.append(state())
    assert ["deleted", "deleted", "completed", "pending", None] == seen
    with pytest.raises(promises.NoPromise):
        engine.complete_promise("w", index, b"x")


def test_a_bad_answer_can_be_given_anew(engine):
    """The worker has failed because of it, and goes back to before it was looked at."""
    one = worker(engine)
    source = "promise = host.create_promise(); result = int(host.await_promise(promise))"
    started = one.start("run", source, idempotency_key="k")
    until(lambda: one.status == "suspended")
    waiting, promise = one.oplog_index, one.describe(full=True)["waits_for"]["promise"]
    engine.complete_promise(promise, b"many")
    with pytest.raises(InvocationError, match="invalid literal"):
        started.wait(300)
    one.revert(to=waiting)
    assert "suspended" == one.status
    assert engine.complete_promise(promise, b"7")
    assert "7" == result_of(one)


def test_an_answer_that_was_not_looked_at_can_be_taken_back(tmp_path):
    """Nobody runs the worker when it is given."""
    with opened(tmp_path, clock=SystemClock()) as engine:
        one = worker(engine)
        one.start("run", WAITS, idempotency_key="k")
        until(lambda: one.status == "suspended")
        promise = one.describe(full=True)["waits_for"]["promise"]
    with opened(tmp_path, clock=SystemClock()) as engine:
        one = worker(engine)
        with one.turn():
            engine.complete_promise(promise, b"wrong")
        one.release_if_idle()
        index = engine.store.last_index(one.id)
    with opened(tmp_path, clock=SystemClock()) as engine:
        one = worker(engine)
        one.revert(to=index)
        assert engine.complete_promise(promise, b"right")
        assert result_of(one).endswith("b'right')")


def test_an_answer_that_is_in_the_history_stays(engine):
    """Going back to after it was looked at leaves it."""
    one = worker(engine)
    started = one.start("run", f"{WAITS}\nstate['given'] = result[1]", idempotency_key="k")
    until(lambda: one.status == "suspended")
    promise = one.describe(full=True)["waits_for"]["promise"]
    engine.complete_promise(promise, b"x")
    started.wait(300)
    kept = one.oplog_index
    one.invoke("run", "state['more'] = 1")
    one.revert(to=kept)
    assert not engine.complete_promise(promise, b"y")
    assert "{'given': b'x'}" == one.invoke("run", "result = state")
    assert "golem_await_promise" in kinds(one)


def test_what_is_waited_for_is_read_when_the_status_is(engine):
    """A summary that is older than the wait does not hide it."""
    one = worker(engine)
    one.invoke("run", "result = 1")
    before = one.summary()
    started = one.start("run", WAITS, idempotency_key="k")
    until(lambda: one.status == "suspended")
    promise = one.describe(full=True, summary=before)["waits_for"]["promise"]
    engine.complete_promise(promise, b"x")
    started.wait(300)


def test_a_fork_of_an_earlier_entry_has_promises_as_they_were_then(engine):
    """What was given later is not given in the fork."""
    one = worker(engine)
    started = one.start("run", WAITS, idempotency_key="k")
    until(lambda: one.status == "suspended")
    waiting = one.oplog_index
    engine.complete_promise(one.describe(full=True)["waits_for"]["promise"], b"x")
    started.wait(300)
    fork = one.fork("fork", waiting)
    waits: list[dict[str, object]] = []
    until(lambda: waits.append(fork.describe(full=True)["waits_for"]) or waits[-1])  # it may replay just now
    assert engine.complete_promise(waits[-1]["promise"], b"y")
    assert result_of(fork).endswith("b'y')")
