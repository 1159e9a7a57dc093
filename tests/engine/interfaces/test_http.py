"""wasi:http: requests and responses as they cross the network, and what of them stands in the oplog."""

from __future__ import annotations

import hashlib

import pytest

from durable_dsl.engine.clock import SystemClock
from durable_dsl.engine.oplog.view import as_json
from tests.engine.http_guest import http_program
from tests.engine.http_server import serving
from tests.engine.programs import opened, worker


@pytest.fixture(scope="module")
def server():
    with serving() as running:
        yield running


@pytest.fixture(scope="module")
def run(server, tmp_path_factory):
    """Runs a program in a worker of its own on one engine; the oplog is left in `run.oplog`."""
    with opened(tmp_path_factory.mktemp("http"), clock=SystemClock(), allow_http=[server.authority]) as engine:

        def run(text):
            one = worker(engine, f"w{len(engine.workers())}")
            run.worker = one
            return one.invoke("run", http_program(server.url, text))

        yield run


def entries(run, *kinds):
    return [said for said in map(as_json, run.worker.oplog()) if said["kind"] in kinds]


STEPS = ("begin-remote-write", "imported-function-invoked", "end-remote-write")


def steps(run):
    """The entries of requests, without polls and pending answers, which depend on time."""
    return [
        said
        for said in entries(run, *STEPS)
        if said.get("function", "http").startswith("http") and said.get("response") != "pending"
    ]


def test_a_request_is_a_batch_of_steps(run, server):
    """Begin with what is asked, the head, each read, and the end with the read that finds the end."""
    assert "(200, b'hello')" == run('result = fetch("post", URL + "/echo", b"hello", headers=[("X-Test", "1")])')

    begin, head, first, last, end = steps(run)
    uri = f"{server.url}/echo"
    assert {"method": "POST", "uri": uri, "headers": [["X-Test", "1"]]} == begin["request"]
    assert "http::types::future_incoming_response::get" == head["function"]
    digest = {"length": 5, "sha256": hashlib.sha256(b"hello").hexdigest()}
    assert {"method": "POST", "uri": uri, "body": digest} == head["request"]
    assert {"status": 200, "headers": [["content-length", "5"]]} == head["response"]["ok"]
    assert {"base64": "aGVsbG8="} == first["response"]["ok"]
    assert ("http::types::incoming_body_stream::blocking_read", {"closed": None}) == (
        last["function"],
        last["response"],
    )
    assert {begin["index"]} == {one["begin"] for one in (head, first, last, end)}
    assert {"write-remote-batched"} == {one["type"] for one in (head, first, last)}


def test_a_short_response_is_recorded_with_its_head(run):
    """Where it has come by then; a long one is not."""
    text = """
        for path in ("/bytes/100", "/bytes/100000"):
            future = send("get", URL + path)
            with future.subscribe() as ready:
                ready.block()
            time.sleep(0.02)
            with answer(future) as response:
                b"".join(pieces(response))
    """
    run(text)

    heads = [one["response"] for one in steps(run) if one.get("function", "").endswith("::get")]
    assert [True, False] == ["body" in head for head in heads]


def test_headers_keep_order_and_repeats(run, server):
    """Both ways; the host's own are added to what the guest gave."""
    text = """
        with send("get", URL + "/status/418", headers=[("X-B", "2"), ("x-a", "1"), ("X-B", "3")]) as future:
            with answer(future) as response:
                result = response.status(), [(name, value.decode()) for name, value in response.headers().entries()]
    """
    assert "(418, [('set-cookie', 'a=1'), ('set-cookie', 'b=2'), ('content-length', '9')])" == run(text)

    own = [("Host", server.authority), ("Connection", "close")]
    got = server.heads[-1]
    assert [("X-B", "2"), ("x-a", "1"), ("X-B", "3")] == [pair for pair in got if pair[0].lower().startswith("x-")]
    assert own == [(name.title(), value) for name, value in got if name.lower() in {"host", "connection"}]


@pytest.mark.parametrize("method", ["get", "head", "post", "put", "delete", "PURGE"])
def test_methods_with_and_without_a_body(run, server, method):
    """A request whose body was never asked for has none, and says so where a server may expect one."""
    asked = f"{method.upper()} /echo"
    before = server.requests[asked]
    run(f'result = fetch("{method}", URL + "/echo")')

    assert before + 1 == server.requests[asked]
    lengths = [value for name, value in server.heads[-1] if name.lower() == "content-length"]
    assert (["0"] if method in {"post", "put", "PURGE"} else []) == lengths


def test_a_body_that_is_written_while_it_is_sent(run, server):
    """What is finished before anybody waits has a length; more than that goes in chunks, trailers with it."""
    text = """
        long = bytes(range(256)) * 4096
        result = fetch("post", URL + "/echo", long)[1] == long
        request = made("post", URL + "/echo")
        body = request.body()
        future = outgoing_handler.handle(request, None)
        trailers = http.Fields.from_list([("x-sum", b"1")])
        write(body, b"with", trailers)
        result = result, b"".join(pieces(answer(future)))
    """
    assert "(True, b'with+trailer')" == run(text)

    assert [("transfer-encoding", "chunked")] * 2 == [
        (name.lower(), value)
        for head in server.heads[-2:]
        for name, value in head
        if name.lower() == "transfer-encoding"
    ]


