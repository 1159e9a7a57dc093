"""Secrets: what is shown hides them, and what is given as one is in no oplog, no message and no guest."""

from __future__ import annotations

import base64
import json

import pytest

from durable_dsl.engine.clock import SystemClock
from durable_dsl.engine.errors import InvocationError
from durable_dsl.engine.oplog.view import as_json
from durable_dsl.engine.redaction import is_secret, redacted, redacted_text
from tests.engine.http_guest import http_program
from tests.engine.http_server import serving
from tests.engine.programs import Shown, opened, run_command, worker

SENT = "s3cr3t-Välue"
#: Ways in which a program sends what it found in its environment; what the server is to see of it.
WAYS = {
    "header": ("[('authorization', 'Bearer ' + KEY)]", "/echo", f"Bearer {SENT}"),
    "basic": (
        "[('authorization', 'Basic ' + binascii.b2a_base64(f'me:{KEY}'.encode(), newline=False).decode())]",
        "/echo",
        "Basic " + base64.b64encode(f"me:{SENT}".encode()).decode(),
    ),
    "twice": ("[('x-one', KEY + '/' + KEY)]", "/echo", f"{SENT}/{SENT}"),
    "query": ("[]", "/echo/?token={KEY}&n=1", "token=s3cr3t-V%C3%A4lue&n=1"),
}


@pytest.fixture
def server():
    with serving() as running:
        yield running


def sends(server, headers, path="/echo"):
    return http_program(
        server.url,
        f"""
import binascii
KEY = os.environ["API_KEY"]
print("have", KEY)
result = fetch("get", URL + {path!r}.replace("{{KEY}}", KEY), headers={headers})[0], KEY
""",
    )


def traces(tmp_path, *texts):
    """The files of the data directory that have one of the texts in them."""
    wanted = [text.encode() for text in texts]
    found = []
    for path in tmp_path.rglob("*"):
        if path.is_file() and path.suffix != ".wasm" and any(text in path.read_bytes() for text in wanted):
            found.append(path.name)
    return found


@pytest.mark.guarantee("SECRET-1")
@pytest.mark.parametrize("way", WAYS)
def test_a_secret_is_sent_and_is_nowhere_else(tmp_path, server, monkeypatch, way):
    """The server has it; the guest, its output, the oplog and the whole data directory have not."""
    monkeypatch.setenv("API_KEY", SENT)
    headers, path, expected = WAYS[way]
    shown = Shown()
    with opened(tmp_path, clock=SystemClock(), allow_http=["127.0.0.1"], secrets=["API_KEY"], output=shown) as engine:
        one = worker(engine)
        result = one.invoke("run", sends(server, headers, path))

        assert "(200, '~secret~API_KEY~')" == result
        recorded = json.dumps([as_json(record) for record in one.oplog()])
        assert not [text for text in (SENT, "s3cr3t") if text in recorded + shown.text]
    seen = str([*server.requests, *([name, value.encode("latin-1").decode()] for name, value in server.heads[0])])
    assert expected in seen
    assert [] == traces(tmp_path, "s3cr3t", base64.b64encode(f"me:{SENT}".encode()).decode())


def test_a_secret_that_is_not_there_stops_the_worker(tmp_path, server, monkeypatch):
    """As a grant that is not there does: nothing is on record, and it goes on when it is."""
    monkeypatch.delenv("API_KEY", raising=False)
    source = sends(server, "[('x-key', KEY)]")
    with opened(tmp_path, clock=SystemClock(), allow_http=["127.0.0.1"], secrets=["API_KEY"], output=Shown()) as engine:
        one = worker(engine)
        with pytest.raises(InvocationError, match="has no API_KEY") as raised:
            one.invoke("run", source, idempotency_key="k")
        assert ("NotGranted", 0) == (raised.value.type, sum(server.requests.values()))
        monkeypatch.setenv("API_KEY", "first\nsecond")
        with pytest.raises(InvocationError, match="line break"):
            one.invoke("run", source, idempotency_key="k")
        (tmp_path / "key").write_text("from a file\n")
        one.grant(secrets=[f"API_KEY=@{tmp_path / 'key'}"])

        assert one.invoke("run", source, idempotency_key="k").startswith("(200")
        assert ("x-key", "from a file") in server.heads[0]
        one.grant(secrets=["API_KEY=by value"])
        one.invoke("run", source)
        assert ("x-key", "by value") in server.heads[1]


