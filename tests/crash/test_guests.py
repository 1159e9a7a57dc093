"""Small guests, each about one thing that the engine does for a guest, crashed anywhere.

They are programs for the component `script`, which makes the host's calls itself, without the words of the DSL. Most
need no server: what was done is in the result, which must be the same as without a crash.
"""

from __future__ import annotations

import pytest

from durable_dsl.engine.directory.catalogue import component_id_of
from tests.engine.interfaces import test_blobstore, test_keyvalue, test_rpc
from tests.engine.programs import program
from tests.guests import guest

KEYVALUE, BLOBS = test_keyvalue.PRELUDE, test_blobstore.PRELUDE
RPC = test_rpc.PRELUDE


def anything(_expected, _actual):
    return True


#: name -> (export, program, more for crash_driver.run)
GUESTS = {
    "clocks and chance": ("run", "result = time.time(), random.get_random_u64()", {"same": anything}),
    "a day's sleep": ("run", "time.sleep(24 * 3600); result = 'slept'", {}),
    "short sleeps": (
        "run",
        """
        for seconds in (0.5, 3, 11):
            time.sleep(seconds)
        result = 'slept'
        """,
        {},
    ),
    "keys": (
        "run",
        """
        keys = [host.generate_idempotency_key()]
        begin = host.mark_begin_operation()
        keys += [host.generate_idempotency_key(), host.generate_idempotency_key()]
        host.mark_end_operation(begin)
        result = [key.low_bits for key in keys]
        """,
        {},
    ),
    "a failure": ("run", "host.generate_idempotency_key(); raise ValueError('always')", {}),
    "a region that fails": (
        "run",
        """
        begin = host.mark_begin_operation()
        host.generate_idempotency_key()
        raise ValueError('always')
        """,
        {},
    ),
    "a domain error": ("attempt", "host.generate_idempotency_key(); raise ValueError('declared')", {}),
    "an exit": ("run", "host.generate_idempotency_key(); sys.exit(3)", {}),
    "jumps": (
        "run",
        """
        marker = host.get_oplog_index()
        print("round")
        if host.get_oplog_index() < marker + 12:
            host.set_oplog_index(marker)
        result = "done"
        """,
        {},
    ),
    "commits": (
        "run",
        """
        drawn = [random.get_random_u64() for _ in range(3)]
        host.oplog_commit(1)
        result = len(drawn)
        """,
        {},
    ),
    "files of its own": (
        "run",
        """
        import pathlib
        place = pathlib.Path("/kept")
        place.mkdir()
        (place / "a").write_text("one")
        host.generate_idempotency_key()
        with (place / "a").open("a") as file:
            file.write(" two")
        size = (place / "a").stat().st_size
        host.generate_idempotency_key()
        result = (place / "a").read_text(), size, sorted(os.listdir("/kept"))
        """,
        {},
    ),
    "a key-value store": (
        "run",
        KEYVALUE
        + program("""
        for name in ("a", "b"):
            count = content(eventual.get(bucket, name)) or b""
            eventual.set(bucket, name, value(count + b"x"))
        result = content(eventual.get(bucket, "a")), content(eventual.get(bucket, "b"))
        """),
        {},
    ),
    "a blob store": (
        "run",
        BLOBS
        + program("""
        box = blobstore.create_container("box")
        had = box.has_object("a")
        box.write_data("a", value(b"one" + (content(box, "a") if had else b"")))
        result = content(box, "a")
        """),
        {},
    ),
    "a promise kept": (
        "run",
        """
        promise = host.create_promise()
        kept = host.complete_promise(promise, b"word")
        again = host.complete_promise(promise, b"other")
        found = host.await_promise(promise)
        host.delete_promise(promise)
        result = kept, again, found
        """,
        {},
    ),
    "calls of another worker": (
        "run",
        RPC
        + f"CALLEE = {component_id_of('script')!r}\n"
        + program("""
        count = "state['n'] = state.get('n', 0) + 1; result = state['n']"
        with other("counter", CALLEE) as callee:
            first = shown(callee.invoke_and_await("run", [string(count)]))
            begin = host.mark_begin_operation()
            second = shown(callee.invoke_and_await("run", [string(count)]))
            host.mark_end_operation(begin)
        result = first, second
        """),
        {},
    ),
    "output": ("run", "print('one'); host.generate_idempotency_key(); print('two'); print('three')", {}),
}


def run(crash_driver, name, **options):
    export, source, more = GUESTS[name]
    return crash_driver.run(guest("script"), export, program(source), **{**more, **options})


@pytest.mark.durable(real=0.4)
@pytest.mark.parametrize("name", GUESTS)
def test_a_guest_survives_a_crash_anywhere(crash_driver, name):
    """A sample of its points."""
    run(crash_driver, name, sample=14)


@pytest.mark.exhaustive
@pytest.mark.durable(real=1)
@pytest.mark.parametrize("name", GUESTS)
def test_a_guest_survives_a_kill_at_every_point(crash_driver, name):
    """Every point in a killed process; then again with a second death in the recovery."""
    for crashes in (1, 2, 3):
        report = run(crash_driver, name, crashes=crashes)

        assert report.available == report.points


@pytest.mark.guarantee("RECOVERY-3")
def test_output_is_not_recorded_twice(crash_driver):
    """What was written before a crash and is on disk is not written again by the recovery."""

    def written_once(run):
        written = "".join(record.entry.message for record in run.records if record.kind == "log")
        assert "one\ntwo\nthree\n" == written, written

    run(crash_driver, "output", check=written_once, sample=30)
