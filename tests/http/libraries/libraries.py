"""Requests of every kind through httpx, requests and urllib, told as text so that hosts can be compared."""

from __future__ import annotations

import asyncio
import functools
import http.client
import importlib.metadata
import json
import socket
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

import httpx
import requests

from durable_dsl import Err, atomic, idempotency_key, non_idempotent
from durable_dsl import http as durable_http


def told(library: str, kind: str, base: str) -> str:
    try:
        return LIBRARIES[library](kind, base)
    except Exception as error:  # noqa: BLE001 - whatever the library's users would catch
        return f"{raised(error)}: {error}" if kind == "denied" else raised(error)


async def told_async(kind: str, base: str) -> str:
    try:
        return await with_httpx_async(kind, base)
    except Exception as error:  # noqa: BLE001 - as above
        return raised(error)


def raised(error: Exception) -> str:
    kinds = [each.__name__ for each in type(error).__mro__ if each.__module__.split(".")[0] in ("httpx", "requests")]
    if isinstance(error, urllib.error.URLError):
        kinds = [type(error).__name__, *(["TimeoutError"] if isinstance(error.reason, TimeoutError) else [])]
    if isinstance(error, http.client.HTTPException):
        kinds = [type(error).__name__]
    if isinstance(error, TimeoutError):
        kinds = ["TimeoutError"]
    return f"raised {' '.join(kinds) or type(error).__name__}"


def pieces(count: int):
    for _ in range(count):
        yield b"piece"


async def apieces(count: int):
    for _ in range(count):
        await asyncio.sleep(0)
        yield b"piece"


def shown(status: int, headers, body: bytes) -> str:
    kept = {name.lower(): value for name, value in headers.items()}
    return json.dumps([status, kept.get("content-type"), kept.get("x-one"), body.decode()])


def with_httpx(kind: str, base: str) -> str:
    if kind == "stream":
        with httpx.stream("GET", f"{base}/big") as response:
            return str(sum(len(piece) for piece in response.iter_bytes()))
    if kind == "left":
        with httpx.stream("GET", f"{base}/big") as response:
            return str(len(next(response.iter_bytes())) > 0)
    if kind == "cookies":
        with httpx.Client(base_url=base) as client:
            client.get("/cookie")
            return client.get("/echo").text
    if kind == "retried":
        with httpx.Client(transport=httpx.HTTPTransport(retries=1)) as client:
            return client.get("http://127.0.0.1:9/").text
    method, path, options = REQUESTS[kind](base, httpx=True)
    response = httpx.request(method, path, follow_redirects=True, **options)
    return shown(response.status_code, response.headers, response.content)


async def with_httpx_async(kind: str, base: str) -> str:
    async with httpx.AsyncClient(follow_redirects=True) as client:
        if kind == "stream":
            async with client.stream("GET", f"{base}/big") as response:
                return str(sum([len(piece) async for piece in response.aiter_bytes()]))
        if kind == "left":
            async with client.stream("GET", f"{base}/big") as response:
                async for piece in response.aiter_bytes():
                    return str(len(piece) > 0)
        if kind == "cookies":
            await client.get(f"{base}/cookie")
            return (await client.get(f"{base}/echo")).text
        method, path, options = REQUESTS[kind](base, httpx=True)
        if kind == "pieces":
            options["content"] = apieces(3)
        response = await client.request(method, path, **options)
        return shown(response.status_code, response.headers, response.content)


def with_requests(kind: str, base: str) -> str:
    if kind == "stream":
        with requests.get(f"{base}/big", stream=True) as response:
            return str(sum(len(piece) for piece in response.iter_content(10_000)))
    if kind == "left":
        with requests.get(f"{base}/big", stream=True) as response:
            return str(len(next(response.iter_content(100))) > 0)
    if kind == "cookies":
        with requests.Session() as session:
            session.get(f"{base}/cookie")
            return session.get(f"{base}/echo").text
    method, path, options = REQUESTS[kind](base)
    response = requests.request(method, path, **options)
    return shown(response.status_code, response.headers, response.content)


def with_urllib(kind: str, base: str) -> str:
    if kind == "stream":
        with urllib.request.urlopen(f"{base}/big") as response:
            return str(sum(len(piece) for piece in iter(lambda: response.read(10_000), b"")))
    if kind == "left":
        with urllib.request.urlopen(f"{base}/big") as response:
            return str(len(response.read(100)) > 0)
    if kind == "cookies":
        opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
        opener.open(f"{base}/cookie").read()
        return opener.open(f"{base}/echo").read().decode()
    method, path, options = REQUESTS[kind](base)
    if "params" in options:
        path += "?" + urllib.parse.urlencode(options["params"])
    data = options.get("data")
    if "json" in options:
        data = json.dumps(options["json"], separators=(",", ":")).encode()
    request = urllib.request.Request(path, data=data, headers=options.get("headers", {}), method=method)
    timeout = {"timeout": options["timeout"]} if "timeout" in options else {}
    try:
        with urllib.request.urlopen(request, **timeout) as response:
            return shown(response.status, response.headers, response.read())
    except urllib.error.HTTPError as error:
        with error:
            return f"HTTPError {shown(error.code, error.headers, error.read())}"


