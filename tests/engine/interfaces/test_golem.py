"""golem:api/host: promises, metadata, enumeration."""

from __future__ import annotations

import pytest
from wasmtime import wat2wasm

from durable_dsl.engine.errors import InvocationError, UsageError
from tests.engine.programs import again, kinds, opened, program, worker

AWAITS = program("""
    promise = host.create_promise()
    result = promise.oplog_idx, host.await_promise(promise)
""")

#: `run` gives the URI of the worker `w1` of the component whose UUID is two numbers, 1 and 2.
ASKS_FOR_A_URI = """
(component
  (import "golem:api/host@1.1.5" (instance $host
    (type $uuid-fields (record (field "high-bits" u64) (field "low-bits" u64)))
    (export "uuid" (type $uuid (eq $uuid-fields)))
    (type $component-fields (record (field "uuid" $uuid)))
    (export "component-id" (type $component (eq $component-fields)))
    (type $worker-fields (record (field "component-id" $component) (field "worker-name" string)))
    (export "worker-id" (type $worker (eq $worker-fields)))
    (type $uri-fields (record (field "value" string)))
    (export "uri" (type $uri (eq $uri-fields)))
    (export "worker-uri" (func (param "worker-id" $worker) (result $uri)))))
  (core module $held
    (memory (export "memory") 1)
    (data (i32.const 0) "w1")
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024)))
  (core instance $h (instantiate $held))
  (core func $uri (canon lower (func $host "worker-uri")
    (memory (core memory $h "memory")) (realloc (core func $h "realloc"))))
  (core module $m
    (import "host" "uri" (func $uri (param i64 i64 i32 i32 i32)))
    (func (export "run") (result i32)
      (call $uri (i64.const 1) (i64.const 2) (i32.const 0) (i32.const 2) (i32.const 16))
      (i32.const 16)))
  (core instance $i (instantiate $m (with "host" (instance (export "uri" (func $uri))))))
  (func (export "run") (result string)
    (canon lift (core func $i "run") (memory (core memory $h "memory")))))
"""


def until(condition):
    import time

    for _ in range(500):
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError("it did not come about")


def test_a_worker_waits_for_a_promise_without_an_instance(tmp_path):
    """Suspended; completing wakes it; the value is recorded."""
    with opened(tmp_path) as engine:
        one = worker(engine)
        started = one.start("run", AWAITS)
        until(lambda: one.status == "suspended")
        index = next(record.index for record in one.oplog() if record.kind == "no-op")
        assert engine.complete_promise("w", index, b"42")

        assert f"({index}, b'42')" == started.wait(300)
        assert not engine.complete_promise("w", index, b"43")
        assert ["no-op", "suspend", "golem_await_promise"] == kinds(one)[2:-1]


def test_a_promise_is_completed_while_nobody_runs_the_worker(tmp_path):
    """The next process finds the value."""
    with opened(tmp_path) as engine:
        one = worker(engine)
        one.start("run", AWAITS, idempotency_key="k")
        until(lambda: one.status == "suspended")
        index = next(record.index for record in one.oplog() if record.kind == "no-op")
    with opened(tmp_path) as engine:
        assert "suspended" == worker(engine).status
        assert engine.complete_promise("w", index, b"later")
        until(lambda: worker(engine).status == "idle")

        assert f"({index}, b'later')" == again(worker(engine), "k")


def test_one_worker_completes_another_s_promise(tmp_path):
    """Its entry and the completion are one transaction; a second time it is false."""
    with opened(tmp_path) as engine:
        waiting = worker(engine, "waiting")
        started = waiting.start("run", AWAITS)
        until(lambda: waiting.status == "suspended")
        index = next(record.index for record in waiting.oplog() if record.kind == "no-op")
        source = program(f"""
            mine = host.get_self_metadata().worker_id
            theirs = host.PromiseId(host.WorkerId(mine.component_id, "waiting"), {index})
            result = host.complete_promise(theirs, b"x"), host.complete_promise(theirs, b"y")
        """)

        assert "(True, False)" == worker(engine, "other").invoke("run", source)
        assert f"({index}, b'x')" == started.wait(300)


def test_promises_that_do_not_exist(tmp_path):
    """From outside a usage error, from inside a failure."""
    with opened(tmp_path) as engine:
        worker(engine)
        with pytest.raises(UsageError, match="no promise 7"):
            engine.complete_promise("w", 7, b"")
        source = "p = host.create_promise(); p.oplog_idx += 100; host.complete_promise(p, b'')"
        with pytest.raises(InvocationError, match="has no promise"):
            worker(engine).invoke("run", source)


