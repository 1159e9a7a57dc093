"""Calling workers: values, keys, the queue, threads, failures, deletion."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from durable_dsl.engine.clock import SystemClock
from durable_dsl.engine.errors import InvocationError, UsageError
from durable_dsl.engine.traps import UnknownExport
from tests.engine.programs import again, kinds, opened, worker
from tests.guests import guest

ORDER = {
    "id": "17",
    "lines": [{"sku": "a", "quantity": 2}],
    "speed": "fast",
    "payment": {"card": "4711"},
    "extras": ["insured"],
    "note": None,
}


def shop(engine, name="shop", **options):
    return engine.worker(name, engine.load(guest("shop", **options)))


def test_values_of_all_kinds_go_in_and_out(tmp_path):
    """Records, lists, enums, variants, flags, options, bytes, results."""
    with opened(tmp_path) as engine:
        one = shop(engine)

        assert ORDER == one.invoke("orders#echo", ORDER)
        assert -84 == one.invoke("double", -42)
        assert b"\xff\x00" == one.invoke("invert", b"\x00\xff")
        assert {"err": "an order needs lines"} == one.invoke("place", {**ORDER, "lines": []})
        assert one.invoke("nothing") is None


def test_a_declared_error_is_a_normal_outcome(tmp_path):
    """The worker is idle after it, and nothing is retried."""
    with opened(tmp_path) as engine:
        one = shop(engine)
        one.invoke("place", {**ORDER, "lines": []})

        assert "idle" == one.status
        assert "exported-function-completed" == kinds(one)[-1]


@pytest.mark.guarantee("WORKER-3")
@pytest.mark.parametrize(
    ("export", "arguments", "said"),
    [
        ("place", [{**ORDER, "lines": [{"sku": "a", "quantity": -1}]}], r"order\.lines\[0\]\.quantity"),
        ("double", [], "expected 1 argument"),
        ("double", ["x"], "value: expected s64"),
    ],
)
def test_a_bad_request_is_refused_before_anything_is_written(tmp_path, export, arguments, said):
    """The message shows the path and the signature."""
    with opened(tmp_path) as engine:
        one = shop(engine)
        with pytest.raises(UsageError, match=said):
            one.invoke(export, *arguments)

        assert ["create"] == kinds(one)


def test_an_unknown_export_lists_what_there_is(tmp_path):
    """Nothing is written for it either."""
    with opened(tmp_path) as engine:
        with pytest.raises(UnknownExport, match=r"test:shop/orders@1.0.0#place"):
            shop(engine).invoke("plaice")


def test_resources_live_as_long_as_their_worker(tmp_path):
    """In a later process too: they are rebuilt by replay, with the same numbers."""
    with opened(tmp_path) as engine:
        one = shop(engine)
        cart = one.invoke("[constructor]cart", "bob")
        other = one.invoke("[static]cart.open", "eve")
        assert 1 == one.invoke("[method]cart.add", cart, "pear")
    with opened(tmp_path) as engine:
        one = shop(engine)
        assert 2 == one.invoke("[method]cart.add", {"resource": "cart", "id": cart.id}, "fig")
        one.invoke("[method]cart.add", other, "plum")
        assert ["pear", "fig", "plum"] == one.invoke("[method]cart.merge", cart, other)
        one.invoke("[drop]cart", cart)
        with pytest.raises(Exception, match="there is no cart 0"):
            one.invoke("[method]cart.add", cart, "x")
        assert 2 == one.invoke("[method]cart.add", other, "x")


def test_resources_addressed_by_what_they_were_made_with(tmp_path):
    """The first use makes one, within the same invocation; later uses, in later processes too, find it."""
    with opened(tmp_path) as engine:
        one = shop(engine)
        assert [1, 2] == [one.invoke('carts#cart("bob").add', sku) for sku in ("a", "b")]
        assert 1 == one.invoke('cart("eve").add', "c")
        assert ["describe-resource", "create-resource"] == [
            record.kind for record in one.oplog() if record.kind.endswith("-resource")
        ][:2]
        assert 3 == kinds(one).count("exported-function-invoked")
    with opened(tmp_path) as engine:
        one = shop(engine)
        assert 3 == one.invoke('cart("bob").add', "d")
        one.invoke('cart("bob").drop')
        assert 1 == one.invoke('cart("bob").add', "e")
        with pytest.raises(UsageError, match="owner: expected string"):
            one.invoke("cart(7).add", "x")
        with pytest.raises(UnknownExport):
            one.invoke('wagon("bob").add', "x")


def test_a_worker_keeps_its_component(tmp_path):
    """A name belongs to one worker of one component."""
    with opened(tmp_path) as engine:
        worker(engine, "w")
        with pytest.raises(UsageError, match="belongs to component 'script'"):
            shop(engine, "w")


def test_names_are_made_where_none_is_given(tmp_path):
    """After the component."""
    with opened(tmp_path) as engine:
        component = engine.load(guest("shop"))
        names = {engine.worker(None, component).name for _ in range(3)}

        assert 3 == len(names)
        assert all(name.startswith("shop-") for name in names)
        assert sorted(names) == [one.name for one in engine.workers()]


@pytest.mark.guarantee("RECOVERY-5")
def test_a_key_runs_once(tmp_path):
    """While it runs, while it is queued, and when it is done, callers with the same key share the outcome."""
    with opened(tmp_path) as engine:
        one = worker(engine)
        source = "time.sleep(0.01); result = random.get_random_u64()"
        started = [one.start("run", source, idempotency_key="a") for _ in range(3)]
        started += [one.start("run", source, idempotency_key="b") for _ in range(3)]
        results = [each.wait(300) for each in started]

        assert 2 == len(set(results))
        assert results[0] == again(one, "a")
        assert 2 == kinds(one).count("exported-function-invoked")


def test_invocations_run_one_at_a_time_in_order(tmp_path):
    """First accepted, first run; queued ones are on disk when they are accepted."""
    with opened(tmp_path) as engine:
        one = worker(engine)
        source = "time.sleep(0.005); state.setdefault('order', []).append({}); result = list(state['order'])"
        started = [one.start("run", source.format(number)) for number in range(5)]

        assert 4 >= len(one.describe(full=True)["pending"])
        assert "[0, 1, 2, 3, 4]" == started[-1].wait(300)
        assert [] == one.describe(full=True)["pending"]


def test_queued_invocations_survive(tmp_path):
    """An accepted one is run by the next process that opens the worker."""
    with opened(tmp_path) as engine:
        one = worker(engine)
        gate = threading.Event()
        one.start("run", "state['first'] = 1; time.sleep(0.3)", idempotency_key="first")
        one.start("run", "result = random.get_random_u64()", idempotency_key="second")
        pending = one.describe(full=True)["pending"]
        assert [{"function": "run", "idempotency_key": "second"}] == pending
        del gate
    with opened(tmp_path) as engine:
        one = worker(engine)
        third = one.start("run", "result = 3")

        assert "3" == third.wait(300)
        assert again(one, "second").isdigit()


def test_a_failed_worker_refuses_and_says_why(tmp_path):
    """A key whose outcome is known is answered even then."""
    with opened(tmp_path) as engine:
        one = worker(engine)
        assert "1" == one.invoke("run", "result = 1", idempotency_key="good")
        with pytest.raises(InvocationError, match="boo"):
            one.invoke("run", "raise ValueError('boo')", idempotency_key="bad")
    with opened(tmp_path) as engine:
        one = worker(engine)
        with pytest.raises(InvocationError, match="Previous invocation failed: ValueError: boo"):
            one.invoke("run", "")
        assert "1" == again(one, "good")
        with pytest.raises(InvocationError, match=r"^ValueError: boo$"):
            again(one, "bad")


def test_workers_run_in_parallel_threads(tmp_path):
    """Each with its own oplog, all in one file."""
    with opened(tmp_path) as engine:
        workers = [worker(engine, f"w{number}") for number in range(8)]
        source = "for _ in range(5): host.generate_idempotency_key()\nresult = 'done'"
        started = [one.start("run", source) for one in workers for _ in range(3)]

        assert {"done"} == {each.wait(300) for each in started}
        assert [15] * 8 == [kinds(one).count("golem api::generate_idempotency_key") for one in workers]


def test_async_callers(tmp_path):
    """`invoke_async` leaves the event loop free."""

    async def calls(one):
        return await asyncio.gather(*(one.invoke_async("run", f"result = {number}") for number in range(3)))

    with opened(tmp_path) as engine:
        assert ["0", "1", "2"] == asyncio.run(calls(worker(engine)))


def test_deleting_a_worker_deletes_its_history(tmp_path):
    """The name is free again, and nothing of the old one is left."""
    with opened(tmp_path) as engine:
        one = worker(engine)
        one.invoke("run", "state['x'] = 1")

        assert engine.delete_worker("w")
        assert not engine.delete_worker("w")
        assert [] == list((tmp_path / "leases").iterdir())
        assert "{}" == worker(engine).invoke("run", "result = state")


def test_a_guest_that_never_returns_is_interrupted_by_the_time_limit(tmp_path):
    """Not retried: the limit would be reached again. Nothing is lost, and whoever resumes it gives it as much again."""
    with opened(tmp_path, timeout=0.3) as engine:
        one = worker(engine)
        with pytest.raises(InvocationError, match=r"longer than 0\.3 s") as raised:
            one.invoke("run", "while True: pass", idempotency_key="k")

        assert ("TimeLimit", "interrupted", "interrupted") == (raised.value.type, raised.value.status, one.status)
        assert 0 == kinds(one).count("error")
        with pytest.raises(InvocationError, match=r"longer than 0\.3 s"):
            one.invoke("run", "while True: pass", idempotency_key="k")


def test_the_memory_limit_is_the_guest_s_memory_error(tmp_path):
    """A guest that asks for more than it may have gets MemoryError, as in any Python."""
    with opened(tmp_path, max_memory=64 << 20) as engine:
        with pytest.raises(InvocationError) as raised:
            worker(engine).invoke("run", "x = bytearray(200 << 20)")

    assert "MemoryError" == raised.value.type


def test_too_deep_recursion_is_not_retried_where_it_overflows_the_stack(tmp_path):
    """Python's own limit is an ordinary failure. One that it misses, through C code, reads no worse: no wasm frames."""
    through_c = "class C:\n  def __init__(self): C()\nC()"
    with opened(tmp_path) as engine:
        for name, source in (("python", "def f(): f()\nf()"), ("c", through_c)):
            with pytest.raises(InvocationError) as raised:
                worker(engine, name).invoke("run", source)

            assert "RecursionError" == raised.value.type
            assert ".so!" not in str(raised.value) + raised.value.traceback


