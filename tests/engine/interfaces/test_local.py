"""Clocks, random numbers, environment, exit, sockets: what is local to the machine, recorded and replayed."""

from __future__ import annotations

import pytest
from wasmtime import wat2wasm

from durable_dsl.engine.clock import SkippingClock
from durable_dsl.engine.errors import InvocationError
from tests.engine.programs import Shown, again, kinds, opened, program, worker

READS = {
    "wall_clock.now()": "wall_clock::now",
    "wall_clock.resolution()": "wall_clock::resolution",
    "monotonic_clock.now()": "monotonic_clock::now",
    "monotonic_clock.resolution()": "monotonic_clock::resolution",
    "random.get_random_u64()": "golem random::get_random_u64",
    "insecure.get_insecure_random_bytes(4)": "golem random::insecure::get_insecure_random_bytes",
    "insecure.get_insecure_random_u64()": "golem random::insecure::get_insecure_random_u64",
    "insecure_seed.insecure_seed()": "golem random::insecure_seed::insecure_seed",
}

#: `run` asks for a TCP socket and returns the number of the error's case: 1 is access-denied. `rest` asks for nothing.
ASKS_FOR_A_SOCKET = """
(component
  (import "wasi:sockets/tcp-create-socket@0.2.0" (instance $tcp
    (export "tcp-socket" (type $socket (sub resource)))
    (type $code-cases (enum "unknown" "access-denied"))
    (export "error-code" (type $code (eq $code-cases)))
    (export "create-tcp-socket" (func (result (result (own $socket) (error $code)))))))
  (core module $memory (memory (export "memory") 1))
  (core instance $held (instantiate $memory))
  (core func $create (canon lower (func $tcp "create-tcp-socket") (memory (core memory $held "memory"))))
  (core module $m
    (import "held" "memory" (memory 1))
    (import "tcp" "create" (func $create (param i32)))
    (func (export "run") (result i32)
      (call $create (i32.const 0))
      (i32.load8_u (i32.const 4)))
    (func (export "rest") (result i32) (i32.const 1)))
  (core instance $i (instantiate $m
    (with "held" (instance $held))
    (with "tcp" (instance (export "create" (func $create))))))
  (func (export "run") (result u8) (canon lift (core func $i "run")))
  (func (export "rest") (result u8) (canon lift (core func $i "rest"))))
"""

#: A command as most languages' runtimes write them: `run` says how it ended by an exit.
COMMAND = """
(component
  (import "wasi:cli/exit@0.2.0" (instance $exit (export "exit" (func (param "status" (result))))))
  (core func $exit (canon lower (func $exit "exit")))
  (core module $m
    (import "wasi" "exit" (func $exit (param i32)))
    (func (export "run") (result i32) (call $exit (i32.const STATUS)) unreachable))
  (core instance $i (instantiate $m (with "wasi" (instance (export "exit" (func $exit))))))
  (func $run (result (result)) (canon lift (core func $i "run")))
  (instance $command (export "run" (func $run)))
  (export "wasi:cli/run@0.2.0" (instance $command)))
"""


def test_local_reads_are_recorded_and_answered_from_the_oplog(tmp_path):
    """A new process sees what the first one saw, and the log does not grow."""
    source = f"result = state.setdefault('seen', [{', '.join(READS)}])"
    with opened(tmp_path) as engine:
        one = worker(engine)
        first = one.invoke("run", source)
        expected = ["create", "exported-function-invoked", *READS.values(), "exported-function-completed"]
        assert expected == kinds(one)
    with opened(tmp_path) as engine:
        one = worker(engine)

        assert first == one.invoke("run", "result = state['seen']")
        assert [*expected, "exported-function-invoked", "exported-function-completed"] == kinds(one)


def test_the_environment_is_the_worker_s_own(tmp_path):
    """Nothing of the host's environment, what was given when the worker was made, Golem's names and one of ours."""
    with opened(tmp_path, env={"COLOUR": "blue", "GOLEM_WORKER_NAME": "liar"}) as engine:
        found = worker(engine, "w1").invoke("run", "result = sorted(os.environ.items())")

    assert "[('COLOUR', 'blue'), ('DURABLE_DSL_PROMISES_WAKE', '1'), ('GOLEM_COMPONENT_ID', '" in found
    assert "('GOLEM_COMPONENT_VERSION', '0'), ('GOLEM_WORKER_NAME', 'w1')]" in found


def test_exit_ends_the_worker(tmp_path):
    """Whatever the status: no retry, no further invocation; the key's outcome stays known."""
    with opened(tmp_path) as engine:
        one = worker(engine)
        with pytest.raises(InvocationError, match="exit status 0") as raised:
            one.invoke("run", "sys.exit()", idempotency_key="k")

        assert "exited" == raised.value.status == one.status
        assert "exited" == kinds(one)[-1]
        with pytest.raises(InvocationError, match="ended the worker"):
            one.invoke("run", "result = 1")
        with pytest.raises(InvocationError, match="exit status 0"):
            again(one, "k")