REQUESTS = {
    "get": lambda base, httpx=False: ("GET", f"{base}/echo", {"params": {"b": "2"}, "headers": {"X-Test": "yes"}}),
    "post": lambda base, httpx=False: ("POST", f"{base}/echo", {"json": {"n": 1}}),
    "pieces": lambda base, httpx=False: ("POST", f"{base}/echo", {"content" if httpx else "data": pieces(3)}),
    "large": lambda base, httpx=False: ("PUT", f"{base}/echo", {"content" if httpx else "data": b"x" * 300_000}),
    "missing": lambda base, httpx=False: ("DELETE", f"{base}/missing", {}),
    "denied": lambda base, httpx=False: ("GET", f"{base}/echo", {}),
    "head": lambda base, httpx=False: ("HEAD", f"{base}/echo", {}),
    "empty": lambda base, httpx=False: ("GET", f"{base}/empty", {}),
    "redirect": lambda base, httpx=False: ("GET", f"{base}/redirect", {}),
    "gzip": lambda base, httpx=False: ("GET", f"{base}/gzip", {}),
    "late": lambda base, httpx=False: ("GET", f"{base}/slow", {"timeout": 0.1}),
    "refused": lambda base, httpx=False: ("GET", "http://127.0.0.1:9/", {}),
    "short": lambda base, httpx=False: ("GET", f"{base}/short", {}),
    "short chunks": lambda base, httpx=False: ("GET", f"{base}/short-chunks", {}),
    "tls": lambda base, httpx=False: ("GET", base.replace("http://", "https://"), {}),
}
LIBRARIES = {
    "httpx": with_httpx,
    "requests": with_requests,
    "urllib": with_urllib,
    "looked up": lambda host, _base: str(socket.getaddrinfo(host, 80)[0][4][0]),
    "metadata": lambda kind, _base: importlib.metadata.version(kind),
}


async def together(base: str, count: int) -> int:
    start = time.monotonic()
    async with httpx.AsyncClient() as client:
        responses = await asyncio.gather(*(client.get(f"{base}/slow") for _ in range(count)))
    assert all(response.status_code == 200 for response in responses)
    return round((time.monotonic() - start) * 1000)


def refused(library: str, url: str, header: str, value: str) -> str:
    """What a library raises for a request that makes no sense: the class that its users would name."""
    headers = {header: value} if header else {}
    try:
        if library == "durable_dsl.http":
            durable_http.post(url, headers=headers, content="12345")
        if library == "httpx":
            httpx.post(url, headers=headers, content="12345")
        if library == "requests":
            requests.post(url, headers=headers, data="12345")
        if library == "urllib":
            urllib.request.urlopen(urllib.request.Request(url, headers=headers, data=b"12345"))
    except Exception as error:  # noqa: BLE001 - whatever it is
        return f"{type(error).__module__.split('.')[0]} {type(error).__name__}"
    return "sent"


KEPT = []


def left_open(base: str, way: str) -> str:
    try:
        response = urllib.request.urlopen(f"{base}/big") if way == "urllib" else None
        streamed = requests.get(f"{base}/big", stream=True) if way == "requests" else None
        if way == "httpx":
            client = httpx.Client()
            streamed = client.send(client.build_request("GET", f"{base}/big"), stream=True)
        raise ValueError("with a response open")
    except ValueError as error:
        KEPT.append((error, response, streamed))
    durable_http.post(f"{base}/after", content=way)
    raise Err("left open")


def keyed(base: str, failures: int) -> str:
    before = durable_http.post(f"{base}/keyed/before", idempotency_key=True).json()["key"]
    with atomic:
        first = durable_http.post(f"{base}/keyed/same", content="a", idempotency_key=True).json()["key"]
        second = durable_http.post(f"{base}/keyed/same", content="a", idempotency_key=True).json()["key"]
        count = int(durable_http.post(f"{base}/count").json()["count"])
        if count <= failures:
            raise ConnectionError("once more")
    return f"{before} {first} {second}"


def region_left_open(base: str) -> str:
    """A region that fails once with a response open in a traceback that is kept."""
    with atomic:
        response = requests.get(f"{base}/big", stream=True)
        if int(durable_http.post(f"{base}/count").json()["count"]) == 1:
            try:
                raise ConnectionError("with a response open")
            except ConnectionError as error:
                KEPT.append((error, response))
                raise
    durable_http.post(f"{base}/after")
    return str(response.status_code)


def failing(said: str = "a failure") -> None:
    """Raises. Reading the clock is the last thing that is asked of the host before."""
    print("about to fail")
    sys.stdout.flush()
    time.monotonic()
    raise ValueError(said)


