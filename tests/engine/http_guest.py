"""What guest programs of the HTTP tests start with: requests through the bindings of wasi:http, step by step."""

from __future__ import annotations

from tests.engine.programs import program

PRELUDE = '''
http = wasi_http_types

def made(method, url, headers=(), length=None):
    scheme, _, rest = url.partition("://")
    authority, _, path = rest.partition("/")
    fields = http.Fields.from_list([(name, value.encode()) for name, value in headers])
    if length is not None:
        fields.append("content-length", str(length).encode())
    request = http.OutgoingRequest(fields)
    known = getattr(http, f"Method_{method.capitalize()}", None)
    request.set_method(http.Method_Other(method) if known is None else known())
    request.set_scheme(http.Scheme_Https() if scheme == "https" else http.Scheme_Http())
    request.set_authority(authority)
    request.set_path_with_query("/" + path)
    return request

def write(body, data, trailers=None):
    with body.write() as stream:
        for at in range(0, len(data), 4096):
            stream.blocking_write_and_flush(data[at:at + 4096])
    http.OutgoingBody.finish(body, trailers)

def send(method, url, data=None, headers=(), options=None):
    request = made(method, url, headers)
    body = None if data is None else request.body()
    future = outgoing_handler.handle(request, options)
    if body is not None:
        write(body, data)
    return future

def answer(future):
    """The response; raises the error code."""
    while (outcome := future.get()) is None:
        with future.subscribe() as ready:
            ready.block()
    inner = outcome.value
    if type(inner).__name__ == "Err":
        raise inner
    return inner.value

def pieces(response, size=65536):
    with response.consume() as body, body.stream() as stream:
        while True:
            try:
                yield stream.blocking_read(size)
            except Err as end:
                if type(end.value).__name__ == "StreamError_Closed":
                    return
                raise Err(http.http_error_code(end.value.value)) from None

def fetch(method, url, data=None, **more):
    with send(method, url, data, **more) as future:
        with answer(future) as response:
            return response.status(), b"".join(pieces(response))

def post(text):
    assert fetch("post", f"{URL}/event", text.encode())[0] == 200

def step(number):
    return fetch("get", f"{URL}/step/{number}")[1] == b"true"

def code(problem):
    return type(problem.value).__name__.removeprefix("ErrorCode_")
'''


def http_program(url: str, text: str) -> str:
    """A program that talks to the server at `url`."""
    return f"URL = {url!r}\n{PRELUDE}\n{program(text)}"
