"""golem:rpc: calls between workers of one data directory."""

from __future__ import annotations

import subprocess
import threading
import time

import pytest

from durable_dsl.engine.clock import SystemClock
from durable_dsl.engine.errors import InvocationError
from durable_dsl.engine.oplog.view import as_json
from tests.engine.programs import ROOT, command, killed_when, kinds, opened, parsed, program, run_command, worker
from tests.foreign.waiting import until
from tests.guests import guest

PRELUDE = """
rpc = golem_rpc_types
N = rpc

def value(*nodes):
    return rpc.WitValue(list(nodes))

def string(text):
    return value(rpc.WitNode_PrimString(text))

def other(name, component):
    return rpc.WasmRpc(rpc.Uri(f"urn:worker:{component}/{name}"))

def shown(answer):
    return [(type(node).__name__.removeprefix("WitNode_"), node.value) for node in answer.nodes]

def told(problem):
    return type(problem.value).__name__.removeprefix("RpcError_"), problem.value.value.splitlines()[0]
"""


@pytest.fixture
def engine(tmp_path):
    with opened(tmp_path, clock=SystemClock()) as engine:
        yield engine


@pytest.fixture
def shop(engine):
    return engine.load(guest("shop"))


@pytest.fixture
def script(engine):
    return engine.load(guest("script"))


def run(engine, component, text, name="caller", **options):
    source = f"{PRELUDE}\nCALLEE = {component.id!r}\n{program(text)}"
    return worker(engine, name).invoke("run", source, **options)


PLACE = """
order = value(
    N.WitNode_RecordValue([1, 2, 5, 6, 7, 8]), N.WitNode_PrimString("17"), N.WitNode_ListValue([3]),
    N.WitNode_RecordValue([4, 9]), N.WitNode_PrimString("sku"), N.WitNode_EnumValue(1),
    N.WitNode_VariantValue((1, 10)), N.WitNode_FlagsValue([False, True]), N.WitNode_OptionValue(None),
    N.WitNode_PrimU32(3), N.WitNode_PrimString("4711"),
)
"""


def test_values_of_any_type_go_both_ways(engine, shop):
    """The callee is made by the call; its results come as a tuple."""
    text = f"""
{PLACE}
with other("s1", CALLEE) as callee:
    echoed = shown(callee.invoke_and_await("test:shop/orders.{{echo}}", [order]))
    placed = callee.invoke_and_await("test:shop/orders@1.0.0.{{place}}", [order]).nodes
    doubled = shown(callee.invoke_and_await("double", [value(N.WitNode_PrimS64(-4))]))
    nothing = shown(callee.invoke_and_await("orders#nothing", []))
    inverted = shown(callee.invoke_and_await("invert", [value(N.WitNode_ListValue([1]), N.WitNode_PrimU8(1))]))
result = echoed == [
    ("TupleValue", [1]), ("RecordValue", [2, 3, 7, 8, 10, 11]), ("PrimString", "17"), ("ListValue", [4]),
    ("RecordValue", [5, 6]), ("PrimString", "sku"), ("PrimU32", 3), ("EnumValue", 1), ("VariantValue", (1, 9)),
    ("PrimString", "4711"), ("FlagsValue", [False, True]), ("OptionValue", None),
], placed[0].value, type(placed[1].value).__name__, placed[2].value[:3], doubled, nothing, inverted
"""
    expected = (
        "(True, [1], 'Ok', '17-', [('TupleValue', [1]), ('PrimS64', -8)], [('TupleValue', [])], "
        "[('TupleValue', [1]), ('ListValue', [2]), ('PrimU8', 254)])"
    )
    assert expected == run(engine, shop, text)
    assert ["create"] + ["exported-function-invoked", "exported-function-completed"] * 5 == [
        kind for kind in kinds(engine.worker("s1")) if not kind.startswith("golem")
    ]