def test_a_command_that_ends_itself_well_has_returned(tmp_path):
    """To the caller, and to whoever asks for the result again; nothing more can be run on the worker."""
    (tmp_path / "command.wasm").write_bytes(wat2wasm(COMMAND.replace("STATUS", "0")))
    for _ in range(2):
        with opened(tmp_path / "data") as engine:
            one = engine.worker("w", engine.load(tmp_path / "command.wasm"))

            assert {"ok": None} == one.invoke("run", idempotency_key="k")
            assert "exited" == one.status
            with pytest.raises(InvocationError, match="ended the worker"):
                one.invoke("run")


def test_a_command_that_ends_itself_otherwise_has_failed(tmp_path):
    """As any export that ends by an exit."""
    (tmp_path / "command.wasm").write_bytes(wat2wasm(COMMAND.replace("STATUS", "1")))
    with opened(tmp_path / "data") as engine, pytest.raises(InvocationError, match="exit status 1"):
        engine.worker("w", engine.load(tmp_path / "command.wasm")).invoke("run")


def test_what_a_guest_said_before_it_ended_itself_is_shown(tmp_path):
    """A traceback on stderr too, which is held back while the attempt may still fail with it."""
    shown = Shown()
    with opened(tmp_path, output=shown) as engine, pytest.raises(InvocationError, match="exit status 1"):
        source = program("""
            import traceback
            try:
                raise ValueError("of the guest")
            except ValueError:
                traceback.print_exc()
            sys.exit(3)
        """)
        worker(engine).invoke("run", source)

    assert 1 == shown.text.count("ValueError: of the guest")


def test_a_tcp_socket_is_refused_and_says_why(tmp_path):
    """Whoever runs the engine sees it, once and not again in replay."""
    (tmp_path / "sockets.wasm").write_bytes(wat2wasm(ASKS_FOR_A_SOCKET))
    shown = Shown()
    for export in ("run", "rest"):  # the second engine replays the first call
        with opened(tmp_path / "data", output=shown) as engine:
            assert 1 == engine.worker("w", engine.load(tmp_path / "sockets.wasm")).invoke(export)

    assert 1 == shown.text.count("refused: a TCP socket: workers have none")


def test_a_short_sleep_is_recorded_when_it_ends(tmp_path):
    """Its start is on disk before the guest waits."""
    with opened(tmp_path) as engine:
        one = worker(engine)
        one.invoke("run", "time.sleep(0.01)")

        assert ["monotonic_clock::now", "golem io::poll::poll"] == kinds(one)[2:-1]


def test_a_long_sleep_releases_the_instance_and_takes_no_time_in_a_test(tmp_path):
    """24 hours: suspended, woken by the clock, finished."""
    clock = SkippingClock()
    before = clock.now()
    with opened(tmp_path, clock=clock) as engine:
        one = worker(engine)
        one.invoke("run", "time.sleep(86400)")

        assert ["monotonic_clock::now", "suspend", "golem io::poll::poll"] == kinds(one)[2:-1]
        assert clock.now() - before >= 86400 * 10**9


def test_a_long_sleep_inside_an_atomic_region_waits_in_place(tmp_path):
    """Suspending would start the region, and its sleep, again at each wake-up."""
    source = "begin = host.mark_begin_operation(); time.sleep(3600); host.mark_end_operation(begin)"
    with opened(tmp_path) as engine:
        one = worker(engine)
        one.invoke("run", source)

        assert "suspend" not in kinds(one)


def test_polling_several_gives_those_that_are_ready(tmp_path):
    """Indices of what is ready, recorded."""
    source = program("""
        timers = [monotonic_clock.subscribe_duration(d) for d in (60_000_000_000, 1_000_000, 70_000_000_000)]
        result = poll.poll(timers), [timer.ready() for timer in timers]
    """)
    with opened(tmp_path) as engine:
        assert "([1], [False, True, False])" == worker(engine).invoke("run", source)


ZEROES = """
fs = wasi_filesystem_types
root = preopens.get_directories()[0][0]
root.open_at(fs.PathFlags(0), "zeroes", fs.OpenFlags.CREATE, fs.DescriptorFlags.WRITE).write_via_stream(0)""".lstrip()


@pytest.mark.parametrize(
    "source",
    [
        "random.get_random_bytes(2**40)",
        "random.get_random_bytes(2**64 - 1)",
        f"{ZEROES}.write_zeroes(2**50)",
        f"{ZEROES}.blocking_write_zeroes_and_flush(2**50)",
    ],
)
def test_what_no_memory_can_hold_is_the_guest_s_mistake(tmp_path, source):
    """It ends the attempt, not the engine."""
    with opened(tmp_path) as engine:
        one = worker(engine)
        with pytest.raises(InvocationError, match="were") as raised:
            one.invoke("run", source)
        assert ("TooManyBytes", "failed") == (raised.value.type, one.status)
