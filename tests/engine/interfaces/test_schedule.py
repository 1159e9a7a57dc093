"""golem:rpc 0.2: workers by their ids, and calls at a time, through crashes and processes."""

from __future__ import annotations

import sqlite3
import subprocess
import time
import uuid

import pytest

from durable_codegen.wit.official import needed_packages, package_files
from durable_codegen.wit.toolchain import run_wasm_tools
from durable_dsl.engine.bridge.component import load
from durable_dsl.engine.bridge.imports import ImportSet
from durable_dsl.engine.clock import SkippingClock, SystemClock
from durable_dsl.engine.errors import InvocationError
from durable_dsl.engine.interfaces.registry import lookup
from durable_dsl.engine.oplog import schema, tables
from durable_dsl.engine.oplog.store import FILE, Store
from durable_dsl.engine.oplog.view import as_json
from tests.engine.programs import ROOT, Shown, command, killed_when, kinds, opened, parsed, program, run_command
from tests.guests import guest

HOUR = 3_600_000_000_000
PRELUDE = """
rpc = golem_rpc_types_0_2_0

def string(text):
    return rpc.WitValue([rpc.WitNode_PrimString(text)])

def other(name):
    return rpc.WasmRpc(rpc.WorkerId(rpc.ComponentId(rpc.Uuid(*CALLEE)), name))

def at(seconds):
    now = wall_clock.now()
    return wall_clock.Datetime(now.seconds + int(seconds), now.nanoseconds)

def shown(answer):
    return answer.nodes[1].value
"""
NOTE = "state['n'] = state.get('n', 0) + 1; state.setdefault('seen', []).append({}); result = state['n']"


@pytest.fixture
def clock():
    return SkippingClock()


@pytest.fixture
def engine(tmp_path, clock):
    with opened(tmp_path, clock=clock) as engine:
        yield engine


def worker(engine, name):
    return engine.worker(name, engine.load(guest("reader")))


def source(engine, text):
    number = uuid.UUID(engine.load(guest("reader")).id).int
    return f"{PRELUDE}\nCALLEE = {(number >> 64, number & (1 << 64) - 1)}\n{program(text)}"


def run(engine, text, name="caller", **options):
    return worker(engine, name).invoke("run", source(engine, text), **options)


def seen(engine, name="later"):
    engine.settle()
    return worker(engine, name).invoke("run", "result = state.get('seen')")


def scheduled(number, seconds=3600, name="later"):
    call = f"schedule_invocation(at({seconds}), 'run', [string({NOTE.format(number)!r})])"
    return f"other({name!r}).{call}\n"


@pytest.mark.parametrize("version", ["0.1.0", "0.1.3", "0.2.0", "0.2.1"])
def test_all_of_every_version_links(tmp_path, version):
    """A component that imports all that an interface declares finds all of it here."""
    deps = tmp_path / "wit" / "deps"
    for name, of in needed_packages([("golem:rpc", version)]).packages:
        folder = deps / f"{name.replace(':', '-')}"
        folder.mkdir(parents=True)
        for file, text in package_files(name, of, wasi="0.2.9").items():
            (folder / file).write_text(text)
    (tmp_path / "wit" / "world.wit").write_text(f"package a:b; world w {{ import golem:rpc/types@{version}; }}")
    for step in (
        ["component", "embed", tmp_path / "wit", "--dummy", "-o", tmp_path / "core.wasm"],
        ["component", "new", tmp_path / "core.wasm", "-o", tmp_path / "all.wasm"],
    ):
        assert "" == run_wasm_tools(step).stderr
    imports = ImportSet(load(tmp_path / "all.wasm", None), lookup)

    assert () == imports.missing


def test_workers_are_called_by_their_ids(engine):
    """Callees by id, and a new one where only the component is named; UUIDs to and from text."""
    text = """
        id = rpc.Uuid(*CALLEE)
        text = rpc.uuid_to_string(id)
        both = rpc.ValueAndType(string("kept"), rpc.WitType([rpc.WitTypeNode_PrimStringType()]))
        one = rpc.WasmRpc.ephemeral(rpc.ComponentId(id))
        try:
            rpc.parse_uuid("no")
        except Err as problem:
            refused = problem.value
        result = (
            shown(other("a/b").invoke_and_await("run", [string("result = 6 * 7")])),
            shown(one.invoke_and_await("run", [string("result = 'new'")])), rpc.parse_uuid(text) == id, refused,
            rpc.extract_value(both).nodes[0].value, type(rpc.extract_type(both).nodes[0]).__name__,
        )
    """
    assert (
        "('42', 'new', True, \"'no' is not a UUID: badly formed hexadecimal UUID string\", 'kept', "
        "'WitTypeNode_PrimStringType')" == run(engine, text)
    )
    assert ["a/b", "caller", "reader-"] == [one.name[:7] for one in engine.workers()]


