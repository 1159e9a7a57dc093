"""`durable-dsl run`: results on stdout, everything else on stderr, exit statuses."""

from __future__ import annotations

import json
import re

import pytest

from durable_dsl.cli.data import size
from durable_dsl.cli.main import main
from tests.engine.programs import rewritten
from tests.guests import guest

ORDER = '{"id":"1","lines":[{"sku":"a","quantity":1}],"speed":"fast","payment":{"card":"x"},"extras":[],"note":null}'


@pytest.fixture
def run(tmp_path, capfd):
    def call(name, *arguments):
        status = main(["run", str(guest(name)), *arguments, "--data", str(tmp_path / "data")])
        captured = capfd.readouterr()
        return status, captured.out, captured.err

    return call


def test_the_result_is_all_that_stdout_holds(run):
    """What the guest prints goes to stderr."""
    status, out, err = run("shop", "place", ORDER, "--worker", "w")

    assert (0, "placing 1\n") == (status, err)
    assert json.loads(out)["ok"].startswith("1-")


def test_a_new_worker_is_named(run):
    """Without --worker a name is made and said."""
    status, out, err = run("shop", "double", "21")

    assert (0, "42\n") == (status, out)
    assert err.startswith("worker shop-")


def test_a_function_without_result_prints_nothing(run):
    """With --json its result is null."""
    assert (0, "") == run("shop", "nothing", "--worker", "w")[:2]
    assert json.loads(run("shop", "nothing", "--worker", "w", "--json")[1])["result"] is None


def test_json_tells_all_about_the_call(run):
    """Result, worker, status, key, oplog index."""
    found = json.loads(run("shop", "double", "-2", "--worker", "w", "--idempotency-key", "k", "--json")[1])

    assert {"result": -4, "worker": "w", "idempotency_key": "k", "status": "idle", "oplog_index": 15} == found


def test_a_declared_error_is_a_result(run):
    """Exit status 0: it is a normal outcome."""
    status, out, _ = run("shop", "place", ORDER.replace('[{"sku":"a","quantity":1}]', "[]"), "--worker", "w")

    assert (0, {"err": "an order needs lines"}) == (status, json.loads(out))


@pytest.mark.guarantee("HOST-2")
def test_a_failure_is_python_s(run):
    """Type, message and traceback with the user's paths, once; exit status 3."""
    status, out, err = run("script", "run", "print('working')\nraise KeyError('x')", "--worker", "w")

    assert (3, "") == (status, out)
    assert re.sub(r"line \d+, in (run|execute)", r"line N, in \1", err) == (
        "working\n"
        "worker w: KeyError: 'x'; retry 1 of 3 in 0.1 s\n"
        "worker w: KeyError: 'x'; retry 2 of 3 in 0.3 s\n"
        "worker w: KeyError: 'x'; retry 3 of 3 in 0.9 s\n"
        "error: the invocation failed; worker 'w' is failed\n"
        "  Traceback (most recent call last):\n"
        '    File "app.py", line N, in run\n'
        '    File "app.py", line N, in execute\n'
        '    File "script.py", line 2, in <module>\n'
        "  KeyError: 'x'\n"
    )


def test_a_failure_in_json(run):
    """On stdout too, with the exit status of a failure."""
    status, out, _ = run("script", "run", "raise KeyError('x')", "--worker", "w", "--json")
    found = json.loads(out)

    assert (3, "failed", "KeyError", "'x'") == (
        status,
        found["status"],
        found["error"]["type"],
        found["error"]["message"],
    )


def test_a_failed_worker_says_so(run):
    """A second call is refused with the first failure; --fresh starts over."""
    run("script", "run", "raise KeyError('x')", "--worker", "w")

    status, _, err = run("script", "run", "result = 1", "--worker", "w")
    assert 3 == status
    assert "Previous invocation failed: KeyError: 'x'" in err
    assert (0, '"1"\n') == run("script", "run", "result = 1", "--worker", "w", "--fresh")[:2]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("double", "x"), "value: expected s64"),
        (("double",), "expected 1 argument, got 0"),
        (("plaice", "1"), "test:shop/orders@1.0.0#place"),
        (("double", "@/no/such/file"), "cannot read /no/such/file"),
    ],
)
def test_a_bad_request_leaves_nothing_behind(run, tmp_path, arguments, said):
    """Refused with what is wrong, exit status 1, and no worker was made."""
    status, out, err = run("shop", *arguments, "--worker", "w")

    assert (1, "") == (status, out)
    assert said in err
    main(["worker", "list", "--data", str(tmp_path / "data"), "--json"])