def test_a_retrying_worker_accepts_and_a_final_failure_tells_all(tmp_path):
    """Invocations queue while another waits for its next attempt; when that was the last, all callers get the error."""
    source = """
host.set_retry_policy(host.RetryPolicy(max_attempts=1, min_delay=400_000_000, max_delay=400_000_000, multiplier=1.0))
raise ValueError("boo")
"""
    with opened(tmp_path, clock=SystemClock()) as engine:
        one = worker(engine)
        first = one.start("run", source)
        for _ in range(500):
            if one.status == "retrying":
                break
            time.sleep(0.01)
        second = one.start("run", "result = 2", idempotency_key="second")
        assert [{"function": "run", "idempotency_key": "second"}] == one.describe(full=True)["pending"]

        for each in (first, second):
            with pytest.raises(InvocationError, match="boo"):
                each.wait(300)
        assert 2 == kinds(one).count("error")
        one.revert(to=1)
        assert "2" == again(one, "second")


def test_a_failure_where_the_oplog_goes_on_is_a_divergence(tmp_path):
    """Less memory than the history needs: nothing is written, and with enough of it the worker goes on."""
    with opened(tmp_path) as engine:
        worker(engine).invoke("run", "big = bytes(100_000_000); host.get_oplog_index()")
    with opened(tmp_path, max_memory=64 << 20) as engine:
        one = worker(engine)
        entries = one.oplog_index
        with pytest.raises(InvocationError, match="recorded no-op, attempted MemoryError") as raised:
            one.invoke("run", "result = 1")
        assert ("Divergence", "idle", entries) == (raised.value.type, one.status, one.oplog_index)
        assert "MemoryError" in raised.value.traceback
    with opened(tmp_path) as engine:
        assert "1" == worker(engine).invoke("run", "result = 1")