def test_the_answer_may_come_before_the_body_is_complete(run, server):
    """Head and first part go out when the guest waits; the rest may follow."""
    text = """
        request = made("post", URL + "/echo")
        body = request.body()
        future = outgoing_handler.handle(request, None)
        stream = body.write()
        stream.blocking_write_and_flush(b"one")
        pollable = future.subscribe()
        timer = monotonic_clock.subscribe_duration(20_000_000)
        early = poll.poll([pollable, timer])
        stream.blocking_write_and_flush(b"two")
        stream.__exit__(None, None, None)
        http.OutgoingBody.finish(body, None)
        pollable.block()
        pollable.__exit__(None, None, None)
        result = list(early), b"".join(pieces(answer(future)))
    """
    assert "([1], b'onetwo')" == run(text)


def test_content_length_is_held_to(run):
    """Writing more, or finishing with less, is an error of the body; such a request fails."""
    text = """
        def attempt(size):
            request = made("post", URL + "/echo", length=4)
            body = request.body()
            future = outgoing_handler.handle(request, None)
            try:
                with body.write() as stream:
                    stream.blocking_write_and_flush(bytes(size))
                http.OutgoingBody.finish(body, None)
                return answer(future).status()
            except Err as problem:
                if isinstance(problem.value, streams.StreamError_LastOperationFailed):
                    problem = Err(http.http_error_code(problem.value.value))
                return code(problem), problem.value.value
        try:
            answer(outgoing_handler.handle(made("post", URL + "/echo", length=4), None))
        except Err as problem:
            without = code(problem)
        result = attempt(4), attempt(5), attempt(3), without
    """
    assert "(200, ('HttpRequestBodySize', 4), ('HttpRequestBodySize', 4), 'HttpRequestBodySize')" == run(text)


def test_a_body_that_is_dropped_unfinished_breaks_the_request_off(run):
    """The server never gets it as a whole, and the guest gets an error."""
    text = """
        request = made("post", URL + "/echo")
        body = request.body()
        future = outgoing_handler.handle(request, None)
        with body.write() as stream:
            stream.blocking_write_and_flush(b"some")
        body.__exit__(None, None, None)
        try:
            answer(future)
        except Err as problem:
            result = code(problem)
    """
    assert "HttpProtocolError" == run(text)


def test_chunked_responses_and_their_trailers(run):
    """The body without its framing; trailers after it, recorded as a step."""
    text = """
        response = answer(send("get", URL + "/chunked"))
        body = response.consume()
        with body.stream() as stream:
            got = b""
            try:
                while True:
                    got += stream.blocking_read(3)
            except Err:
                pass
        with http.IncomingBody.finish(body) as future:
            with future.subscribe() as ready:
                ready.block()
            trailers = future.get().value.value.entries()
            again = future.get()
        result = got, trailers, type(again).__name__, again.value
    """
    assert "(b'firstsecond', [('x-sum', b'11'), ('x-sum', b'eleven')], 'Err', None)" == run(text)

    assert "golem http::types::future_trailers::get" in [one.get("function") for one in entries(run, *STEPS)]


def test_trailers_of_a_body_that_nobody_reads(run):
    """`finish` passes the rest over; the end of the batch stands where the body was given up."""
    text = """
        response = answer(send("get", URL + "/chunked"))
        future = http.IncomingBody.finish(response.consume())
        while (outcome := future.get()) is None:
            with future.subscribe() as ready:
                ready.block()
        result = outcome.value.value.entries()
    """
    assert "[('x-sum', b'11'), ('x-sum', b'eleven')]" == run(text)

    kinds = [(one["kind"], one.get("function")) for one in entries(run, *STEPS)]
    trailers = ("imported-function-invoked", "golem http::types::future_trailers::get")
    assert kinds.index(("end-remote-write", None)) < kinds.index(trailers)


@pytest.mark.parametrize(
    ("held", "text"),
    [
        ("future", "send('get', URL + '/echo').__exit__(None, None, None)"),
        ("response", "answer(send('get', URL + '/echo')).__exit__(None, None, None)"),
        ("body", "answer(send('get', URL + '/echo')).consume().__exit__(None, None, None)"),
        ("stream", "b = answer(send('get', URL + '/bytes/9')).consume(); s = b.stream(); s.blocking_read(2); del s, b"),
    ],
)
def test_whatever_holds_the_response_ends_the_batch_when_it_is_dropped(run, held, text):
    """One end for each request, on disk where the guest lets go."""
    run(f"{text}\nhost.generate_idempotency_key()")

    found = [one.get("function") or one["kind"] for one in entries(run, *STEPS)]
    after = found.index("end-remote-write")
    assert 1 == found.count("end-remote-write")
    assert "golem api::generate_idempotency_key" == found[after + 1]


