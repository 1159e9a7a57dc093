"""`durable-dsl worker resume`, `update`, `complete-promise`: how far they stay with a worker, what they say is left."""

from __future__ import annotations

import json
import subprocess
import time

import pytest

from durable_dsl.cli.main import main
from durable_dsl.engine.oplog.store import Store
from tests.engine.programs import ROOT, command, killed_when, opened, worker
from tests.guests import guest

NEW_BUILD = ("VERSION = 1", "VERSION = 2")
SLEEPS = "k = host.generate_idempotency_key(); print('in', file=sys.stderr); time.sleep(3600)"
WAITS = "state['p'] = p = host.create_promise(); print('in', file=sys.stderr); host.await_promise(p); result = VERSION"
NOBODY = "no process runs it now: it goes on when it is called, or by `durable-dsl worker resume w`"


@pytest.fixture
def verb(tmp_path, capfd):
    def call(*arguments):
        status = main([*arguments, "--data", str(tmp_path)])
        captured = capfd.readouterr()
        return status, captured.out, captured.err

    return call


def start(tmp_path, source, name="w", component="script"):
    return subprocess.Popen(
        command(tmp_path, "run", str(guest(component)), "run", source, "--worker", name, "--idempotency-key", "k"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )


def left_by_a_kill(tmp_path, source, name="w", component="script"):
    """A worker whose process was killed when it had come so far."""
    killed_when(start(tmp_path, source, name, component), "in")


def facts(verb, name="w"):
    return json.loads(verb("worker", "show", name, "--json")[1])


def promise_of(tmp_path, name="w"):
    with opened(tmp_path) as engine:
        return next(record.index for record in engine.worker(name).oplog() if record.kind == "no-op")


def test_an_update_of_a_worker_that_sleeps_long(verb, tmp_path):
    """The command returns when the update is done, and says what is left, and that nobody does it."""
    left_by_a_kill(tmp_path, SLEEPS)
    began = time.monotonic()
    status, _, err = verb("worker", "update", "w", str(guest("script", edit=NEW_BUILD)))
    assert time.monotonic() - began < 60
    assert 0 == status
    assert "worker w: updated to version 1; suspended" in err
    assert "worker w waits for a sleep until 20" in err
    assert NOBODY in err
    assert ("suspended", 1) == (facts(verb)["status"], facts(verb)["version"])


def test_an_update_that_nobody_waits_for(verb, tmp_path):
    """It is on record; the next process that runs the worker carries it out."""
    left_by_a_kill(tmp_path, WAITS)
    status, _, err = verb("worker", "update", "w", str(guest("script", edit=NEW_BUILD)), "--no-wait")
    assert 0 == status
    assert "worker w: an update to version 1 is asked for" in err
    assert f"worker w replays its history, and then moves on when it goes on; {NOBODY}" in err
    assert [("pending", 1)] == [(one["status"], one["version"]) for one in facts(verb)["updates"]]

    assert 0 == verb("worker", "complete-promise", "w", str(promise_of(tmp_path)), "v")[0]
    assert [("successful", 1)] == [(one["status"], one["version"]) for one in facts(verb)["updates"]]
    assert "idle" == facts(verb)["status"]


def test_an_update_that_nobody_waits_for_of_a_worker_that_runs(verb, tmp_path):
    """The process that has the worker carries it out, and its caller gets the result."""
    process = start(tmp_path, "print('in', file=sys.stderr); time.sleep(4); result = 'done'")
    assert process.stderr is not None
    assert "in\n" == process.stderr.readline()
    status, _, err = verb("worker", "update", "w", str(guest("script", edit=NEW_BUILD)), "--no-wait")
    assert 0 == status
    assert f"process {process.pid} runs worker w, which replays its history, and then moves on there" in err
    assert '"done"\n' == process.communicate(timeout=60)[0]
    assert [("successful", 1)] == [(one["status"], one["version"]) for one in facts(verb)["updates"]]


def test_an_update_by_snapshot_says_what_it_waits_for(verb, tmp_path):
    """At once, on stderr; the error of one that fails does not offer what was asked for."""
    left_by_a_kill(tmp_path, "host.generate_idempotency_key(); print('in', file=sys.stderr); time.sleep(1)")
    status, _, err = verb("worker", "update", "w", str(guest("script", edit=NEW_BUILD)), "--snapshot")
    assert 1 == status
    assert "worker w: a snapshot is taken between invocations; waiting for the end of run (k)" in err
    assert "cannot move by a snapshot to version 1 of its component: version 0 exports no save-snapshot" in err
    assert "--snapshot" not in err.partition("cannot move")[2]
    assert err.index("waiting for the end") < err.index("cannot move")


def test_a_snapshot_that_nobody_waits_for(verb, tmp_path):
    """It is asked for on disk, and taken when what is under way has ended."""
    left_by_a_kill(
        tmp_path,
        "host.oplog_commit(1); print('in', file=sys.stderr); state['n'] = 1; time.sleep(0.5)",
        component="steerer",
    )
    new = str(guest("steerer", edit=NEW_BUILD))
    status, _, err = verb("worker", "update", "w", new, "--snapshot", "--no-wait")
    assert 0 == status
    assert f"worker w takes its snapshot between invocations, and moves on when it goes on; {NOBODY}" in err
    with opened(tmp_path) as engine:
        one = engine.worker("w")
        one.resume()
        for _ in range(1000):
            if one.version == 1:
                break
            time.sleep(0.01)
        assert "(1, 2)" == one.invoke("run", "result = state['n'], VERSION")


def test_a_worker_that_sleeps_is_resumed_without_staying(verb, tmp_path):
    """It goes on as far as it can, which is said."""
    left_by_a_kill(tmp_path, SLEEPS)
    status, _, err = verb("worker", "resume", "w", "--no-wait")
    assert 0 == status
    assert "worker w: resumed; suspended at entry" in err
    assert NOBODY in err


def test_what_another_process_runs_is_not_resumed(verb, tmp_path):
    """It goes on there."""
    process = start(tmp_path, SLEEPS)
    try:
        assert process.stderr is not None
        assert "in\n" == process.stderr.readline()
        status, _, err = verb("worker", "resume", "w", "--no-wait")
        assert 0 == status
        assert f"worker w: it goes on in process {process.pid}" in err
    finally:
        process.kill()
        process.communicate()


def test_a_promise_whose_worker_nobody_waits_for(verb, tmp_path):
    """The value is on disk, and the worker where it was; resumed, it finds it."""
    left_by_a_kill(tmp_path, WAITS)
    before = facts(verb)
    status, _, err = verb("worker", "complete-promise", "w", str(promise_of(tmp_path)), "v", "--no-wait")
    assert 0 == status
    assert "completed" in err
    assert f"worker w sees the value when it goes on; {NOBODY}" in err
    assert before["oplog_index"] == facts(verb)["oplog_index"]
    assert 0 == verb("worker", "resume", "w")[0]
    assert "idle" == facts(verb)["status"]


def test_resuming_all(verb, tmp_path):
    """A line for each that can go on; the exit status tells that a guest failed."""
    left_by_a_kill(tmp_path, SLEEPS, "sleeps")
    left_by_a_kill(tmp_path, "host.oplog_commit(1); print('in', file=sys.stderr); time.sleep(1)", "ends")
    with opened(tmp_path) as engine:
        worker(engine, "has nothing to do").invoke("run", "result = 1")
    status, out, _ = verb("worker", "resume", "--all", "--no-wait")
    assert 0 == status
    lines = dict(line.split(": ", 1) for line in out.splitlines())
    assert {"sleeps", "ends"} == lines.keys()
    assert lines["ends"].startswith("idle at entry ")
    assert lines["sleeps"].startswith("waits for a sleep until 20")
    assert lines["sleeps"].endswith("`durable-dsl worker resume sleeps`")


def test_resuming_all_tells_failures(verb, tmp_path):
    """A guest's as 3, in JSON too; the others go on all the same."""
    left_by_a_kill(tmp_path, "host.oplog_commit(1); print('in', file=sys.stderr); time.sleep(1)", "ends")
    left_by_a_kill(
        tmp_path, "host.oplog_commit(1); print('in', file=sys.stderr); time.sleep(1); raise KeyError(1)", "x"
    )
    status, out, _ = verb("worker", "resume", "--all", "--json")
    assert 3 == status
    found = {one["name"]: (one["status"], one["exit_status"]) for one in json.loads(out)}
    assert {"ends": ("idle", 0), "x": ("failed", 3)} == found
    status, out, err = verb("worker", "resume", "--all")
    assert (0, "") == (status, out)
    assert "no worker has anything to go on with" in err


def test_which_worker_is_to_be_resumed(verb):
    """One, or all."""
    for words in ((), ("w", "--all")):
        status, _, err = verb("worker", "resume", *words)
        assert 2 == status
        assert "which worker?" in err


def test_a_list_reads_each_oplog_once(verb, tmp_path, monkeypatch):
    """At most once, and of those that were let go nothing but what is kept."""
    left_by_a_kill(tmp_path, SLEEPS, "sleeps")
    with opened(tmp_path) as engine:
        worker(engine, "idle").invoke("run", "result = 1")
    seen = []
    over = Store.over
    monkeypatch.setattr(
        Store, "over", lambda self, number, *of, **how: seen.append(number) or over(self, number, *of, **how)
    )
    assert 0 == verb("worker", "list")[0]
    assert [1] == seen  # that of the killed process


def test_a_long_failure_is_cut_where_it_is_retried(verb):
    """The notice is about the retry."""
    source = "raise ValueError('x' * 70_000)"
    status, _, err = verb("run", str(guest("script")), "run", source, "--worker", "w")
    notices = [line for line in err.splitlines() if "; retry " in line]
    assert 3 == status
    assert 3 == len(notices)
    assert all(len(line) < 300 and "ValueError: xxx" in line and "…" in line for line in notices)


@pytest.mark.parametrize("words", [("run",), ("worker", "update"), ("check",), ("worker", "list")])
def test_help_breaks_no_words(words, capsys, monkeypatch):
    """What is written with hyphens stands on one line, to be copied."""
    for width in range(60, 100, 7):
        monkeypatch.setenv("COLUMNS", str(width))
        with pytest.raises(SystemExit):
            main([*words, "--help"])
        assert [] == [line for line in capsys.readouterr().out.splitlines() if line.endswith("-")]
