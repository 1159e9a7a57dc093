"""`durable-dsl worker`: resume, interrupt, simulate-crash, complete-promise, update, fork, revert, delete."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import time

import pytest

from durable_dsl.cli.main import main
from tests.engine.http_guest import PRELUDE as HTTP
from tests.engine.programs import ROOT, command, killed_when, opened, rewritten, worker
from tests.guests import guest


@pytest.fixture
def verb(tmp_path, capfd):
    def call(*arguments):
        status = main([*arguments, "--data", str(tmp_path)])
        captured = capfd.readouterr()
        return status, captured.out, captured.err

    return call


def run(verb, source, *options, name="w"):
    return verb("run", str(guest("script")), "run", source, "--worker", name, *options)


def start(tmp_path, source, *options):
    return subprocess.Popen(
        command(tmp_path, "run", str(guest("script")), "run", source, "--worker", "w", *options),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )


def facts(verb, name="w"):
    return json.loads(verb("worker", "show", name, "--json")[1])


def test_resume_finishes_what_a_killed_process_left(verb, tmp_path):
    """Its result is there for the repetition of the command."""
    source = "k = host.generate_idempotency_key(); print('in', file=sys.stderr); time.sleep(0.5); result = 'done'"
    killed_when(start(tmp_path, source, "--idempotency-key", "k"), "in")
    assert "unfinished" == facts(verb)["status"]

    status, out, err = verb("worker", "resume", "w")
    assert (0, "") == (status, out)
    assert "worker w: resumed; idle" in err
    assert (0, '"done"\n') == run(verb, source, "--idempotency-key", "k")[:2]


def test_resume_tells_a_failure(verb, tmp_path):
    """Exit status 3; the error is in `show`."""
    source = "k = host.generate_idempotency_key(); print('in', file=sys.stderr); time.sleep(0.3); raise KeyError('x')"
    killed_when(start(tmp_path, source), "in")

    status, _, err = verb("worker", "resume", "w")
    assert 3 == status
    assert "error: the invocation failed; worker 'w' is failed" in err
    assert "KeyError: 'x'" in err
    assert "KeyError" == facts(verb)["error"]["type"]
    status, _, err = verb("worker", "resume", "w")
    assert 1 == status
    assert "is failed and cannot be resumed" in err


def test_interrupting_a_worker_of_another_process(verb, tmp_path):
    """The process that runs it is asked; its caller gets the error, and the worker can be resumed."""
    source = "print('in', file=sys.stderr); time.sleep(1); result = 1"
    process = start(tmp_path, source, "--idempotency-key", "k")
    assert process.stderr is not None
    assert "in\n" == process.stderr.readline()
    assert 0 == verb("worker", "interrupt", "w")[0]

    assert 3 == process.wait(300)
    assert "interrupted" in process.stderr.read()
    assert "interrupted" == facts(verb)["status"]
    assert 0 == verb("worker", "resume", "w")[0]
    assert (0, '"1"\n') == run(verb, source, "--idempotency-key", "k")[:2]


def test_crashing_a_worker_of_another_process(verb, tmp_path):
    """It goes on by itself, and its caller notices nothing."""
    process = start(tmp_path, "print('in', file=sys.stderr); time.sleep(0.7); result = 1")
    assert process.stderr is not None
    assert "in\n" == process.stderr.readline()
    assert 0 == verb("worker", "simulate-crash", "w")[0]
    out, err = process.communicate(timeout=600)

    assert (0, '"1"\n', "") == (process.returncode, out, err)


def test_a_promise_from_the_command_line(verb, tmp_path):
    """While a process waits for it, and while nobody does."""
    source = "p = host.create_promise(); print('in', file=sys.stderr); result = host.await_promise(p).decode()"
    process = start(tmp_path, source, "--idempotency-key", "k")
    assert process.stderr is not None
    assert "in\n" == process.stderr.readline()
    while facts(verb)["status"] != "suspended":
        pass
    index = next(e["index"] for e in json.loads(verb("worker", "oplog", "w", "--json")[1]) if e["kind"] == "no-op")
    process.kill()
    process.wait()
    assert 0 == verb("worker", "complete-promise", "w", str(index), "value")[0]

    assert (0, '"value"\n') == run(verb, source, "--idempotency-key", "k")[:2]
    status, _, err = verb("worker", "complete-promise", "w", "999", "x")
    assert (1, True) == (status, "has no promise 999" in err)


def test_a_request_that_is_not_granted_after_a_promise_is_told_as_run_tells_it(verb, tmp_path):
    """Exit status 1 with what would allow it, and the worker goes on once it is: no attempt was used up."""
    source = f"""{HTTP}
