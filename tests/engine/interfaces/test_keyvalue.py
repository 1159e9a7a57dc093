"""wasi:keyvalue: buckets that all workers of a data directory share, and what of them is recorded."""

from __future__ import annotations

import hashlib

import pytest

from durable_dsl.engine.errors import InvocationError
from durable_dsl.engine.oplog.view import as_json
from tests.engine.programs import kinds, opened, program, worker

PRELUDE = """
kv = wasi_keyvalue_types
bucket = kv.Bucket.open_bucket("things")

def value(data):
    made = kv.OutgoingValue.new_outgoing_value()
    made.outgoing_value_write_body_sync(data)
    return made

def content(found):
    return None if found is None else found.incoming_value_consume_sync()
"""


@pytest.fixture
def engine(tmp_path):
    with opened(tmp_path) as engine:
        yield engine


def run(engine, text, name="w"):
    return worker(engine, name).invoke("run", PRELUDE + program(text))


def stored(engine):
    return dict(engine.store.read("SELECT bucket || '/' || key, value FROM bucket ORDER BY 1"))


def calls(one):
    return [
        (said["function"].removeprefix("golem keyvalue::"), said["request"], said.get("response"))
        for said in map(as_json, one.oplog())
        if said.get("function", "").startswith("golem keyvalue")
    ]


def test_one_key(engine):
    """Set, get, exists, delete; what was not set is none."""
    text = """
        before = eventual.get(bucket, "a"), eventual.exists(bucket, "a")
        eventual.set(bucket, "a", value(b"one"))
        eventual.set(bucket, "a", value(b"two"))
        found = content(eventual.get(bucket, "a")), eventual.exists(bucket, "a")
        eventual.delete(bucket, "a")
        eventual.delete(bucket, "a")
        result = before, found, eventual.get(bucket, "a")
    """
    assert "((None, False), (b'two', True), None)" == run(engine, text)
    assert {} == stored(engine)


def test_what_is_recorded(engine):
    """Of reads the answer; of writes the key and a digest, since the value is in the bucket."""
    run(engine, 'eventual.set(bucket, "a", value(b"one")); eventual.get(bucket, "a"); eventual.exists(bucket, "b")')

    assert [
        ("eventual::set", ["things", "a", {"length": 3, "sha256": hashlib.sha256(b"one").hexdigest()}], None),
        ("eventual::get", ["things", "a"], {"base64": "b25l"}),
        ("eventual::exists", ["things", "b"], False),
    ] == calls(worker(engine))
    assert {"things/a": b"one"} == stored(engine)


def test_several_keys(engine):
    """In the order of the keys; none where there is no such key."""
    text = """
        eventual_batch.set_many(bucket, [("a", value(b"1")), ("b", value(b"2")), ("c", value(b"3"))])
        eventual_batch.delete_many(bucket, ["b", "z"])
        found = [content(one) for one in eventual_batch.get_many(bucket, ["c", "b", "a"])]
        result = eventual_batch.keys(bucket), found
    """
    assert "(['a', 'c'], [b'3', None, b'1'])" == run(engine, text)


def test_values_as_streams(engine):
    """Written and read piece by piece; a large one too."""
    text = """
        made = kv.OutgoingValue.new_outgoing_value()
        with made.outgoing_value_write_body_async() as stream:
            for at in range(50):
                stream.blocking_write_and_flush(bytes([at]) * 4096)
        eventual.set(bucket, "a", made)
        found = eventual.get(bucket, "a")
        got = b""
        with found.incoming_value_consume_async() as stream:
            try:
                while True:
                    got += stream.blocking_read(1000)
            except Err as end:
                last = type(end.value).__name__
        try:
            made.outgoing_value_write_body_async()
        except Err as problem:
            reason = problem.value.trace()
        result = found.incoming_value_size(), len(got), got[-1], last, reason
    """
    assert "(204800, 204800, 49, 'StreamError_Closed', 'the value has a stream already')" == run(engine, text)


def test_all_workers_share_the_buckets(engine, tmp_path):
    """Across processes too: they are in the data directory."""
    run(engine, 'eventual.set(bucket, "a", value(b"one"))')

    assert "b'one'" == run(engine, 'result = content(eventual.get(bucket, "a"))', "other")
    assert "None" == run(engine, 'result = content(eventual.get(kv.Bucket.open_bucket("o"), "a"))', "third")
    engine.close()
    with opened(tmp_path) as second:
        assert "b'one'" == run(second, 'result = content(eventual.get(bucket, "a"))', "other")


def test_replay_neither_reads_nor_writes(engine, tmp_path):
    """What was read then is read again, and what others wrote since stays."""
    run(engine, 'eventual.set(bucket, "a", value(b"mine")); state["seen"] = content(eventual.get(bucket, "a"))')
    run(engine, 'eventual.set(bucket, "a", value(b"theirs"))', "other")
    engine.close()
    with opened(tmp_path) as second:
        assert "(b'mine', b'theirs')" == run(second, 'result = state["seen"], content(eventual.get(bucket, "a"))')


class DiskIsFullError(Exception):
    pass


def test_write_and_entry_are_one(engine):
    """A transaction that fails leaves neither the value nor its entry."""
    one = worker(engine)
    one.invoke("run", "")
    before = engine.store.last_index(one.id)

    def full():
        raise DiskIsFullError

    engine.store.writer.before_commit = full
    with pytest.raises(DiskIsFullError):
        run(engine, 'eventual.set(bucket, "a", value(b"one"))')
    engine.store.writer.before_commit = None

    assert ({}, before) == (stored(engine), engine.store.last_index(one.id))


def test_idempotence_off_marks_the_write(engine):
    """Between a begin and an end, as any remote write."""
    run(engine, 'host.set_idempotence_mode(False); eventual.set(bucket, "a", value(b"one"))')

    kinds = [record.kind for record in worker(engine).oplog()]
    assert ["begin-remote-write", "imported-function-invoked", "end-remote-write"] == kinds[-4:-1]


@pytest.mark.parametrize(
    ("call", "name"),
    [
        ("atomic.increment(bucket, 'k', 1)", "wasi:keyvalue/atomic#increment"),
        ("atomic.compare_and_swap(bucket, 'k', 1, 2)", "wasi:keyvalue/atomic#compare-and-swap"),
        ("cache.get('k')", "wasi:keyvalue/cache#get"),
        ("cache.set('k', value(b'v'), None)", "wasi:keyvalue/cache#set"),
    ],
)
def test_what_no_golem_server_has_is_refused_with_the_reason(engine, call, name):
    """Not tried again: nothing would change."""
    with pytest.raises(InvocationError, match=f"{name} is not implemented by any Golem server") as failed:
        run(engine, call)

    assert "NotImplementedByGolem" == failed.value.type
    assert ["error"] == [kind for kind in kinds(worker(engine)) if kind == "error"]
