"""What guests, servers and names say does nothing to the terminal, forges no row, and is told for what it is."""

from __future__ import annotations

import json
import os
import pty
import sqlite3
import subprocess

import pytest

from durable_dsl.engine.errors import UsageError
from durable_dsl.engine.oplog import tables
from durable_dsl.printable import PrintableStream, on_one_line, printable, printable_in_color, printable_json
from tests.engine.programs import command, opened, run_command, worker
from tests.guests import guest

ATTACK = "a\x1b[2J\x1b]0;owned\x07\x9b31m\u202ecod\rw"
SPELLED = "a\\x1b[2J\\x1b]0;owned\\x07\\x9b31m\\u202ecod\\rw"
ACTIVE = ("\x1b", "\x07", "\x9b", "\u202e", "\r")


def on_a_terminal(*command):
    """What a command writes to a terminal, which it has for stdout and stderr; the status."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "NO_COLOR": "1"}
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs, env=environment)
    os.close(theirs)
    written = bytearray()
    try:
        while piece := os.read(ours, 65536):
            written += piece
    except OSError:  # the other side is closed
        pass
    finally:
        os.close(ours)
    return written.decode().replace("\r\n", "\n"), process.wait(300)


@pytest.mark.guarantee("TERMINAL-1")
def test_what_a_guest_writes_and_fails_with(tmp_path):
    """On stdout, on stderr and in its error; also in pieces that end within a character. Elsewhere it is as it was."""
    source = f"""
text = {ATTACK!r}
print("out", text, flush=True)
for byte in ("err " + text).encode():
    os.write(2, bytes([byte]))
host.set_retry_policy(host.RetryPolicy(max_attempts=0, min_delay=1, max_delay=2, multiplier=1.0))
raise ValueError(text)
"""
    run = command(tmp_path, "run", str(guest("script")), "run", source, "--worker", "w")
    told, status = on_a_terminal(*run)

    assert (3, []) == (status, [each for each in ACTIVE if each in told])
    for start in ("out ", "err ", "ValueError: "):
        assert start + SPELLED in told
    for verb in ("show", "oplog"):
        shown, _ = on_a_terminal(*command(tmp_path, "worker", verb, "w"))
        piped = run_command(tmp_path, "worker", verb, "w").stdout
        assert [] == [each for each in ACTIVE if each in shown + piped]
    piped = subprocess.run(
        command(tmp_path, "run", str(guest("script")), "run", f"print({ATTACK!r}); result = {ATTACK!r}"),
        capture_output=True, check=True,
    )  # fmt: skip
    assert ATTACK.encode() in piped.stderr
    assert ATTACK == json.loads(piped.stdout)
    assert b"\xc2\x9b" not in piped.stdout


@pytest.mark.parametrize(
    "name", ["", "  ", "a\nb", "a\x1b[2J", "a\x9bb", "a\u202eb", "a\u2028b", "\ud800", "x" * 256, "a\0"]
)
def test_names_that_no_worker_may_have(tmp_path, name):
    """Refused whoever makes it; nothing is made."""
    with opened(tmp_path) as engine:
        one = worker(engine)
        for make in (lambda: worker(engine, name), lambda: one.fork(name)):
            with pytest.raises(UsageError, match=r"the worker's name|a worker's name is empty"):
                make()
        assert ["w"] == [each.name for each in engine.workers()]


def test_an_empty_name_on_the_command_line(tmp_path):
    """Is no wish for a name to be made."""
    refused = run_command(tmp_path, "run", str(guest("script")), "run", "", "--worker", "")

    assert (1, True) == (refused.returncode, "a worker's name is empty" in refused.stderr)


def test_a_name_of_an_older_file_forges_no_row(tmp_path):
    """It is listed and shown on one line, and its worker can be deleted."""
    name = "w\nadmin  script  0  idle  9\x1b[1A"
    with opened(tmp_path) as engine:
        worker(engine)
    with sqlite3.connect(tmp_path / "durable.sqlite3") as connection:
        row = tables.one(connection, "worker", "WHERE id = 1")
        tables.update(connection, "worker", row, name=name)
    shown = [run_command(tmp_path, "worker", *verb) for verb in (["list"], ["show", name], ["delete", name])]

    assert [0, 0, 0] == [run.returncode for run in shown]
    assert 2 == len(shown[0].stdout.splitlines())
    assert ["name         w\\nadmin  script  0  idle  9\\x1b[1A"] == [
        line for line in shown[1].stdout.splitlines() if "admin" in line
    ]
    assert not [run.args for run in shown if "\x1b" in run.stdout + run.stderr]


def test_what_is_escaped_and_what_is_not():
    """Lines and tabs where text has lines; our own colours; JSON stays the JSON it was."""
    assert "a\n\tb\\x1b[0m" == printable("a\n\tb\x1b[0m")
    assert "a\\n\\tb" == on_one_line("a\n\tb")
    assert "\x1b[1mé\u4e2d\x1b[0m\\x1b[2J" == printable_in_color("\x1b[1mé\u4e2d\x1b[0m\x1b[2J")
    text = printable_json(json.dumps(ATTACK, ensure_ascii=False))
    assert ATTACK == json.loads(text)
    assert not [each for each in ACTIVE if each in text]
    stream = PrintableStream()
    assert "\\x9bé" == "".join(stream.piece(bytes([byte])) for byte in "\x9bé".encode())