def test_the_place_of_a_secret_is_no_right_to_it(tmp_path, server, monkeypatch):
    """A worker that was not granted it and writes its placeholder stops."""
    monkeypatch.setenv("API_KEY", SENT)
    source = http_program(server.url, 'result = fetch("get", URL + "/echo", headers=[("x", "~secret~API_KEY~")])')
    with opened(tmp_path, clock=SystemClock(), allow_http=["127.0.0.1"], output=Shown()) as engine:
        one = worker(engine)
        with pytest.raises(InvocationError, match="worker grant w --secret API_KEY"):
            one.invoke("run", source)
    assert 0 == sum(server.requests.values())


@pytest.mark.guarantee("SECRET-2")
def test_what_looks_like_a_secret_is_hidden_where_it_is_shown(tmp_path, server):
    """In `worker show` and `worker oplog`, as text and as JSON, and in the failure of a request sent at most once."""
    source = http_program(
        server.url,
        """
host.set_idempotence_mode(False)
PASSWORD = os.environ["DB_PASSWORD"]
headers = [("Authorization", "Bearer " + PASSWORD), ("cookie", "id=" + PASSWORD), ("x-plain", "plain")]
result = answer(send("get", f"{URL}/slow/5?access_token={PASSWORD}", headers=headers))
""",
    )
    env = {"DB_PASSWORD": "hunter2hunter2", "DB": "postgres://me:hunter2hunter2@db/x", "MODE": "plain"}
    with opened(tmp_path, clock=SystemClock(), allow_http=["127.0.0.1"], env=env) as engine:
        worker(engine).start("run", source)
        assert server.arrived.wait(300)
    told = [run_command(tmp_path, "worker", "resume", "w")]
    told += [
        run_command(tmp_path, "worker", verb, "w", *form) for verb in ("show", "oplog") for form in ([], ["--json"])
    ]
    revealed = run_command(tmp_path, "worker", "oplog", "w", "--json", "--reveal")

    assert 3 == told[0].returncode
    assert "it is not sent again" in told[0].stderr, told[0].stderr
    assert [] == [run.args for run in told if "hunter2" in run.stdout + run.stderr]
    assert "plain" in told[4].stdout
    assert "hunter2" in revealed.stdout
    with opened(tmp_path) as engine:
        assert "hunter2" not in engine.worker("w").describe(full=True)["error"]["message"]


def test_what_the_engine_says_of_a_failure_hides_secrets_and_prints_only(tmp_path):
    """While it retries, it says of what; the error that the caller gets has the guest's own words."""
    told = []
    with (
        opened(tmp_path, output=Shown(), notices=told.append) as engine,
        pytest.raises(InvocationError, match="me:pw@h"),
    ):
        worker(engine).invoke("run", r"raise ValueError('no answer of https://me:pw@h.test/ \x1b[2J')")

    assert "no answer of https://<hidden>@h.test/ \\x1b[2J; retry 1 of 3" in told[0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('[["authorization", "Bearer abc"], ["x", "y"]]', '[["authorization", "<hidden>"], ["x", "y"]]'),
        ("GET https://me:pw@h.test/a?api_key=abc&n=1", "GET https://<hidden>@h.test/a?api_key=<hidden>&n=1"),
        ("it said: Bearer abcdefgh.ijk", "it said: Bearer <hidden>"),
        ("Authorization: Basic YWJjZGVmZw==\nHost: h", "Authorization: <hidden>\nHost: h"),
        ("{'api_key': 'abc', 'n': 1}", "{'api_key': '<hidden>', 'n': 1}"),
        ("STRIPE_SECRET_KEY=abc MODE=x", "STRIPE_SECRET_KEY=<hidden> MODE=x"),
        ("http://h.test/a?n=1#key=2 and 3 tokens", "http://h.test/a?n=1#key=2 and 3 tokens"),
        ("the basic idea of a bearer bond", "the basic idea of a bearer bond"),
    ],
)  # fmt: skip
def test_secrets_in_texts(text, expected):
    """By the names beside them, and the forms that they have."""
    assert expected == redacted_text(text)


def test_secrets_in_values():
    """Members and pairs by their names, at any depth; numbers and truth values say nothing."""
    value = {"a": [["set-cookie", "x"], {"client_secret": "x", "token": 7}], "key": "k", "password": ["x"]}
    hidden = {
        "a": [["set-cookie", "<hidden>"], {"client_secret": "<hidden>", "token": 7}],
        "key": "k",
        "password": "<hidden>",
    }

    assert hidden == redacted(value)
    names = ("Authorization", "AWS_SECRET_ACCESS_KEY", "GITHUB_TOKEN", "accessToken", "x-api-key", "db_password")
    assert all(map(is_secret, names))
    assert not any(map(is_secret, ("monkey", "tokens", "author", "idempotency_key", "MODE", "passenger")))
