"""What goes wrong around the command line is one line, or one JSON document, and never a traceback."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time

import pytest

from tests.guests import guest

COMMAND = [sys.executable, "-m", "durable_dsl"]


def run(*words, **options):
    return subprocess.run([*COMMAND, *words], capture_output=True, check=False, timeout=600, **options)


def shell(command, **options):
    line = command.replace("DSL", " ".join(COMMAND), 1)
    return subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=False, timeout=600, **options)


def test_a_full_disk_behind_stdout(tmp_path):
    """The result is lost, which is said; the exit status is not 0."""
    done = shell(f"DSL run {guest('shop')} total --data {tmp_path} '[]' --worker w > /dev/full")

    assert (1, "error: the result cannot be written to standard output: No space left on device\n") == (
        done.returncode,
        done.stderr,
    )


def test_a_closed_stdout_is_said_before_anything_runs(tmp_path):
    """Nothing was run, for its result would have gone nowhere."""
    done = shell(f"DSL run {guest('shop')} total --data {tmp_path / 'new'} '[]' >&-")

    assert 1 == done.returncode
    assert done.stderr.startswith("error: standard output is closed")
    assert not (tmp_path / "new").exists()


def test_a_closed_stderr_does_no_harm(tmp_path):
    """The number of the closed stream is not given to the database, into which the guest would print."""
    done = shell(f"DSL run {guest('shop')} total --data {tmp_path} --worker w '[]' 2>&- <&-")

    assert (0, "0\n") == (done.returncode, done.stdout)
    assert b"SQLite" in (tmp_path / "durable.sqlite3").read_bytes()[:16]


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_stdout_of_another_encoding(encoding, tmp_path):
    """JSON is escaped so that it means the same."""
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    words = ["worker", "list", "--json", "--data", str(tmp_path), "--component", "…"]
    assert 0 == run("run", str(guest("shop")), "total", "[]", "--worker", "Łódź", "--data", str(tmp_path)).returncode
    listed = run(*words[:5], env=environment)
    shown = run("worker", "list", "--data", str(tmp_path), env=environment)
    nobody = run("worker", "show", "ü…", "--data", str(tmp_path), env=environment)

    assert "Łódź" == json.loads(listed.stdout)[0]["name"]
    assert (0, 1) == (shown.returncode, nobody.returncode)
    assert b"\\u0141" in shown.stdout
    for done in (listed, shown, nobody):
        assert b"Traceback" not in done.stderr


@pytest.mark.parametrize("milliseconds", [5, 15, 25, 35, 50, 80])
def test_ctrl_c_at_the_start(milliseconds, tmp_path):
    """Whatever is being imported: the process ends by the signal or says so in a line."""
    entry = "from durable_dsl.cli.entry import main; print(flush=True); raise SystemExit(main())"
    words = [sys.executable, "-c", entry, "worker", "list", "--data", str(tmp_path)]
    child = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    child.stdout.readline()  # Python itself is up: what comes before is not this program's
    time.sleep(milliseconds / 1000)
    child.send_signal(signal.SIGINT)
    _, told = child.communicate(timeout=600)

    assert b"Traceback" not in told
    assert child.returncode in {0, 1, 130, -signal.SIGINT}
    if child.returncode == 130:
        assert b"interrupted\n" == told


def test_ctrl_c_in_the_import_system():
    """Python drops what is raised in the destructors of its import locks; the interrupt is carried out all the same."""
    released = "def released(lock): os.kill(os.getpid(), signal.SIGINT)"
    entry = (
        "import os, signal\n"
        "from durable_dsl.cli import entry, main\n"
        f"exec(compile({released!r}, '<frozen importlib._bootstrap>', 'exec'))\n"
        "Lock = type('Lock', (), {'__del__': released})\n"
        "main._run = lambda words: print(Lock() and 'went on')\n"
        "raise SystemExit(entry.main())\n"
    )
    done = subprocess.run([sys.executable, "-c", entry], capture_output=True, text=True, check=False, timeout=600)

    assert (130, "interrupted\n") == (done.returncode, done.stderr)


def test_bytes_that_are_no_text(tmp_path):
    """Worker names, environment and arguments are UTF-8."""
    for words in (
        ["run", str(guest("shop")), "total", "[]", "--worker", b"\xff"],
        ["run", str(guest("shop")), "total", "[]", "--env", b"A=\xff"],
        ["worker", "show", b"\xfe"],
    ):
        done = run(*words, "--data", str(tmp_path))

        assert 2 == done.returncode
        assert b"error: not UTF-8 text: " in done.stderr
        assert b"Traceback" not in done.stderr


@pytest.mark.parametrize(
    "words",
    [
        ["worker", "complete-promise", "w", "9" * 20, "1"],
        ["worker", "revert", "w", "--to", "9" * 20],
        ["worker", "revert", "w", "--last", "9" * 20],
        ["worker", "fork", "w", "v", "--at", "9" * 20],
        ["worker", "oplog", "w", "--from", "9" * 20],
        ["worker", "revert", "w", "--to", "-1"],
        ["worker", "revert", "w", "--last", "0"],
    ],
)
def test_an_index_that_no_oplog_has(words, tmp_path):
    """Refused as usage; SQLite's numbers end at 63 bits."""
    assert 0 == run("run", str(guest("shop")), "total", "[]", "--worker", "w", "--data", str(tmp_path)).returncode
    done = run(*words, "--data", str(tmp_path))

    assert 2 == done.returncode, done.stderr
    assert b"expected a number from " in done.stderr