def test_resources_live_in_the_callee(engine, shop):
    """Their handles have its address; another worker's are refused."""
    text = """
        callee = other("s1", CALLEE)
        cart = callee.invoke_and_await("test:shop/carts.{cart.new}", [string("ann")]).nodes[1]
        handle = value(cart)
        first = shown(callee.invoke_and_await("test:shop/carts.{cart.add}", [handle, string("a")]))
        opened = value(callee.invoke_and_await("test:shop/carts.{cart.open}", [string("bob")]).nodes[1])
        merged = shown(callee.invoke_and_await("carts#[method]cart.merge", [handle, opened]))
        callee.invoke_and_await("test:shop/carts.{cart.drop}", [opened])
        try:
            other("s2", CALLEE).invoke_and_await("test:shop/carts.{cart.add}", [handle, string("b")])
        except Err as problem:
            refused = told(problem)
        result = cart.value[0].value.startswith("urn:worker:"), cart.value[1], first[1], merged[-1], refused[0]
    """
    assert "(True, 0, ('PrimU32', 1), ('PrimString', 'a'), 'ProtocolError')" == run(engine, shop, text)


def test_resources_addressed_by_what_they_were_made_with(engine, shop):
    """Made by the first use, found by later ones."""
    text = """
        callee = other("s1", CALLEE)
        add = 'test:shop/carts.{cart("ann").add}'
        result = [shown(callee.invoke_and_await(add, [string(sku)]))[1] for sku in ("a", "b")]
    """
    assert "[('PrimU32', 1), ('PrimU32', 2)]" == run(engine, shop, text)


def test_what_is_recorded(engine, shop):
    """The caller's arguments and environment, the key, then the call with its result."""
    run(engine, shop, 'other("s1", CALLEE).invoke_and_await("double", [value(N.WitNode_PrimS64(2))])')

    said = [as_json(record) for record in worker(engine, "caller").oplog()][-6:-1]
    names = [one.get("function") for one in said]
    assert [
        "golem_environment::get_arguments",
        "golem_environment::get_environment",
        "golem::rpc::wasm-rpc::invoke-and-await idempotency key",
        "golem::rpc::wasm-rpc::invoke-and-await",
    ] == names[-4:]
    assert [f"urn:worker:{shop.id}/s1", "double", [{"nodes": [{"prim-s64": 2}]}]] == said[-1]["request"]
    assert {"ok": {"nodes": [{"tuple-value": [1]}, {"prim-s64": 4}]}} == said[-1]["response"]
    begun = next(as_json(one) for one in engine.worker("s1").oplog() if one.kind == "exported-function-invoked")
    assert said[-2]["response"] == begun["idempotency_key"]


@pytest.mark.parametrize(
    ("call", "kind", "said"),
    [
        ('other("caller", CALLEE).invoke_and_await("x", [])', "NotFound", "belongs to component 'script'"),
        ('other("s", CALLEE).invoke_and_await("test:shop/orders.{cancel}", [])', "ProtocolError", "no export"),
        ('other("s", CALLEE).invoke_and_await("double", [])', "ProtocolError", "takes 1 arguments, not 0"),
        ('other("s", CALLEE).invoke_and_await("double", [string("x")])', "ProtocolError", "expected s64"),
    ],
)
def test_calls_that_cannot_be(engine, shop, call, kind, said):
    """Told as the errors of golem:rpc, with what is wrong."""
    text = f"try:\n    {call}\nexcept Err as problem:\n    result = told(problem)"
    result = run(engine, shop, text)

    assert result.startswith(f"('{kind}'")
    assert said in result


def test_an_address_that_is_none(engine, shop):
    """The attempt fails: there is nobody to call."""
    with pytest.raises(InvocationError, match="is no address of a worker"):
        run(engine, shop, 'rpc.WasmRpc(rpc.Uri("somewhere"))')


def test_a_worker_without_a_name_gets_one(engine, shop):
    """Recorded, so that replay calls the same one."""
    text = """
        callee = rpc.WasmRpc(rpc.Uri(f"urn:worker:{CALLEE}"))
        callee.invoke_and_await("double", [value(N.WitNode_PrimS64(1))])
        callee.invoke_and_await("double", [value(N.WitNode_PrimS64(2))])
    """
    run(engine, shop, text)

    (made,) = [one for one in engine.workers() if one.component == "shop"]
    assert made.name.startswith("shop-")
    assert 2 == kinds(made).count("exported-function-completed")


def test_a_callee_that_fails(engine, script):
    """Its error is the guest's to handle; it stays failed for later calls."""
    text = """
        def attempt():
            try:
                other("bad", CALLEE).invoke_and_await("run", [string("raise ValueError('no good')")])
            except Err as problem:
                return told(problem)
        result = attempt(), attempt()
    """
    result = run(engine, script, text)

    assert "('RemoteInternalError', 'ValueError: no good')" in result
    assert "PreviousInvocationFailed" in result
    assert ("idle", "failed") == (worker(engine, "caller").status, worker(engine, "bad").status)


