"""wasi:http: what goes wrong has its error code, is recorded, and nothing reaches what was not allowed."""

from __future__ import annotations

import contextlib
import itertools
import socket
import ssl
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from durable_dsl.engine.clock import SystemClock
from durable_dsl.engine.errors import InvocationError, UsageError
from durable_dsl.engine.http import body as http_client_body
from durable_dsl.engine.oplog.view import as_json
from tests.engine.http_guest import http_program
from tests.engine.http_server import closed_port, serving
from tests.engine.programs import opened, parsed, run_command, worker
from tests.guests import guest

CERTIFICATE = Path(__file__).parents[1] / "self_signed.pem"


@pytest.fixture(scope="module")
def server():
    with serving() as running:
        yield running


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    allowed = ["127.0.0.1", "localhost", f"{'x' * 64}.test", "slow.test"]
    with opened(tmp_path_factory.mktemp("http"), clock=SystemClock(), allow_http=allowed) as engine:
        yield engine


def failing(engine, url, text):
    """The error code that the program ends with, and the worker."""
    one = worker(engine, f"w{len(engine.workers())}")
    source = f"try:\n    result = ({text})\nexcept Err as problem:\n    result = code(problem), str(problem.value)"
    return one.invoke("run", http_program(url, source)), one


@contextmanager
def listening(answer):
    """A server of one connection, which `answer(connection)` serves in a thread."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve():
            connection, _ = listener.accept()
            with connection:
                answer(connection)

        threading.Thread(target=serve, daemon=True).start()
        yield f"127.0.0.1:{listener.getsockname()[1]}"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/hangup", "ConnectionTerminated"),
        ("/nonsense", "HttpProtocolError"),
        ("/cut", "HttpResponseIncomplete"),
    ],
)
def test_a_server_that_breaks_off(engine, server, path, expected):
    """Before the response, in it, or with something else than a response."""
    result, _ = failing(engine, server.url, f'fetch("get", URL + "{path}")')

    assert result.startswith(f"('{expected}'")


def test_a_port_that_nobody_listens_on(engine):
    """The failure is a recorded step and ends the batch: it is the same in replay."""
    port = closed_port()
    result, one = failing(engine, f"http://127.0.0.1:{port}", 'fetch("get", URL)')

    assert result.startswith("('ConnectionRefused'")
    last = [as_json(record) for record in one.oplog()][-3:]
    assert {"err": "connection-refused"} == last[0]["response"]
    assert "end-remote-write" == last[1]["kind"]
    one.simulate_crash()
    assert "7" == one.invoke("run", "result = 7")


def test_a_name_that_cannot_be(engine):
    """A label of more than 63 characters needs no name server to be refused."""
    result, _ = failing(engine, f"http://{'x' * 64}.test", 'fetch("get", URL)')

    assert result.startswith("('DnsError'")


def test_looking_a_name_up_counts_for_the_connect_timeout(engine, monkeypatch):
    """The system's look-up cannot be interrupted; the request does not wait for it."""
    original = socket.getaddrinfo

    def slow(host, *arguments, **options):
        if host == "slow.test" and not options.get("flags"):
            time.sleep(1)
        return original(host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", slow)

    assert "DnsTimeout" == timed(engine, "http://slow.test", "/", {"connect": 50})


def timed(engine, url, path, phases):
    one = worker(engine, f"w{len(engine.workers())}")
    source = f"""
        options = http.RequestOptions()
        for phase, milliseconds in {phases!r}.items():
            getattr(options, f"set_{{phase}}_timeout")(milliseconds * 1_000_000)
        try:
            result = fetch("get", URL + {path!r}, options=options)
        except Err as problem:
            result = code(problem)
    """
    return one.invoke("run", http_program(url, source))


def test_timeouts_of_each_phase(engine, server):
    """Until the first byte, and between bytes; who keeps within them is served."""
    assert "ConnectionReadTimeout" == timed(engine, server.url, "/slow/1", {"first_byte": 50})
    assert "ConnectionReadTimeout" == timed(engine, server.url, "/dripping/1", {"between_bytes": 50})
    assert "(200, b'slow')" == timed(engine, server.url, "/slow/0.1", {"first_byte": 5000, "between_bytes": 50})


def _until_gone(connection, pieces):
    """Send the pieces, one each 10 ms, until the client is gone."""
    with contextlib.suppress(OSError):
        for piece in pieces:
            connection.sendall(piece)
            time.sleep(0.01)


HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n4\r\ndrop\r\n"


@pytest.mark.parametrize(
    ("phase", "pieces"),
    [
        ("first_byte", itertools.repeat(b"HTTP/1.1 100 Continue\r\n\r\n")),
        ("first_byte", itertools.repeat(b"HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n")),
        ("first_byte", itertools.chain([HEAD], itertools.repeat(b"x"))),
        ("between_bytes", itertools.chain([CHUNKED], itertools.repeat(b"0"))),
        ("between_bytes", itertools.chain([CHUNKED, b"0\r\n"], itertools.repeat(b"x"))),
    ],
    ids=["continue", "hints", "header", "chunk", "trailer"],
)
def test_a_server_that_is_busy_with_nothing(engine, phase, pieces):
    """What brings the response no further is no answer, however much of it comes."""
    with listening(lambda connection: _until_gone(connection, pieces)) as authority:
        assert "ConnectionReadTimeout" == timed(engine, f"http://{authority}", "/", {phase: 300})


def test_what_comes_before_a_response_is_bounded(engine):
    """A server that sends nothing but interim responses, as fast as it can."""

    def flood(connection):
        with contextlib.suppress(OSError):
            while True:
                connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n" * 1000)

    with listening(flood) as authority:
        result, _ = failing(engine, f"http://{authority}", 'fetch("get", URL)')

    assert result.startswith("('HttpResponseHeaderSectionSize'")


def test_connecting_ends_with_the_greeting(engine):
    """A server that accepts and says nothing is not connected to where TLS is wanted."""
    with listening(lambda connection: connection.recv(1) and time.sleep(1)) as authority:
        assert "ConnectionTimeout" == timed(engine, f"https://{authority}", "/", {"connect": 50})


def test_plain_text_where_tls_is_wanted(engine, server):
    """Told from a bad certificate."""
    result, _ = failing(engine, f"https://{server.authority}", 'fetch("get", URL)')

    assert result.startswith("('TlsProtocolError'")


@pytest.fixture
def secure():
    """An HTTPS server with a certificate that nobody vouches for."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    with serving() as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        yield f"https://localhost:{server.server_port}", server


def test_a_certificate_that_nobody_vouches_for(engine, secure):
    """Nothing is sent to such a server."""
    url, server = secure
    result, _ = failing(engine, url, 'fetch("get", URL + "/echo")')

    assert result.startswith("('TlsCertificateError'")
    assert not server.requests


def test_a_trusted_certificate(engine, secure, monkeypatch):
    """What the machine trusts is what the standard environment variables say."""
    url, server = secure
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    result, _ = failing(engine, url, 'fetch("post", URL + "/echo", bytes(300000))[1] == bytes(300000)')

    assert "True" == result
    assert 1 == server.requests["POST /echo"]


def test_a_certificate_for_another_name(tmp_path, secure, monkeypatch):
    """Vouched for, but not for this host."""
    _, server = secure
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda *_, original=socket.getaddrinfo, **__: original(*server.server_address)
    )
    with opened(tmp_path, clock=SystemClock(), allow_http=["other.test"]) as engine:
        result, _ = failing(engine, f"https://other.test:{server.server_port}", 'fetch("get", URL)')

    assert result.startswith("('TlsCertificateError'")


@pytest.mark.parametrize(
    ("allowed", "reached"),
    [
        ("127.0.0.1", True),
        ("127.0.0.1:{port}", True),
        ("127.0.0.1:1", False),
        ("localhost", False),
        ("*.0.0.1", True),
        ("*", True),
    ],
)
def test_what_is_allowed(tmp_path, server, allowed, reached):
    """A host, with or without its port; names are compared as the guest writes them."""
    with opened(tmp_path, clock=SystemClock(), allow_http=[allowed.format(port=server.server_port)]) as engine:
        if reached:
            assert failing(engine, server.url, 'fetch("get", URL + "/echo")')[0].startswith("(200")
        else:
            with pytest.raises(InvocationError, match=f"--allow-http {server.authority}"):
                failing(engine, server.url, 'fetch("get", URL + "/echo")')


@pytest.mark.parametrize("text", ["http://host", "host:99999", ""])
def test_what_cannot_be_allowed(tmp_path, text):
    """Refused when the engine is opened."""
    with pytest.raises(UsageError):
        opened(tmp_path, allow_http=[text])


def test_the_command_line_allows(tmp_path, server):
    """`--allow-http` may be repeated; without it the command fails, and names the flag."""
    source = http_program(server.url, 'result = fetch("get", URL + "/echo")')
    refused = run_command(tmp_path / "a", "run", str(guest("script")), "run", source, "--json")
    allowed = run_command(
        tmp_path / "b", "run", str(guest("script")), "run", source, "--json", "--allow-http", "example.com",
        "--allow-http", server.authority,
    )  # fmt: skip

    assert (1, "NotGranted") == (refused.returncode, parsed(refused)["error"]["type"])
    assert f"--allow-http {server.authority}" in refused.stderr
    assert "(200, b'')" == parsed(allowed)["result"]


def test_requests_that_are_wrong_in_themselves(engine):
    """Told by `handle`, recorded nowhere."""
    one = worker(engine, f"w{len(engine.workers())}")
    text = """
        def refused(change):
            request = made("get", "http://host/")
            change(request)
            try:
                outgoing_handler.handle(request, None)
            except Err as problem:
                return code(problem)
        result = [
            refused(lambda request: request.set_authority(None)),
            refused(lambda request: request.set_scheme(http.Scheme_Other("ftp"))),
            refused(lambda request: request.set_method(http.Method_Connect())),
        ]
    """
    found = one.invoke("run", http_program("http://host", text))

    assert "['HttpRequestUriInvalid', 'HttpProtocolError', 'HttpRequestMethodInvalid']" == found
    assert not any(record.kind == "begin-remote-write" for record in one.oplog())


def test_a_guest_that_writes_faster_than_the_server_reads_waits(engine, monkeypatch):
    """What is not sent is bounded; it goes on when the server does."""
    monkeypatch.setattr(http_client_body, "_FULL", 1 << 18)
    reads, written = threading.Event(), []
    original = http_client_body.RequestBody.write

    def noted(body, data):
        original(body, data)
        written.append(body.waiting)

    monkeypatch.setattr(http_client_body.RequestBody, "write", noted)

    def slow(connection):
        assert reads.wait(300)
        with connection.makefile("rb") as stream:
            while stream.readline().strip():
                pass
            while size := int(stream.readline(), 16):
                stream.read(size + 2)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    with listening(slow) as authority:
        one = worker(engine, "writes")
        job = one.start("run", http_program(f"http://{authority}", 'result = fetch("post", URL, bytes(20_000_000))'))
        before = -1
        while not written or before != len(written):  # until it stands still
            before = len(written)
            time.sleep(0.3)
        assert not job.done
        assert 20_000_000 // 4096 > len(written)
        reads.set()

        assert "(200, b'ok')" == job.wait(300)
    assert max(written) <= (1 << 18) + 4096
