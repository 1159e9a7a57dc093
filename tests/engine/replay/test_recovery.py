"""After the death of the process, whenever it comes: completed calls are answered, the rest is done."""

from __future__ import annotations

import contextlib
import sqlite3
import subprocess
import time

import pytest

from durable_dsl.engine.clock import SkippingClock
from durable_dsl.engine.errors import InvocationError, LeaseError
from tests.engine.programs import (
    ROOT,
    command,
    killed_when,
    kinds,
    opened,
    parsed,
    program,
    rewritten,
    run_command,
    worker,
)
from tests.guests import guest


def recorded(data):
    """The functions of all entries that have reached the disk."""
    database = data / "durable.sqlite3"
    if not database.exists():
        return []
    with contextlib.closing(sqlite3.connect(database)) as connection, contextlib.suppress(sqlite3.OperationalError):
        return [function for (function,) in connection.execute("SELECT function FROM entry")]
    return []


STEPS = program("""
    keys = [host.generate_idempotency_key() for _ in range(3)]
    print("started")
    print("at the gate", file=sys.stderr)
    time.sleep(0.5)
    keys.append(host.generate_idempotency_key())
    print("finished")
    result = [f"{key.high_bits:x}{key.low_bits:x}" for key in keys]
""")


def start(data, *arguments):
    return subprocess.Popen(
        command(data, "run", str(guest("script")), *arguments),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )


def keys_of(one):
    return [
        record.entry.response
        for record in one.oplog()
        if getattr(record.entry, "function", "") == "golem api::generate_idempotency_key"
    ]


@pytest.mark.guarantee("RECOVERY-1", "RECOVERY-2")
def test_a_killed_run_is_finished_by_the_same_command(tmp_path):
    """Same worker and key: the three finished steps are answered, what was printed is not printed again."""
    killed_when(start(tmp_path, "run", STEPS, "--worker", "w", "--idempotency-key", "k"), "at the gate")
    with opened(tmp_path) as engine:
        one = worker(engine)
        recorded = keys_of(one)
        assert len(recorded) == 3
        assert "unfinished" == one.status

    again = run_command(
        tmp_path, "run", str(guest("script")), "run", STEPS, "--worker", "w", "--idempotency-key", "k", "--json"
    )

    assert again.returncode == 0, again.stderr
    assert "finished\n" in again.stderr
    assert again.stderr.count("started") <= 1  # its entry had not been committed, or it is not printed again
    with opened(tmp_path) as engine:
        one = worker(engine)
        assert recorded == keys_of(one)[:3]
        assert len(keys_of(one)) == 4
        assert 1 == kinds(one).count("exported-function-invoked")
    assert parsed(again)["status"] == "idle"


def test_a_finished_key_is_answered_without_running(tmp_path):
    """A repetition gives the recorded result and writes nothing."""
    arguments = (
        "run",
        str(guest("script")),
        "run",
        "result = os.urandom(4)",
        "--worker",
        "w",
        "--idempotency-key",
        "k",
    )
    first = run_command(tmp_path, *arguments, "--json")
    second = run_command(tmp_path, *arguments, "--json")

    assert parsed(first) == parsed(second)


@pytest.mark.guarantee("RECOVERY-6")
def test_a_killed_process_gives_its_worker_free(tmp_path):
    """While it lives nobody else may run the worker; when it is dead anybody may."""
    process = start(tmp_path, "run", "print('in', file=sys.stderr); time.sleep(30)", "--worker", "w")
    assert process.stderr is not None
    assert "in\n" == process.stderr.readline()
    with opened(tmp_path) as engine:
        with pytest.raises(LeaseError, match=str(process.pid)):
            worker(engine).invoke("run", "")
        process.kill()
        process.wait()

        worker(engine).resume()
        assert "idle" == worker(engine).status


