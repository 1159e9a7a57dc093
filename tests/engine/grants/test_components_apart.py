"""Components are apart: a worker sees and steers those of its own component, of others only with a grant."""

from __future__ import annotations

import pytest
from wasmtime import wat2wasm

from durable_dsl.engine.errors import InvocationError
from durable_dsl.engine.interfaces.golem.ids import uuid_record
from tests.engine.programs import Shown, guest, opened, program, worker

#: What a program of one component does to the worker `victim` of another; `VICTIM` is its id.
ATTACKS = {
    "metadata": "result = host.get_worker_metadata(VICTIM)",
    "listing": "result = host.GetWorkers(VICTIM.component_id, None, True).get_next()",
    "oplog": "result = oplog.GetOplog(VICTIM, 1).get_next()",
    "search": "result = oplog.SearchOplog(VICTIM, 'secret').get_next()",
    "update": "host.update_worker(VICTIM, 1, host.UpdateMode.AUTOMATIC)",
    "completing": "host.complete_promise(host.PromiseId(VICTIM, PROMISE), b'mine')",
    "awaiting": "result = host.await_promise(host.PromiseId(VICTIM, PROMISE))",
    "deleting": "host.delete_promise(host.PromiseId(VICTIM, PROMISE))",
}


#: A component that forks (`fork`) and reverts (`revert`) the worker `victim` of the component with this UUID.
STEERS = """
(component
  (import "golem:api/host@1.1.7" (instance $host
    (type $uuid-fields (record (field "high-bits" u64) (field "low-bits" u64)))
    (export "uuid" (type $uuid (eq $uuid-fields)))
    (type $component-fields (record (field "uuid" $uuid)))
    (export "component-id" (type $component (eq $component-fields)))
    (type $worker-fields (record (field "component-id" $component) (field "worker-name" string)))
    (export "worker-id" (type $worker (eq $worker-fields)))
    (type $target-cases (variant (case "revert-to-oplog-index" u64) (case "revert-last-invocations" u64)))
    (export "revert-worker-target" (type $target (eq $target-cases)))
    (export "fork-worker" (func (param "source" $worker) (param "target" $worker) (param "cut-off" u64)))
    (export "revert-worker" (func (param "worker" $worker) (param "target" $target)))))
  (core module $held
    (memory (export "memory") 1)
    (data (i32.const 0) "victim  copy")
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024)))
  (core instance $h (instantiate $held))
  (core func $fork (canon lower (func $host "fork-worker") (memory (core memory $h "memory"))))
  (core func $revert (canon lower (func $host "revert-worker") (memory (core memory $h "memory"))))
  (core module $m
    (import "host" "fork" (func $fork (param i64 i64 i32 i32 i64 i64 i32 i32 i64)))
    (import "host" "revert" (func $revert (param i64 i64 i32 i32 i32 i64)))
    (func (export "fork") (call $fork
      (i64.const HIGH) (i64.const LOW) (i32.const 0) (i32.const 6)
      (i64.const HIGH) (i64.const LOW) (i32.const 8) (i32.const 4) (i64.const 2)))
    (func (export "revert") (call $revert
      (i64.const HIGH) (i64.const LOW) (i32.const 0) (i32.const 6) (i32.const 0) (i64.const 1))))
  (core instance $i (instantiate $m
    (with "host" (instance (export "fork" (func $fork)) (export "revert" (func $revert))))))
  (func (export "fork") (canon lift (core func $i "fork")))
  (func (export "revert") (canon lift (core func $i "revert"))))
"""


@pytest.fixture
def engine(tmp_path):
    with opened(tmp_path, output=Shown()) as engine:
        yield engine


@pytest.fixture
def victim(engine):
    """A worker that waits for a promise."""
    one = worker(engine, "victim")
    engine.load(guest("script", edit=("VERSION = 1", "VERSION = 2")))
    one.grant(env={"TOKEN": "secret"})
    one.invoke("run", "state['p'] = host.create_promise(); result = state['p'].oplog_idx")
    return one


def promise_of(victim):
    return next(record.index for record in victim.oplog() if record.kind == "no-op")


def attack(engine, victim, text, key="k"):
    high, low = uuid_record(victim.component_id).values()
    source = f"""
VICTIM = host.WorkerId(host.ComponentId(host.Uuid({high}, {low})), "victim")
PROMISE = {promise_of(victim)}
{program(text)}
"""
    return engine.worker("attacker", engine.load(guest("reader"))).invoke("run", source, idempotency_key=key)


@pytest.mark.guarantee("GRANT-4")
@pytest.mark.parametrize("way", ATTACKS)
def test_workers_of_another_component(engine, victim, way):
    """Neither their environment and oplogs nor their promises, and nothing is done to them; a grant opens it."""
    before = victim.oplog(), victim.version
    with pytest.raises(InvocationError, match="worker grant attacker --allow-workers script") as raised:
        attack(engine, victim, ATTACKS[way])

    assert "NotGranted" == raised.value.type
    assert before == (victim.oplog(), victim.version)
    assert "secret" not in str([record.entry for record in engine.reach("attacker").oplog()][2:])
    if way == "awaiting":
        engine.complete_promise("victim", promise_of(victim), b"value")
    engine.reach("attacker").grant(workers=["script"])
    attack(engine, victim, ATTACKS[way])


@pytest.mark.guarantee("GRANT-4")
@pytest.mark.parametrize("way", ["fork", "revert"])
def test_forking_and_reverting_those_of_another(engine, victim, tmp_path, way):
    """The same for what only later versions of golem:api have."""
    high, low = uuid_record(victim.component_id).values()
    (tmp_path / "steers.wasm").write_bytes(wat2wasm(STEERS.replace("HIGH", str(high)).replace("LOW", str(low))))
    attacker = engine.worker("attacker", engine.load(tmp_path / "steers.wasm"))
    before = victim.oplog()
    with pytest.raises(InvocationError, match="worker grant attacker --allow-workers script") as raised:
        attacker.invoke(way, idempotency_key="k")

    assert ("NotGranted", before) == (raised.value.type, victim.oplog())
    assert ["attacker", "victim"] == [one.name for one in engine.workers()]
    attacker.grant(workers=["script"])
    attacker.invoke(way, idempotency_key="k")
    assert (way == "fork") == ("copy" in {one.name for one in engine.workers()})
    assert (way == "revert") == ("revert" in {record.kind for record in victim.oplog()})


def test_workers_of_its_own_component(engine, victim):
    """Are seen and steered without one."""
    found = worker(engine, "other").invoke(
        "run",
        program(f"""
            mine = host.get_self_metadata().worker_id
            theirs = host.WorkerId(mine.component_id, "victim")
            host.complete_promise(host.PromiseId(theirs, {promise_of(victim)}), b"x")
            result = dict(host.get_worker_metadata(theirs).env)["TOKEN"]
        """),
    )

    assert "secret" == found
    assert "b'x'" == victim.invoke("run", "result = host.await_promise(state['p'])")


def test_the_grant_may_name_several_components_or_all(tmp_path):
    """Separated by commas, or `*`; kept like any other."""
    with opened(tmp_path, workers=["a,b"]) as engine:
        one = worker(engine)
        assert [True, True, False] == [one.permissions.granted.allow_workers(name) for name in "abc"]
        one.grant(workers=["*"])
        assert one.permissions.granted.allow_workers("c")