def test_the_callee_gets_the_callers_environment(tmp_path):
    """Not its identity."""
    text = """
        source = "result = sorted(dict(environment.get_environment()).items())"
        result = shown(other("made", CALLEE).invoke_and_await("run", [string(source)]))[1][1]
    """
    with opened(tmp_path, env={"COLOUR": "blue"}) as engine:
        found = run(engine, engine.load(guest("script")), text)

    assert "('COLOUR', 'blue')" in found
    assert "('GOLEM_WORKER_NAME', 'made')" in found


def test_results_that_come_later(engine, script):
    """Two callees at work at the same time; a poll waits for either."""
    text = """
        calls = [
            other(name, CALLEE).async_invoke_and_await("run", [string(f"time.sleep({seconds}); result = {seconds}")])
            for name, seconds in (("slow", 0.4), ("fast", 0.05))
        ]
        pollables = [call.subscribe() for call in calls]
        early = calls[0].get()
        first = list(poll.poll(pollables))
        answers = []
        for call, pollable in zip(calls, pollables):
            pollable.block()
            answers.append(shown(call.get().value)[1][1])
        result = early, first, answers, shown(calls[0].get().value)[1][1]
    """
    assert "(None, [1], ['0.4', '0.05'], '0.4')" == run(engine, script, text)

    functions = [kind for kind in kinds(worker(engine, "caller")) if "rpc" in kind]
    assert "golem::rpc::future-invoke-result::get" in functions


def test_a_call_that_nobody_waits_for(engine, script):
    """It is on disk with the caller's entry, and done in the callee's own time, in order."""
    text = """
        callee = other("later", CALLEE)
        for number in range(3):
            callee.invoke("run", [string(f"state.setdefault('seen', []).append({number})")])
        result = shown(callee.invoke_and_await("run", [string("result = state['seen']")]))[1][1]
    """
    assert "[0, 1, 2]" == run(engine, script, text)
    assert 3 == kinds(worker(engine, "caller")).count("golem::rpc::wasm-rpc::invoke")


def test_call_and_queue_are_one_transaction(engine, script):
    """A failing commit leaves neither the entry nor the queued call."""

    class DiskIsFullError(Exception):
        pass

    def full():
        raise DiskIsFullError

    one = worker(engine, "caller")
    one.invoke("run", PRELUDE)
    worker(engine, "later").invoke("run", "")
    source = f"{PRELUDE}\nother('later', {script.id!r}).invoke('run', [string('')])"
    engine.store.writer.before_commit = full
    with pytest.raises(DiskIsFullError):
        one.invoke("run", source)
    engine.store.writer.before_commit = None

    assert [] == engine.store.read("SELECT * FROM queue")
    assert 0 == kinds(one).count("golem::rpc::wasm-rpc::invoke")


@pytest.mark.parametrize("cycle", [["a"], ["a", "b"], ["a", "b", "c"]])
def test_workers_that_would_wait_for_each_other(engine, script, cycle):
    """Refused where the circle would close, instead of waiting for ever."""
    source = "result = 'never'"
    for name in ["a", *cycle[:0:-1]]:
        source = f"""
{PRELUDE}
CALLEE = {script.id!r}
try:
    result = shown(other({name!r}, CALLEE).invoke_and_await("run", [string({source!r})]))[1][1]
except Err as problem:
    result = told(problem)
"""
    found = worker(engine, "a").invoke("run", source)

    assert "Denied" in found
    assert "waits for" in found


def test_an_interrupt_reaches_a_caller_that_waits(engine, script):
    """The callee goes on; resumed, the caller finds its result."""
    ready = threading.Event()
    engine.output = lambda _level, data: ready.set() if b"inside" in data else None
    text = """
        source = "print('inside', flush=True); time.sleep(0.5); result = 'done'"
        result = shown(other("busy", CALLEE).invoke_and_await("run", [string(source)]))[1][1]
    """
    source = f"{PRELUDE}\nCALLEE = {script.id!r}\n{program(text)}"
    one = worker(engine, "caller")
    job = one.start("run", source, idempotency_key="k")
    assert ready.wait(300)
    one.interrupt()
    with pytest.raises(InvocationError, match="interrupted"):
        job.wait(300)
    one.resume()

    assert "done" == one.invoke("run", source, idempotency_key="k")
    assert 1 == kinds(engine.worker("busy")).count("exported-function-invoked")