def test_arguments_from_files(run, tmp_path):
    """@FILE is the text of a file."""
    (tmp_path / "order.json").write_text(ORDER)

    assert json.loads(run("shop", "echo", f"@{tmp_path / 'order.json'}", "--worker", "w")[1]) == json.loads(ORDER)


def test_the_environment_of_a_new_worker(run):
    """--env reaches the guest, the host's own environment does not."""
    _, out, _ = run("script", "run", "result = sorted(os.environ)", "--env", "A=1", "--env", "B=x=y", "--worker", "w")

    assert "['A', 'B', 'DURABLE_DSL_PROMISES_WAKE', 'GOLEM_COMPONENT_ID'" in out
    assert "PATH" not in out


def test_usage_errors(run, capfd):
    """Exit status 2, with how the verb is used."""
    status, _, told = run("shop", "double", "1", "--env", "novalue")

    assert 2 == status
    assert "argument --env: expected NAME=VALUE, got 'novalue'" in told
    assert "usage: durable-dsl run" in told


def test_a_missing_component(tmp_path, capfd):
    """Named, exit status 1."""
    assert 1 == main(["run", str(tmp_path / "no.wasm"), "f", "--data", str(tmp_path)])
    assert "there is no file" in capfd.readouterr().err


@pytest.mark.parametrize(("text", "number"), [("1", 1), ("2K", 2048), ("256M", 256 << 20), ("1GiB", 1 << 30)])
def test_sizes(text, number):
    """Units as people write them."""
    assert number == size(text)


def test_a_divergence_is_shown_as_recorded_against_attempted(run, tmp_path):
    """Exit status 1: the data and the component do not fit; nothing was changed."""
    run("script", "run", "state['n'] = [random.get_random_u64()]", "--worker", "w")
    rewritten(tmp_path / "data" / "durable.sqlite3", '["wall_clock.now()"]')
    status, _, err = run("script", "run", "result = 1", "--worker", "w")

    assert 1 == status
    assert "recorded golem random::get_random_u64, attempted wall_clock::now" in err
    assert "nothing was changed" in err


@pytest.mark.parametrize("limit", ["0", "-1", "nan", "inf", "soon"])
def test_a_time_limit_is_more_than_nothing(run, limit):
    """Anything else is a usage error."""
    status, _, told = run("script", "run", "result = 1", "--timeout", limit)

    assert 2 == status
    assert "expected a number of seconds above 0" in told


def test_too_little_memory_is_told_without_a_traceback_of_ours(run):
    """The component alone needs more."""
    status, out, err = run("script", "run", "result = 1", "--worker", "w", "--max-memory", "1M")
    assert (1, "") == (status, out)
    assert "memory" in err
    assert "Traceback" not in err


def test_a_file_that_is_no_text_is_refused(run, tmp_path):
    """JSON is UTF-8."""
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    status, _, err = run("script", "run", f"@{tmp_path / 'bytes'}")
    assert 1 == status
    assert "is not UTF-8 text" in err


def test_retries_are_told_as_they_come(run):
    """What failed, which retry follows and when, on stderr."""
    source = (
        "host.set_retry_policy(host.RetryPolicy(2, 1_000_000, 2_000_000, 2.0)); wall_clock.now(); raise KeyError('tea')"
    )
    status, out, err = run("script", "run", source, "--worker", "w")

    assert (3, "") == (status, out)
    assert "worker w: KeyError: 'tea'; retry 1 of 2 in 0.001 s\n" in err
    assert "worker w: KeyError: 'tea'; retry 2 of 2 in 0.002 s\n" in err
    assert "retry 3" not in err
