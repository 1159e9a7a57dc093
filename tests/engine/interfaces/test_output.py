"""What a guest writes is shown as it writes it, once; a failure's traceback is the error's."""

from __future__ import annotations

import pytest

from durable_dsl.engine.errors import InvocationError
from tests.engine.programs import Shown, opened, program, worker


def test_output_is_shown_and_recorded(tmp_path):
    """Both streams go to the sink; each write is a log entry."""
    shown = Shown()
    with opened(tmp_path, output=shown) as engine:
        one = worker(engine)
        one.invoke("run", 'print("out"); print("err", file=sys.stderr)')

        assert "out\nerr\n" == shown.text
        logged = [(record.entry.level, record.entry.message) for record in one.oplog() if record.kind == "log"]
        assert [("stdout", "out"), ("stdout", "\n"), ("stderr", "err"), ("stderr", "\n")] == logged


def test_a_failure_s_traceback_is_not_output(tmp_path):
    """It is in the error, once, although the attempt was repeated; what came before it is shown once."""
    shown = Shown()
    with opened(tmp_path, output=shown) as engine, pytest.raises(InvocationError) as raised:
        worker(engine).invoke("run", 'print("working")\nraise ValueError("boo")')

    assert "working\n" == shown.text
    assert ("ValueError", "boo", "failed") == (raised.value.type, raised.value.message, raised.value.status)
    assert raised.value.traceback.endswith('File "script.py", line 2, in <module>\nValueError: boo')


def test_a_traceback_that_the_guest_prints_and_survives_is_output(tmp_path):
    """Held back at first, shown when the guest goes on."""
    shown = Shown()
    source = program("""
        import traceback
        try:
            1 / 0
        except ZeroDivisionError:
            traceback.print_exc()
        print("went on")
    """)
    with opened(tmp_path, output=shown) as engine:
        worker(engine).invoke("run", source)

    assert shown.text.startswith("Traceback (most recent call last):")
    assert shown.text.endswith("ZeroDivisionError: division by zero\nwent on\n")


def test_a_printed_traceback_before_the_fatal_one_is_shown(tmp_path):
    """Only the last traceback is the failure."""
    shown = Shown()
    source = program("""
        import traceback
        try:
            1 / 0
        except ZeroDivisionError:
            traceback.print_exc()
        raise KeyError("fatal")
    """)
    with opened(tmp_path, output=shown) as engine, pytest.raises(InvocationError) as raised:
        worker(engine).invoke("run", source)

    assert "KeyError" == raised.value.type
    assert shown.text.count("ZeroDivisionError: division by zero") == 1
    assert "KeyError" not in shown.text


def test_bytes_that_are_no_text_are_shown_as_they_are(tmp_path):
    """The sink gets bytes; only the oplog replaces what is not UTF-8."""
    received = []
    with opened(tmp_path, output=lambda _level, data: received.append(data)) as engine:
        worker(engine).invoke("run", r'sys.stdout.buffer.write(b"\xff\n"); sys.stdout.flush()')

    assert b"\xff\n" == b"".join(received)


def test_standard_input_is_refused_with_a_reason(tmp_path):
    """There is nobody to type; the message says what to do instead."""
    with opened(tmp_path) as engine, pytest.raises(InvocationError, match="no standard input: pass data") as raised:
        worker(engine).invoke("run", "sys.stdin.read()")

    assert "StdinDisabled" == raised.value.type


@pytest.mark.parametrize(
    ("source", "level"),
    [
        ("print({})", "stdout"),
        ("sys.stderr.write({} + chr(10))", "stderr"),
        ("os.write(1, {}.encode() + b'\\n')", "stdout"),
        ("print({}, flush=True); time.sleep(1)", "stdout"),
    ],
)
def test_long_output_is_shown_and_recorded_whole(tmp_path, source, level):
    """However long; and it is written once, whatever follows it and wherever the worker is replayed."""
    text = "é" * 150_000
    shown = Shown()
    with opened(tmp_path, output=shown) as engine:
        one = worker(engine)
        one.invoke("run", f"import os, sys; {source.format(repr(text))}")
        one.simulate_crash()
        one.invoke("run", "print('next')")
        recorded = [record.entry for record in one.oplog() if record.kind == "log"]

    assert f"{text}\nnext\n" == shown.text
    assert f"{text}\nnext\n" == "".join(entry.message for entry in recorded)
    assert {level, "stdout"} == {entry.level for entry in recorded}


@pytest.mark.parametrize("ending", ["sys.exit(1)", "os.abort()", "raise KeyError('end')"])
def test_long_output_before_an_end(tmp_path, ending):
    """What the guest wrote before it ended, in whatever way, is all there, once, though it is tried again."""
    text = "x" * 200_000
    shown = Shown()
    with opened(tmp_path, output=shown) as engine:
        one = worker(engine)
        with pytest.raises(InvocationError):
            one.invoke("run", f"import os, sys; print({text!r}); print({text!r}, file=sys.stderr); {ending}")
        recorded = "".join(record.entry.message for record in one.oplog() if record.kind == "log")

    assert f"{text}\n{text}\n" == shown.text == recorded


def test_a_long_failure_is_told_whole(tmp_path):
    """Its message is longer than what else is kept of stderr."""
    message = "x" * 300_000 + "END"
    with opened(tmp_path) as engine, pytest.raises(InvocationError) as raised:
        worker(engine).invoke("run", f"raise ValueError({message!r})")

    assert ("ValueError", message) == (raised.value.type, raised.value.message)
    assert raised.value.traceback.startswith("Traceback")


def test_a_long_line_in_many_pieces_takes_no_more_than_its_length(tmp_path):
    """What a line begins with is looked at, not the whole of it with each piece."""
    shown = Shown()
    with opened(tmp_path, output=shown) as engine:
        worker(engine).invoke("run", "import sys\nfor _ in range(3000): sys.stderr.write('.' * 3000)")

    assert "." * 9_000_000 == shown.text