# Across crashes and processes

CALL = """
source = "host.generate_idempotency_key(); {where}; state['n'] = state.get('n', 0) + 1; result = state['n']"
with other("callee", CALLEE) as callee:
    result = shown(callee.invoke_and_await("run", [string(source)]))[1][1]
    {after}
"""
GATE = "print('at the gate', file=sys.stderr, flush=True); time.sleep(0.4)"


def cli(engine_data, text):
    with opened(engine_data) as engine:
        component = engine.load(guest("script"))
    source = f"{PRELUDE}\nCALLEE = {component.id!r}\n{text}"
    return ("run", str(guest("script")), "run", source, "--worker", "caller", "--idempotency-key", "k")


def start(data, arguments):
    return subprocess.Popen(
        command(data, *arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT
    )


@pytest.mark.parametrize(("where", "after"), [(GATE, ""), ("0", GATE)])
def test_killed_during_a_call_and_after_it(tmp_path, where, after):
    """The callee runs once, whoever continues it; the caller gets its result."""
    arguments = cli(tmp_path, CALL.format(where=where, after=after))
    killed_when(start(tmp_path, arguments), "at the gate")
    said = parsed(run_command(tmp_path, *arguments, "--json"))

    assert "1" == said["result"]
    with opened(tmp_path) as engine:
        callee = worker(engine, "callee")
        assert 1 == kinds(callee).count("exported-function-invoked")
        assert "1" == callee.invoke("run", "result = state['n']")


def test_the_command_waits_for_calls_that_nobody_waits_for(tmp_path):
    """They are done when it ends."""
    arguments = cli(tmp_path, "other('later', CALLEE).invoke('run', [string('time.sleep(0.2)')])\nresult = 'sent'")

    assert "sent" == parsed(run_command(tmp_path, *arguments, "--json"))["result"]
    with opened(tmp_path) as engine:
        assert 1 == kinds(worker(engine, "later")).count("exported-function-completed")


def test_a_queued_call_survives_the_kill(tmp_path):
    """Continuing the caller runs it, once."""
    text = f"""
other("later", CALLEE).invoke("run", [string("time.sleep(0.3); state['n'] = state.get('n', 0) + 1")])
{GATE}
result = "sent"
"""
    arguments = cli(tmp_path, text)
    killed_when(start(tmp_path, arguments), "at the gate")
    assert "sent" == parsed(run_command(tmp_path, *arguments, "--json"))["result"]

    with opened(tmp_path) as engine:
        assert "1" == worker(engine, "later").invoke("run", "result = state['n']")


def test_a_callee_that_another_process_holds(tmp_path):
    """The caller takes it over when that process lets go; an idle one is asked for."""
    with opened(tmp_path, clock=SystemClock()) as engine:
        held = worker(engine, "callee")
        held.invoke("run", "state['n'] = 41")
        started = time.monotonic()
        said = parsed(run_command(tmp_path, *cli(tmp_path, CALL.format(where="0", after="")), "--json"))

        assert "42" == said["result"]
        assert time.monotonic() - started < engine.keep_idle / 2
        assert "42" == held.invoke("run", "result = state['n']")


def test_a_call_that_is_made_again_keeps_nobody_waiting(engine, script):
    """After a crash the caller's own time goes on, though the callee's answer is far away."""
    text = """
        waits = string("host.await_promise(host.create_promise())")
        call = other("callee", CALLEE).async_invoke_and_await("run", [waits])
        limit = monotonic_clock.subscribe_duration(2_000_000_000)
        print("waiting", flush=True)
        monotonic_clock.subscribe_duration(1_000_000_000).block()
        first = call.get()
        result = first, poll.poll([call.subscribe(), limit])
    """
    source = f"{PRELUDE}\nCALLEE = {script.id!r}\n{program(text)}"
    one = worker(engine, "caller")
    job = one.start("run", source)
    until(lambda: "callee" in {each.name for each in engine.workers() if each.status == "suspended"})
    one.simulate_crash()

    assert "(None, [1])" == job.wait(300)
