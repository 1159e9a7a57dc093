"""`durable-dsl worker`: list, show, oplog."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta

import pytest

from durable_dsl.cli.main import main
from durable_dsl.engine import Engine
from tests.guests import guest


@pytest.fixture
def verb(tmp_path, capfd):
    def call(*arguments):
        status = main([*arguments, "--data", str(tmp_path / "data")])
        captured = capfd.readouterr()
        return status, captured.out, captured.err

    call.data = tmp_path / "data"
    return call


def run(verb, source, *options):
    return verb("run", str(guest("script")), "run", source, "--worker", "w", *options)


def test_no_workers(verb, tmp_path):
    """Said on stderr; in JSON an empty array. Where there is no data directory that is said, and none is made."""
    status, out, err = verb("worker", "list")

    assert (1, "") == (status, out)
    assert "there is no data directory" in err
    assert not (tmp_path / "data").exists()
    Engine.open(tmp_path / "data").close()
    assert (0, "") == verb("worker", "list")[:2]
    assert [] == json.loads(verb("worker", "list", "--json")[1])


def test_list(verb):
    """One line, or one object, for each worker; what keeps one that does not go on stands at the end."""
    run(verb, "result = 1")
    verb("run", str(guest("script")), "run", "raise KeyError('tea')", "--worker", "f")
    failed, idle = json.loads(verb("worker", "list", "--json")[1])
    facts = {"name": "w", "component": "script", "version": 0, "status": "idle", "oplog_index": idle["oplog_index"]}
    lines = verb("worker", "list")[1].splitlines()

    assert {**facts, "changed": idle["changed"], "reason": None} == idle
    assert datetime.now(UTC) - datetime.fromisoformat(idle["changed"]) < timedelta(hours=1)
    assert ("failed", "KeyError: 'tea'") == (failed["status"], failed["reason"])
    assert ["NAME", "COMPONENT", "VERSION", "STATUS", "ENTRIES", "AGE"] == lines[0].split()
    assert ["w", "script", "0", "idle", str(idle["oplog_index"])] == lines[2].split()[:5]
    assert lines[2].split()[5][-1] in "sm"
    assert lines[1].endswith("KeyError: 'tea'")


def test_a_list_says_what_is_waited_for(verb):
    """The end of a sleep, for one."""
    run(verb, "time.sleep(0)")
    with Engine.open(verb.data, output=lambda *_: None) as engine:
        worker = engine.worker("w")
        invocation = worker.start("run", "time.sleep(1000)")
        while worker.status != "suspended":
            time.sleep(0.01)
        del invocation
    (facts,) = json.loads(verb("worker", "list", "--json", "--status", "suspended")[1])

    assert facts["reason"].startswith("waits for a sleep until ")


def test_a_list_of_some(verb, tmp_path):
    """By component and status; a damaged worker is told, and does not hide the others."""
    run(verb, "result = 1")
    verb("run", str(guest("script")), "run", "raise KeyError('x')", "--worker", "f")
    with sqlite3.connect(tmp_path / "data" / "durable.sqlite3") as connection:
        connection.execute("UPDATE entry SET detail = '{' WHERE worker = 1 AND kind = 'create'")

    def names(*arguments):
        return [one["name"] for one in json.loads(verb("worker", "list", "--check", "--json", *arguments)[1])]

    assert ["f", "w"] == names()
    assert ["f"] == names("--status", "failed", "--status", "idle")
    assert ["w"] == names("--status", "damaged")
    assert [] == names("--component", "other")
    assert "entry 1 of worker 'w' is damaged" in verb("worker", "list", "--check")[2]
    assert "no workers that are asked for" in verb("worker", "list", "--component", "other")[2]


def test_show_tells_the_error(verb):
    """Status, queue, error with the guest's traceback, updates."""
    run(verb, "raise KeyError('x')")

    found = json.loads(verb("worker", "show", "w", "--json")[1])
    assert ("failed", "KeyError", [], []) == (
        found["status"],
        found["error"]["type"],
        found["pending"],
        found["updates"],
    )
    assert 'File "script.py", line 1' in verb("worker", "show", "w")[1]


def test_an_unknown_worker(verb):
    """Exit status 1 with the data directory's name, and those that may be meant."""
    run(verb, "")
    status, _, err = verb("worker", "show", "nobody")

    assert 1 == status
    assert "there is no worker 'nobody'" in err
    assert "its workers: w" in err
    for words in (["resume", "nobody"], ["oplog", "nobody"], ["delete", "nobody"], ["revert", "nobody", "--to", "1"]):
        assert "its workers: w" in verb("worker", *words)[2]


def test_oplog_entries_in_json(verb):
    """Kind in Golem's words, requests and responses as values."""
    run(verb, "wall_clock.now(); b = host.mark_begin_operation(); host.mark_end_operation(b)", "--idempotency-key", "k")
    entries = json.loads(verb("worker", "oplog", "w", "--json")[1])

    assert list(range(1, len(entries) + 1)) == [entry["index"] for entry in entries]
    assert {"index", "kind", "time"} <= set(entries[0])
    assert "create" == entries[0]["kind"]
    assert ("exported-function-invoked", "k") == (entries[1]["kind"], entries[1]["idempotency_key"])
    begin, end = entries[-3], entries[-2]
    assert ("begin-atomic-region", "end-atomic-region") == (begin["kind"], end["kind"])
    assert begin["index"] == end["begin"]
    call = entries[-4]
    assert ("imported-function-invoked", "wall_clock::now", "read-local") == (
        call["kind"],
        call["function"],
        call["type"],
    )
    assert {"seconds", "nanoseconds"} == set(call["response"])