def test_redirects_are_the_guests_business(run, server):
    """The engine follows none, so they lead nowhere that is not allowed."""
    text = """
        with answer(send("get", URL + "/redirect")) as response:
            result = response.status(), response.headers().get("LOCATION")
    """
    assert "(302, [b'http://localhost:1/'])" == run(text)


def test_several_requests_at_once(run, server):
    """A poll waits for whichever comes first."""
    text = """
        slow, fast = send("get", URL + "/slow/0.3"), send("get", URL + "/slow/0")
        pollables = [slow.subscribe(), fast.subscribe()]
        first = list(poll.poll(pollables))
        for one in pollables:
            one.__exit__(None, None, None)
        result = first, [b"".join(pieces(answer(one))) for one in (fast, slow)]
    """
    assert "([1], [b'slow', b'slow'])" == run(text)


def test_reads_that_do_not_block_and_skips(run):
    """Each is a step under its own name; nothing there yet is no error."""
    text = """
        response = answer(send("get", URL + "/dripping/0.2"))
        with response.consume() as body, body.stream() as stream:
            first = stream.blocking_read(1)
            got, left = stream.skip(1), 2
            while left and (some := stream.read(left)):
                left -= len(some)
            nothing = stream.read(8)
            with stream.subscribe() as ready:
                ready.block()
            result = first, got, nothing, stream.blocking_skip(9), stream.read(0)
    """
    assert "(b'd', 1, b'', 4, b'')" == run(text)

    functions = {one["function"].rpartition("::")[2] for one in steps(run) if "stream" in one.get("function", "")}
    assert {"blocking_read", "skip", "read", "blocking_skip"} == functions


def test_fields(run):
    """Names in any case, values in order; what is wrong is refused with the reason."""
    text = """
        def refused(change, *arguments):
            try:
                change(*arguments)
            except Err as problem:
                return type(problem.value).__name__.removeprefix("HeaderError_")
        fields = http.Fields.from_list([("A", b"1"), ("b", b"2"), ("a", b"3")])
        fields.set("a", [b"4", b"5"])
        fields.append("B", b"6")
        copy = fields.clone()
        copy.delete("A")
        request = http.OutgoingRequest(fields)
        result = (
            copy.entries(), request.headers().entries(), request.headers().get("A"), copy.has("a"),
            refused(request.headers().set, "x", [b"1"]), refused(copy.append, "bad name", b"1"),
            refused(copy.append, "x", b"a\\nb"), refused(copy.append, "Host", b"other"),
            refused(http.Fields.from_list, [("transfer-encoding", b"chunked")]),
            refused(copy.append, "te", b"trailers"),
        )
    """
    assert (
        "([('b', b'2'), ('B', b'6')], [('a', b'4'), ('a', b'5'), ('b', b'2'), ('B', b'6')], [b'4', b'5'], False, "
        "'Immutable', 'InvalidSyntax', 'InvalidSyntax', 'Forbidden', 'Forbidden', None)"
    ) == run(text)


def test_parts_of_a_request(run):
    """What is set can be read; what cannot be a part of a request is refused."""
    text = """
        request = http.OutgoingRequest(http.Fields())
        before = request.method(), request.scheme(), request.authority(), request.path_with_query()
        def refused(change, *arguments):
            try:
                change(*arguments)
            except Err:
                return True
        options = http.RequestOptions()
        options.set_connect_timeout(5)
        request.set_authority("[::1]:80")
        result = [
            type(before[0]).__name__, before[1:], request.authority(), options.connect_timeout(),
            options.first_byte_timeout(), refused(request.set_method, http.Method_Other("no good")),
            refused(request.set_authority, "user@host"), refused(request.set_authority, "host:99999"),
            refused(request.set_authority, "host:²"),
            refused(request.set_path_with_query, "/a b"), refused(request.set_scheme, http.Scheme_Other("1!")),
            request.body() is not None, refused(request.body),
        ]
    """
    expected = ["Method_Get", (None, None, None), "[::1]:80", 5, None, *[True] * 8]

    assert str(expected) == run(text)


def test_what_can_be_had_once_only(run):
    """A second body, stream or response is refused."""
    text = """
        def refused(change, *arguments):
            try:
                change(*arguments)
            except Err:
                return True
        request = made("post", URL + "/echo")
        body = request.body()
        body.write().__exit__(None, None, None)
        second = refused(body.write)
        future = outgoing_handler.handle(request, None)
        http.OutgoingBody.finish(body, None)
        response = answer(future)
        again = future.get()
        incoming = response.consume()
        stream = incoming.stream()
        result = second, type(again).__name__, again.value, refused(response.consume), refused(incoming.stream)
    """
    assert "(True, 'Err', None, True, True)" == run(text)