host.set_retry_policy(host.RetryPolicy(max_attempts=0, min_delay=1, max_delay=2, multiplier=1.0))
promise = host.create_promise()
print("waits", promise.oplog_idx, file=sys.stderr, flush=True)
host.await_promise(promise)
answer(send("get", "http://127.0.0.1:9/"))
"""
    process = start(tmp_path, source)
    assert process.stderr is not None
    index = next(line.split()[1] for line in process.stderr if line.startswith("waits"))
    while facts(verb)["status"] != "suspended":
        pass
    process.kill()
    process.wait()
    status, _, err = verb("worker", "complete-promise", "w", index)

    assert 1 == status
    assert f"worker w: promise {index} completed" in err
    assert "durable-dsl worker grant w --allow-http 127.0.0.1:9" in err
    assert "error: worker 'w' has stopped where it was" in err
    assert 1 == verb("worker", "resume", "w")[0]
    assert 0 == verb("worker", "grant", "w", "--allow-http", "127.0.0.1:9")[0]
    assert "ConnectionRefused" in verb("worker", "resume", "w")[2]  # nobody listens there


def test_revert_and_fork(verb):
    """Back to an entry; a copy up to an entry."""
    run(verb, "state['n'] = [1]")
    kept = facts(verb)["oplog_index"]
    run(verb, "state['n'].append(2)")
    assert 0 == verb("worker", "fork", "w", "copy", "--at", str(kept))[0]
    assert 0 == verb("worker", "revert", "w", "--last", "1")[0]

    assert ['"[1]"\n'] * 2 == [run(verb, "result = state['n']", name=name)[1] for name in ("w", "copy")]
    assert json.loads(verb("worker", "revert", "w", "--to", str(kept), "--json")[1])["status"] == "idle"


def test_update_from_the_command_line(verb):
    """By replaying, or by snapshot; a refusal says the ways on and changes nothing."""
    ledger = str(guest("ledger"))
    other = str(
        guest(
            "ledger",
            edit=("host.generate_idempotency_key()\n        ENTRIES", "host.get_oplog_index()\n        ENTRIES"),
        )
    )
    verb("run", ledger, "add", "5", "--worker", "l")
    status, _, err = verb("run", other, "add", "5", "--worker", "l")
    assert 1 == status
    assert "cannot move to version 1" in err
    assert "worker update --snapshot" in err
    assert (
        "5\n6\n"
        == verb("run", ledger, "add", "0", "--worker", "l")[1] + verb("run", ledger, "add", "1", "--worker", "l")[1]
    )

    assert 0 == verb("worker", "update", "l", other, "--snapshot")[0]
    assert "8\n" == verb("run", other, "add", "2", "--worker", "l")[1]
    assert [("failed", 1), ("successful", 1)] == [
        (one["status"], one["version"]) for one in facts(verb, "l")["updates"]
    ]


def test_delete(verb):
    """Gone, with its history; a second time there is nothing to delete."""
    run(verb, "result = 1")

    assert 0 == verb("worker", "delete", "w")[0]
    assert 1 == verb("worker", "delete", "w")[0]
    assert [] == json.loads(verb("worker", "list", "--json")[1])


def test_granting_a_directory(verb, tmp_path):
    """--dir is kept with the worker; one that was there before is said to have more."""
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / "f").write_text("x")
    grant = ("--dir", f"{tmp_path / 'shared'}::/shared:ro")

    reads = "result = open('/shared/f').read()"
    assert ('"x"\n', "") == run(verb, reads, *grant)[1:]
    assert '"x"\n' == run(verb, reads)[1]
    run(verb, "result = 1", name="other")
    assert "worker other has from now on: --dir " in run(verb, reads, *grant, name="other")[2]
    assert 1 == run(verb, "", "--dir", "nonsense")[0]


def test_resuming_tells_a_divergence(verb, tmp_path):
    """It is no success: the worker cannot go on with this build."""
    run(verb, "host.get_oplog_index()")
    rewritten(tmp_path / "durable.sqlite3", json.dumps(["host.generate_idempotency_key()"]))
    status, _, err = verb("worker", "resume", "w")
    assert 1 == status
    assert "recorded no-op, attempted golem api::generate_idempotency_key" in err


def test_a_fork_of_a_failed_worker(verb):
    """It is made, and is as failed."""
    run(verb, "raise ValueError(1)")
    status, _, err = verb("worker", "fork", "w", "copy")
    assert (0, True) == (status, "forked from w; failed" in err)
    assert 2 == verb("worker", "fork", "w", "none", "--at", "0")[0]


def test_updating_to_a_file_that_is_not_there(verb, tmp_path):
    """One line, no traceback."""
    run(verb, "result = 1")
    status, _, err = verb("worker", "update", "w", str(tmp_path / "none.wasm"))
    assert (1, f"error: there is no file {tmp_path / 'none.wasm'}\n") == (status, err)


def test_a_directory_that_was_taken_back(verb, tmp_path):
    """What the worker read there is in its oplog; it stops when it wants more, until it has the directory again."""
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / "file").write_text("text")
    grant = ("--dir", f"{tmp_path / 'shared'}::/shared")
    source = "result = open('/shared/file').read()"
    assert '"text"\n' == run(verb, source, *grant)[1]
    assert 0 == verb("worker", "revoke", "w", "--dir", "/shared")[0]
    assert '"1"\n' == run(verb, "result = 1")[1]
    status, _, err = run(verb, source)
    assert 1 == status
    assert f"durable-dsl worker grant w --dir {tmp_path / 'shared'}::/shared" in err
    assert [f"--dir {tmp_path / 'shared'}::/shared"] == facts(verb)["wants"].split("worker grant w ")[1:]
    assert 0 == verb("worker", "grant", "w", *grant)[0]
    assert 0 == verb("worker", "resume", "w")[0]
    assert ("idle", None) == (facts(verb)["status"], facts(verb)["wants"])


def test_another_environment_for_a_worker_that_is_there(verb):
    """It keeps its own; that is said, without the values, and there is a verb that changes it."""
    reads = "result = dict(environment.get_environment()).get('A')"
    assert ('"1"\n', "") == run(verb, reads, "--env", "A=1")[1:]
    assert "" == run(verb, "result = 1", "--env", "A=1")[2]
    status, out, err = run(verb, reads, "--env", "A=hunter2")
    assert (0, '"1"\n') == (status, out)
    assert "worker w keeps its environment, in which A is different; to change it: durable-dsl worker grant w" in err
    assert "hunter2" not in err
    assert 0 == verb("worker", "grant", "w", "--env", "A=2")[0]
    assert ('"2"\n', "") == run(verb, reads, "--env", "A=2")[1:]
    assert 0 == verb("worker", "revoke", "w", "--env", "A")[0]
    assert '"1"\n' == run(verb, reads)[1]


def test_grants_of_a_component(verb):
    """For all of its workers, those to come too; mistakes in the command say what is missing."""
    run(verb, "result = 1")
    assert 0 == verb("worker", "grant", "--component", "script", "--allow-http", "a.test")[0]
    assert ["a.test"] == facts(verb)["grants"]["http"]
    assert json.loads(verb("worker", "revoke", "--component", "script", "--allow-http", "a.test", "--json")[1]) == {
        "component": "script",
        "grants": {"http": [], "dirs": [], "workers": [], "secrets": [], "env": {}},
    }
    assert 2 == verb("worker", "grant", "w")[0]
    assert 2 == verb("worker", "grant", "--allow-http", "a.test")[0]
    assert 2 == verb("worker", "grant", "w", "--component", "script", "--allow-http", "a.test")[0]
    assert 1 == verb("worker", "grant", "nobody", "--allow-http", "a.test")[0]
    assert 1 == verb("worker", "revoke", "w", "--allow-http", "a.test")[0]


def test_what_waits_behind_a_promise_wants_a_grant(verb, tmp_path):
    """The exit status says so, although the invocation that waited for the promise has come to its end."""
    with opened(tmp_path) as engine:
        one = worker(engine)
        one.invoke("run", "state['p'] = host.create_promise()")
        index = next(record.index for record in one.oplog() if record.kind == "no-op")
        one.start("run", "host.await_promise(state['p'])")
        while one.status != "suspended":
            time.sleep(0.01)
        one.start("run", f"{HTTP}\nsend('get', 'http://127.0.0.1:9/')", idempotency_key="second")
    status, _, err = verb("worker", "complete-promise", "w", str(index), "x")
    assert (1, True) == (status, "--allow-http 127.0.0.1:9" in err)
    assert f"promise {index} completed" in err


def test_a_directory_that_was_given_before_grants_were_kept(verb, tmp_path):
    """The worker's history is of a directory that nothing knows of: the hint says what to give."""
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / "file").write_text("text")
    grant = ("--dir", f"{tmp_path / 'shared'}::/shared")
    assert '"text"\n' == run(verb, "result = open('/shared/file').read()", *grant)[1]
    with sqlite3.connect(tmp_path / "durable.sqlite3") as connection:
        connection.execute("DELETE FROM grants")
    status, _, err = run(verb, "result = 1")
    assert (1, True) == (status, "give it that: durable-dsl worker grant w --dir" in err)
    assert 0 == verb("worker", "grant", "w", *grant)[0]
    assert '"1"\n' == run(verb, "result = 1")[1]