def test_oplog_for_people(verb):
    """One line an entry; from an index on, if asked."""
    run(verb, "")
    lines = verb("worker", "oplog", "w", "--from", "15")[1].splitlines()

    assert ["INDEX", "TIME", "KIND"] == lines[0].split()
    assert "exported-function-completed" in lines[1]
    assert 2 == len(lines)


def test_deleted_entries_are_marked(verb):
    """What a jump has taken out of the history is still shown."""
    run(verb, "m = host.get_oplog_index()\nif host.get_oplog_index() == m + 1: host.set_oplog_index(m)")
    entries = json.loads(verb("worker", "oplog", "w", "--json")[1])

    assert ["no-op", "jump"] == [entry["kind"] for entry in entries if entry["deleted"]]
    jump = next(entry for entry in entries if entry["kind"] == "jump")
    assert {"start": jump["index"] - 1, "end": jump["index"]} == jump["region"]


def test_reads_in_a_row_are_one_line(verb):
    """The range of their indices and how many; entries that are picked stand alone."""
    run(verb, "for _ in range(5): wall_clock.now()")
    reads = [
        entry["index"]
        for entry in json.loads(verb("worker", "oplog", "w", "--json")[1])
        if entry.get("function") == "wall_clock::now"
    ]
    lines = verb("worker", "oplog", "w")[1].splitlines()
    picked = verb("worker", "oplog", "w", "--grep", "wall_clock::now")[1].splitlines()

    assert 5 == len(reads)
    assert [f"{reads[0]}-{reads[-1]}"] == [line.split()[0] for line in lines if "wall_clock::now" in line]
    assert "read-local, 5 times" in next(line for line in lines if "wall_clock::now" in line)
    assert reads == [int(line.split()[0]) for line in picked[1:]]


def test_an_oplog_by_kind_and_time(verb):
    """Filters join: what all of them pick is shown."""
    run(verb, "wall_clock.now()")

    def kinds(*options):
        return {entry["kind"] for entry in json.loads(verb("worker", "oplog", "w", "--json", *options)[1])}

    assert {"create", "exported-function-completed"} == kinds(
        "--kind", "create", "--kind", "exported-function-completed"
    )
    assert {"create"} == kinds("--kind", "create", "--since", "1h")
    assert set() == kinds("--since", "2999-01-01")
    assert 2 == verb("worker", "oplog", "w", "--since", "soon")[0]
    assert 2 == verb("worker", "oplog", "w", "--grep", "(")[0]
    assert (2, "") == (refused := verb("worker", "oplog", "w", "--kind", "created"))[:2]
    assert "kinds: begin-atomic-region, " in refused[2]


def test_a_page_of_an_oplog(verb, monkeypatch):
    """The first ones from an entry on, or the last ones, of those that are picked; pages look like one text."""
    run(verb, "print('x')\nresult = [host.get_oplog_index() for _ in range(5)]")
    whole = json.loads(verb("worker", "oplog", "w", "--json")[1])
    lines = verb("worker", "oplog", "w")[1]

    def shown(*options):
        return json.loads(verb("worker", "oplog", "w", "--json", *options)[1])

    assert whole[-3:] == shown("--last", "3")
    assert whole[4:7] == shown("--from", "5", "--limit", "3")
    assert whole[:2] == shown("--limit", "2")
    assert whole == shown("--last", "9000") == shown("--limit", "9000")
    assert [] == shown("--from", "9000") == shown("--from", "9000", "--last", "2")
    assert whole[-1:] == shown("--from", str(whole[-1]["index"]), "--last", "2")
    logs = [entry for entry in whole if entry["kind"] in {"log", "exported-function-invoked"}]
    assert logs[-1:] == shown("--kind", "log", "--kind", "exported-function-invoked", "--last", "1")
    assert logs[:1] == shown("--kind", "log", "--kind", "exported-function-invoked", "--limit", "1")
    for wrong in (["--last", "2", "--limit", "2"], ["--follow", "--limit", "2"], ["--last", "0"]):
        assert 2 == verb("worker", "oplog", "w", *wrong)[0]

    monkeypatch.setattr("durable_dsl.cli.terminal.oplog._AT_ONCE", 3)
    assert whole == shown()
    assert whole[-7:] == shown("--last", "7")
    assert logs[-2:] == shown("--kind", "log", "--kind", "exported-function-invoked", "--last", "2")
    again = verb("worker", "oplog", "w")[1]  # columns grow where a later page needs it
    assert [line.split()[:3] for line in lines.splitlines()] == [line.split()[:3] for line in again.splitlines()]


def test_bytes_in_an_oplog_are_readable(verb):
    """Text as text, anything else as its length."""
    run(verb, "print('tea', flush=True); host.mark_begin_operation()", "--json")
    lines = verb("worker", "oplog", "w")[1]

    assert "base64" not in lines


def test_an_oplog_that_is_followed(verb, tmp_path):
    """What is added is shown as it comes, one JSON document a line; Ctrl-C ends it."""
    run(verb, "")
    words = ["worker", "oplog", "w", "--follow", "--json", "--kind", "exported-function-invoked"]
    command = [sys.executable, "-m", "durable_dsl", *words, "--data", str(tmp_path / "data")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as following:
        first = json.loads(following.stdout.readline())
        run(verb, "", "--idempotency-key", "second")
        second = json.loads(following.stdout.readline())
        following.send_signal(signal.SIGINT)
        _, told = following.communicate(timeout=600)

    assert (2, "second") == (first["index"], second["idempotency_key"])
    assert (130, "interrupted\n") == (following.returncode, told)