def fails(base: str, way: str) -> None:
    url = f"{base}/big"
    if way == "durable_dsl stream":
        with durable_http.stream("GET", url) as response:
            for _ in response:
                failing()
    if way == "httpx stream":
        with httpx.stream("GET", url) as response:
            for _ in response.iter_bytes():
                failing()
    if way == "requests stream":
        with requests.get(url, stream=True) as response:
            for _ in response.iter_content(100):
                failing()
    if way == "requests without a block":
        for _ in requests.get(url, stream=True).iter_content(100):
            failing()
    if way == "urllib":
        with urllib.request.urlopen(url) as response:
            response.read(100)
            failing()
    if way == "urllib without a block":
        for _ in iter(functools.partial(urllib.request.urlopen(url).read, 100), b""):
            failing()
    if way == "a body that fails":
        durable_http.post(url, content=(failing() for _ in range(3)))
    if way == "a region":
        with durable_http.stream("GET", url), atomic:
            failing()
    if way == "finally":
        try:
            response = urllib.request.urlopen(url)
            failing()
        finally:
            response.close()


async def fails_async(base: str, way: str) -> None:
    url = f"{base}/slow"
    async with httpx.AsyncClient() as client:
        if way == "gather":
            await asyncio.gather(client.get(url), durable_http.aget(url), later())
        if way == "a task group":
            async with asyncio.TaskGroup() as group:
                group.create_task(client.get(url))
                group.create_task(durable_http.aget(url))
                group.create_task(later())
        if way == "a task left alone":
            task = asyncio.create_task(client.get(url))
            await later()
            await task
        if way == "a time-out around":
            async with asyncio.timeout(60):
                await asyncio.gather(client.get(url), later())
        if way == "a stream":
            async with client.stream("GET", f"{base}/big") as response:
                async for _ in response.aiter_bytes():
                    failing()


def overlaps(base: str, way: str) -> str:
    """What is asked of the host while a response is open, half read."""
    with durable_http.stream("GET", f"{base}/big") as response:
        pieces = iter(response)
        size = len(next(pieces))
        if way == "a request":
            durable_http.post(f"{base}/echo")
        if way == "a library's request":
            requests.get(f"{base}/echo").json()
        if way == "a key":
            idempotency_key()
        if way == "a region":
            with atomic:
                durable_http.post(f"{base}/echo")
        if way == "another stream":
            with durable_http.stream("GET", f"{base}/big") as other:
                size -= sum(map(len, other))
                size += 500_000
        size += sum(map(len, pieces))
    if way == "a body that asks":
        durable_http.post(f"{base}/echo", content=(durable_http.get(f"{base}/echo").content for _ in range(2)))
    return str(size)


async def overlaps_async(base: str, way: str) -> str:
    url = f"{base}/slow"
    if way == "gather":
        told = await asyncio.gather(*(durable_http.apost(url, content=str(number)) for number in range(3)))
        return " ".join(response.json()["body"] for response in told)
    if way == "a task and a key":
        task = asyncio.create_task(durable_http.aget(url))
        await asyncio.sleep(0)
        idempotency_key()
        return str((await task).status)
    if way == "a task and a blocking request":
        task = asyncio.create_task(durable_http.aget(f"{base}/big"))
        await asyncio.sleep(0)
        durable_http.get(url)
        return str(len((await task).content))
    if way == "a stream that asks":
        async with durable_http.astream("GET", f"{base}/big") as response:
            size = 0
            async for piece in response:
                size += len(piece)
                if size == len(piece):
                    await asyncio.gather(durable_http.aget(url), durable_http.aget(url))
        return str(size)
    if way == "a request given up":
        try:
            await asyncio.wait_for(durable_http.aget(url), 0.05)
        except TimeoutError:
            return str((await durable_http.aget(f"{base}/echo")).status)
    if way == "a waiting request given up":
        first = asyncio.create_task(durable_http.aget(url))
        second = asyncio.create_task(durable_http.aget(url))
        await asyncio.sleep(0.05)
        second.cancel()
        return f"{(await first).status} {(await durable_http.aget(f'{base}/echo')).status}"
    if way == "a body that asks":
        await durable_http.apost(url, content=asking(base))
    if way == "bodies in pieces":
        told = await asyncio.gather(*(durable_http.apost(f"{base}/echo", content=apieces(3)) for _ in range(2)))
        return " ".join(response.json()["body"] for response in told)
    return "nothing"


async def asking(base: str):
    yield (await durable_http.aget(f"{base}/echo")).content


async def together_in(base: str, count: int, block: str) -> int:
    """Requests inside a block that lets them overlap."""
    if block == "overlapping":
        with durable_http.overlapping():
            return await together(base, count)
    if block == "non_idempotent":
        with non_idempotent:
            return await together(base, count)
    with atomic, non_idempotent:
        return await together(base, count)


async def later() -> None:
    await asyncio.sleep(0.1)
    failing()