def test_a_completed_promise_can_be_deleted_after_it_was_awaited(tmp_path):
    """Awaiting is recorded, so that replay does not ask for it again."""
    source = program("""
        promise = host.create_promise()
        host.complete_promise(promise, b"x")
        state["value"] = host.await_promise(promise)
        host.delete_promise(promise)
    """)
    with opened(tmp_path) as engine:
        worker(engine).invoke("run", source)
    with opened(tmp_path) as engine:
        assert "b'x'" == worker(engine).invoke("run", "result = state['value']")


def test_awaiting_a_promise_of_the_open_region_is_refused(tmp_path):
    """The region's repetition would make another one."""
    with opened(tmp_path) as engine, pytest.raises(InvocationError, match="made in the atomic region") as raised:
        worker(engine).invoke("run", "host.mark_begin_operation(); host.await_promise(host.create_promise())")

    assert "AwaitInRegion" == raised.value.type


def test_awaiting_an_earlier_promise_in_a_region_waits_in_place(tmp_path):
    """No suspension: each wake-up would start the region again."""
    source = program("""
        promise = host.create_promise()
        begin = host.mark_begin_operation()
        print("waiting", file=sys.stderr)
        result = host.await_promise(promise)
        host.mark_end_operation(begin)
    """)
    with opened(tmp_path) as engine:
        one = worker(engine)
        started = one.start("run", source)
        until(lambda: any(record.kind == "log" for record in one.oplog()))
        index = next(record.index for record in one.oplog() if record.kind == "no-op")
        until(lambda: _completed(engine, index))

        assert "b'x'" == started.wait(300)
        assert "suspend" not in kinds(one)


def _completed(engine, index):
    try:
        return engine.complete_promise("w", index, b"x")
    except UsageError:
        return False


def test_metadata_is_recorded(tmp_path):
    """What a worker was told of itself and of others stays what it was told."""
    source = program("""
        me = host.get_self_metadata()
        other = host.WorkerId(me.worker_id.component_id, "other")
        state["seen"] = [me.worker_id.worker_name, me.status.name, me.component_version, me.env,
            host.get_worker_metadata(other) and host.get_worker_metadata(other).status.name,
            host.get_worker_metadata(host.WorkerId(me.worker_id.component_id, "nobody"))]
        result = state["seen"]
    """)
    expected = "['w', 'RUNNING', 0, [('A', 'b')], 'IDLE', None]"
    with opened(tmp_path, env={"A": "b"}) as engine:
        worker(engine, "other").invoke("run", "")
        assert expected == worker(engine).invoke("run", source)
        engine.delete_worker("other")
    with opened(tmp_path) as engine:
        assert expected == worker(engine).invoke("run", "result = state['seen']")


def test_enumerating_workers_with_filters(tmp_path):
    """Pages of those that pass any of the lists of conditions."""
    source = program("""
        component = host.get_self_metadata().worker_id.component_id
        def found(*conditions):
            wanted = host.WorkerAnyFilter([host.WorkerAllFilter([condition]) for condition in conditions])
            cursor, names = host.GetWorkers(component, wanted, True), []
            while (page := cursor.get_next()) is not None:
                names += [one.worker_id.worker_name for one in page]
            return names
        text, number = host.StringFilterComparator, host.FilterComparator
        name = lambda how, value: host.WorkerPropertyFilter_Name(host.WorkerNameFilter(how, value))
        result = [
            len(found()), found(name(text.EQUAL, "a7")),
            len(found(name(text.LIKE, "a"))), found(name(text.NOT_LIKE, "a")),
            found(host.WorkerPropertyFilter_Status(host.WorkerStatusFilter(number.EQUAL, host.WorkerStatus.RUNNING))),
            len(found(name(text.EQUAL, "a1"), name(text.EQUAL, "a2"))),
        ]
    """)
    with opened(tmp_path) as engine:
        for number in range(60):
            worker(engine, f"a{number}")

        assert "[61, ['a7'], 60, ['w'], ['w'], 2]" == worker(engine).invoke("run", source)


def test_a_worker_s_own_uri(tmp_path):
    """urn:worker with component and name."""
    with opened(tmp_path) as engine:
        one = worker(engine)

        assert f"urn:worker:{one.component_id}/w/f" == one.invoke("run", "result = host.get_self_uri('f').value")


def test_the_uri_of_any_worker(tmp_path):
    """What Golem 1.2 gives; no worker of that name need be there."""
    (tmp_path / "uri.wasm").write_bytes(wat2wasm(ASKS_FOR_A_URI))
    with opened(tmp_path / "data") as engine:
        found = engine.worker("w", engine.load(tmp_path / "uri.wasm")).invoke("run")

    assert "urn:worker:00000000-0000-0001-0000-000000000002/w1" == found