def test_a_call_is_made_when_its_time_has_come(engine, clock):
    """Not before, in the order of the times, once; with one durable call each in the caller."""
    run(engine, scheduled(2, 7200) + scheduled(1) + "result = 'scheduled'")

    assert "None" == seen(engine)
    assert ["run", "run"] == [call["function"] for call in engine.worker("later").describe(full=True)["scheduled"]]
    clock.advance(HOUR)
    assert "[1]" == seen(engine)
    clock.advance(HOUR)
    assert "[1, 2]" == seen(engine)
    worker(engine, "caller").simulate_crash()
    assert "[1, 2]" == seen(engine)
    assert 2 == kinds(worker(engine, "caller")).count("golem::rpc::wasm-rpc::schedule_invocation")
    assert [] == engine.store.read("SELECT id FROM queue UNION SELECT id FROM schedule")


def test_a_process_that_waits_makes_it_by_itself(tmp_path):
    """Nobody asks for the callee; the engine is open, and that is enough."""
    with opened(tmp_path, clock=SystemClock()) as engine:
        run(engine, scheduled(1, 0))
        deadline = time.monotonic() + 10
        while "exported-function-completed" not in kinds(engine.worker("later")) and time.monotonic() < deadline:
            time.sleep(0.02)

        assert 1 == kinds(engine.worker("later")).count("exported-function-completed")


def test_a_call_that_is_taken_back(engine, clock):
    """It is not made; to take back one that was made changes nothing."""
    text = f"""
        tokens = [
            other("later").schedule_cancelable_invocation(at(3600), "run", [string({NOTE!r}.format(number))])
            for number in range(3)
        ]
        tokens[1].cancel()
        state["tokens"] = tokens
    """
    run(engine, text)
    worker(engine, "caller").simulate_crash()
    clock.advance(HOUR)
    assert "[0, 2]" == seen(engine)
    run(engine, "for token in state['tokens']: token.cancel()")

    assert "[0, 2]" == seen(engine)
    said = [as_json(one) for one in worker(engine, "caller").oplog()]
    cancelled = [one["response"] for one in said if one.get("function") == "golem::rpc::cancellation-token::cancel"]
    assert [True, False, False, False] == cancelled


def test_what_cannot_be_called_cannot_be_scheduled(engine):
    """Said where it is scheduled, not when its time has come."""
    with pytest.raises(InvocationError, match=r"the call of nothing cannot be scheduled \(protocol-error\)"):
        run(engine, "other('later').schedule_invocation(at(60), 'nothing', [])")

    assert [] == engine.schedule.coming()


def test_a_call_that_no_longer_fits_its_build_does_no_harm(tmp_path, clock):
    """It stays on disk with a warning; the worker is there for everybody else."""
    told = Shown()
    with opened(tmp_path, clock=clock, output=told) as engine:
        run(engine, scheduled(1))
        engine.store.transaction(
            lambda connection: tables.update(
                connection, "schedule", tables.one(connection, "schedule", ""), function="gone"
            )
        )
        clock.advance(HOUR)

        assert "None" == seen(engine)
        assert "warning: worker later: the call of gone that waits does not fit its build" in told.text
        assert 1 == engine.store.read_one("SELECT count(*) FROM queue")[0]


def test_deleting_the_worker_deletes_what_is_scheduled_for_it(engine):
    run(engine, scheduled(1))
    engine.delete_worker("later")

    assert [] == engine.store.read("SELECT * FROM schedule")


def test_killed_and_made_by_the_next_process(tmp_path):
    """Scheduled by a process that is killed; the next one that runs the caller makes the call, once."""
    gate = "print('at the gate', file=sys.stderr, flush=True); time.sleep(0.4)"
    with opened(tmp_path) as engine:
        text = source(engine, f"{scheduled(1, 0.2)}{gate}\nresult = 'sent'")
    arguments = ("run", str(guest("reader")), "run", text, "--worker", "caller", "--idempotency-key", "k")
    process = subprocess.Popen(
        command(tmp_path, *arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT
    )
    killed_when(process, "at the gate")

    assert "sent" == parsed(run_command(tmp_path, *arguments, "--json"))["result"]
    with opened(tmp_path) as engine:
        assert "[1]" == seen(engine)
        assert 2 == kinds(worker(engine, "later")).count("exported-function-invoked")


def test_the_command_says_what_is_still_to_come(tmp_path):
    """It does not wait for it; the next engine that runs a worker after that time makes it."""
    with opened(tmp_path) as engine:
        text = source(engine, scheduled(1))
    done = run_command(tmp_path, "run", str(guest("reader")), "run", text, "--worker", "caller")

    assert "1 call is scheduled, the next for worker later at 20" in done.stderr
    with opened(tmp_path, clock=SkippingClock(time.time_ns() + HOUR)) as engine:
        worker(engine, "somebody").invoke("run", "")
        assert "[1]" == seen(engine)


def test_a_directory_of_the_first_schema_is_brought_up_to_date(tmp_path, monkeypatch):
    """With all that is in it."""
    monkeypatch.setattr(schema, "VERSION", 1)
    monkeypatch.setattr(schema, "_MIGRATIONS", schema._MIGRATIONS[:1])
    Store(tmp_path).close()
    with sqlite3.connect(tmp_path / FILE) as connection:
        connection.execute("INSERT INTO worker (id, name, component, time) VALUES (1, 'w', 'c', 0)")
    monkeypatch.undo()
    store = Store(tmp_path)

    assert ("w", []) == (store.name_of(1), store.read("SELECT * FROM schedule"))
    store.close()
