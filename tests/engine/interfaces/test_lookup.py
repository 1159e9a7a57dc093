"""wasi:sockets/ip-name-lookup: for allowed hosts, the whole answer recorded."""

from __future__ import annotations

import socket

import pytest

from durable_dsl.engine.errors import InvocationError
from durable_dsl.engine.oplog.view import as_json
from tests.engine.programs import opened, program, worker

LOOK_UP = program("""
    def look_up(name):
        found = []
        try:
            with ip_name_lookup.resolve_addresses(instance_network.instance_network(), name) as addresses:
                with addresses.subscribe() as ready:
                    ready.block()
                while (address := addresses.resolve_next_address()) is not None:
                    found.append((type(address).__name__, address.value))
        except Err as problem:
            return problem.value.name
        return found
""")


def test_an_allowed_name(tmp_path, monkeypatch):
    """Both families; replay gives the same although the world has changed."""
    answer = [(0, 0, 0, "", ("10.1.2.3", 0)), (0, 0, 0, "", ("fe80::1%eth0", 0, 0, 0)), (0, 0, 0, "", ("10.1.2.3", 0))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answer)
    expected = "[('IpAddress_Ipv4', (10, 1, 2, 3)), ('IpAddress_Ipv6', (65152, 0, 0, 0, 0, 0, 0, 1))]"
    with opened(tmp_path, allow_http=["Some.Host:443"]) as engine:
        one = worker(engine)
        one.invoke("run", f"{LOOK_UP}\nstate['found'] = look_up('some.host')")
        recorded = [said for said in map(as_json, one.oplog()) if "ip_name" in said.get("function", "")]
        assert [{"ok": ["10.1.2.3", "fe80::1"]}] == [said["response"] for said in recorded]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [])
    with opened(tmp_path) as engine:
        assert expected == worker(engine).invoke("run", "result = state['found']")


def test_loopback_for_real(tmp_path):
    """The system's own look-up."""
    with opened(tmp_path, allow_http=["localhost"]) as engine:
        found = worker(engine).invoke("run", f"{LOOK_UP}\nresult = look_up('localhost')")

    assert "(127, 0, 0, 1)" in found or "(0, 0, 0, 0, 0, 0, 0, 1)" in found


def test_a_name_that_is_not_allowed(tmp_path):
    """Refused: the worker stops, says how to allow it, and goes on once it is."""
    source = f"{LOOK_UP}\nresult = look_up('Localhost')"
    with opened(tmp_path, allow_http=["example.com"]) as engine:
        one = worker(engine)
        with pytest.raises(InvocationError, match="--allow-http Localhost"):
            one.invoke("run", source, idempotency_key="k")
        one.grant(allow_http=["localhost"])

        assert "Ipv" in one.invoke("run", source, idempotency_key="k")


def test_a_name_that_cannot_be(tmp_path):
    """Told from one that is refused."""
    name = f"{'x' * 64}.test"
    with opened(tmp_path, allow_http=["*"]) as engine:
        assert "INVALID_ARGUMENT" == worker(engine).invoke("run", f"{LOOK_UP}\nresult = look_up('{name}')")


@pytest.mark.parametrize("name", ["(none)", "a b", "", "a/b"])
def test_what_is_no_name_is_looked_up_by_nobody(tmp_path, monkeypatch, name):
    """So no grant is wanting: `socket.getfqdn()` asks for the guest's own name, which is none."""
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: 1 // 0)
    with opened(tmp_path) as engine:
        assert "NAME_UNRESOLVABLE" == worker(engine).invoke("run", f"{LOOK_UP}\nresult = look_up({name!r})")
