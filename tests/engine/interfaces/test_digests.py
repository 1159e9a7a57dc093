"""Bytes that are written outside are not in the oplog, but what a replay writes is compared with them."""

from __future__ import annotations

import json
import re
import sqlite3

import pytest

from durable_dsl.engine.errors import InvocationError
from tests.engine.http_guest import http_program
from tests.engine.http_server import serving
from tests.engine.programs import opened, program, worker
from tests.engine.tampering import change_entry

REQUEST = """
    request = made("post", URL + "/echo")
    body = request.body()
    future = outgoing_handler.handle(request, None)
    stream = body.write()
    for piece in DATA:
        stream.blocking_write_and_flush(piece)
    stream.__exit__(None, None, None)
    http.OutgoingBody.finish(body, None)
    result = b"".join(pieces(answer(future)))
"""
VALUE = """
    def value(data, made):
        with made.outgoing_value_write_body_async() as stream:
            for piece in data:
                stream.blocking_write_and_flush(piece)
        return made
"""
BUCKET = (
    VALUE
    + """
    types = wasi_keyvalue_types
    eventual.set(types.Bucket.open_bucket("b"), "k", value(DATA, types.OutgoingValue.new_outgoing_value()))
"""
)
DATA = "[b'one ', b'piece']"
PIECES = "[b'o', b'ne piec', b'e']"
OTHER = "[b'two ', b'piece']"


@pytest.fixture(scope="module")
def server():
    with serving() as running:
        yield running


@pytest.fixture(params=["request", "value"])
def replayed(tmp_path, server, request):
    """Runs a program that writes one text, then replays it as one that writes another; `edit` changes the records."""
    text = {"request": REQUEST, "value": BUCKET}[request.param]
    source = http_program(server.url, program(text).replace("DATA", "GIVEN"))

    def replay(data, edit=None):
        with opened(tmp_path, allow_http=[server.authority]) as engine:
            worker(engine).invoke("run", f"GIVEN = {DATA}\n{source}")
            file = engine.store.path
        with sqlite3.connect(file) as connection:
            change_entry(connection, 1, 2, request=json.dumps([f"GIVEN = {data}\n{source}"], ensure_ascii=False))
            rows = connection.execute("SELECT idx, request FROM entry WHERE request LIKE '%sha256%'").fetchall()
            assert len(rows) >= 1
            for index, recorded in rows if edit is not None else ():
                change_entry(connection, 1, index, request=edit(recorded))
        with opened(tmp_path, allow_http=[server.authority]) as engine:
            return worker(engine).invoke("run", "result = 7")

    return replay


@pytest.mark.guarantee("RECOVERY-7")
def test_other_bytes_of_the_same_length_are_a_divergence(replayed):
    """Recorded against attempted."""
    with pytest.raises(InvocationError, match=r"recorded .*sha256.* attempted .*sha256") as raised:
        replayed(OTHER)

    assert "Divergence" == raised.value.type


def test_the_same_bytes_in_other_pieces_are_the_same(replayed):
    """How they are cut is nobody's business."""
    assert "7" == replayed(PIECES)


def test_records_of_earlier_versions_have_no_digest(replayed):
    """Nothing can be compared, and they are replayed."""

    def as_before(recorded):
        without = re.sub(r',"body":\{[^}]*\}', "", recorded)
        return re.sub(r'\{"length":(\d+),"sha256":"[^"]*"\}', r"\1", without)

    assert "7" == replayed(OTHER, as_before)