def test_few_file_handles(tmp_path):
    """One line that says what to raise."""
    seen = set()
    for most in (6, 8, 10, 12, 14, 16):
        done = run(
            "run", str(guest("shop")), "total", "[]", "--data", str(tmp_path),
            preexec_fn=lambda most=most: resource.setrlimit(resource.RLIMIT_NOFILE, (most, most)),
        )  # fmt: skip
        if done.returncode:
            assert b"Traceback" not in done.stderr, (most, done.stderr)
            seen.add(b"ulimit -n" in done.stderr)

    assert True in seen


SHOP = str(guest("shop"))


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (["run", SHOP, "nowhere", "[]"], 1, "nowhere"),
        (["run", SHOP, "total", "5"], 1, "got 5"),
        (["run", SHOP, "total"], 1, "expected 1"),
        (["run", SHOP], 2, "EXPORT"),
        (["run", "missing.wasm", "total"], 1, "missing.wasm"),
        (["run", "broken.py", "total"], 1, "broken.py was not built"),
        (["worker", "show", "nobody"], 1, "nobody"),
        (["worker", "oplog", "nobody"], 1, "nobody"),
        (["worker", "resume", "nobody"], 1, "nobody"),
        (["worker", "delete", "nobody"], 1, "nobody"),
        (["worker", "fly"], 2, "fly"),
        (["worker", "list", "--fast"], 2, "--fast"),
        (["inspect", "missing.wasm"], 1, "missing.wasm"),
        (["explain", "missing.wasm"], 1, "missing.wasm"),
        (["check", "missing.py"], 1, ""),
        (["explain", "missing.py"], 1, ""),
        (["build", "missing.py"], 1, ""),
    ],
)
def test_json_of_a_mistake(words, status, message, tmp_path):
    """One document on stdout with `error`, or with the `faults` of an app; the status is as without --json."""
    (tmp_path / "broken.py").write_text("from durable_dsl import export\n@export\ndef f(x): ...\n")
    data = ["--data", str(tmp_path / "data")] if words[0] in {"run", "worker"} else []
    if words[0] == "worker":
        assert 0 == run("run", SHOP, "total", "[]", *data).returncode
    done = run(*words, "--json", *data, cwd=tmp_path)

    assert status == done.returncode, done
    document = json.loads(done.stdout)
    if "error" in document:
        assert message in document["error"]["message"]
        assert document["error"]["type"] == ("Usage" if status == 2 else "Fault")
    else:
        assert document.get("faults") or document.get("findings"), document
    assert b"Traceback" not in done.stderr