@pytest.mark.guarantee("RECOVERY-1")
def test_what_never_reached_the_disk_never_began(tmp_path):
    """Killed before its first commit: nothing is found, and the same command runs it."""
    killed_when(
        start(
            tmp_path, "run", "print('in', file=sys.stderr)\nwhile True: pass", "--worker", "w", "--idempotency-key", "k"
        ),
        "in",
    )
    with opened(tmp_path) as engine:
        assert ["create"] == kinds(worker(engine))

    again = run_command(
        tmp_path, "run", str(guest("script")), "run", "result = 1", "--worker", "w", "--idempotency-key", "k"
    )
    assert '"1"\n' == again.stdout


@pytest.mark.guarantee("RECOVERY-4")
def test_resume_continues_what_had_reached_the_disk(tmp_path):
    """The sleeper goes on for its remainder; a later repetition finds the result."""
    source = "a = host.generate_idempotency_key(); print('in', file=sys.stderr); time.sleep(1); result = 'slept'"
    started = time.time()
    killed_when(start(tmp_path, "run", source, "--worker", "w", "--idempotency-key", "k"), "in")
    with opened(tmp_path) as engine:
        one = worker(engine)
        one.resume()

        assert "idle" == one.status
        assert "slept" == one.invoke("run", source, idempotency_key="k")
    assert time.time() - started < 30


def test_earlier_invocations_are_rebuilt_before_a_later_one(tmp_path):
    """State is what replay of all invocations leaves."""
    with opened(tmp_path) as engine:
        one = worker(engine)
        for number in range(3):
            one.invoke("run", f"state.setdefault('list', []).append(({number}, random.get_random_u64()))")
        first = one.invoke("run", "result = state['list']")
    with opened(tmp_path) as engine:
        assert first == worker(engine).invoke("run", "result = state['list']")


def test_a_thousand_steps_replay_quickly_and_exactly(tmp_path):
    """Recovery is a matter of milliseconds, and appends nothing to what it replays."""
    with opened(tmp_path) as engine:
        one = worker(engine)
        one.invoke("run", "for _ in range(1000): host.generate_idempotency_key()")
        before = [(record.index, record.entry) for record in one.oplog()]
    with opened(tmp_path) as engine:
        one = worker(engine)
        one.resume()

        assert before == [(record.index, record.entry) for record in one.oplog()]


@pytest.mark.guarantee("RECOVERY-7")
def test_another_program_than_the_recorded_one_is_a_divergence(tmp_path):
    """Told as recorded against attempted; nothing is written, and the right build goes on."""
    with opened(tmp_path) as engine:
        worker(engine).invoke("run", "random.get_random_bytes(4)")
        before = len(worker(engine).oplog())
        database = engine.store.path
    rewritten(database, '["random.get_random_bytes(5)"]')
    with opened(tmp_path) as engine:
        one = worker(engine)
        with pytest.raises(
            InvocationError, match=r"recorded golem random::get_random_bytes 4, attempted .* 5"
        ) as raised:
            one.invoke("run", "result = 1")

        assert ("Divergence", "idle") == (raised.value.type, raised.value.status)
        assert before == len(one.oplog())
        assert "idle" == one.status


@pytest.mark.guarantee("RECOVERY-4")
def test_a_sleep_that_is_cut_short_goes_on_for_its_remainder(tmp_path):
    """Shorter than what suspends, longer than what is not worth a commit."""
    source = "print('in', file=sys.stderr); time.sleep(3); result = 'slept'"
    process = start(tmp_path, "run", source, "--worker", "w", "--idempotency-key", "k")
    while "monotonic_clock::now" not in recorded(tmp_path):
        time.sleep(0.01)
    time.sleep(0.5)
    process.kill()
    process.communicate()
    clock = SkippingClock()
    with opened(tmp_path, clock=clock) as engine:
        assert "slept" == worker(engine).invoke("run", source, idempotency_key="k")

    skipped = (clock.now() - time.time_ns()) / 1e9
    assert skipped < 2.6  # of the three seconds half of one had passed when the process died
