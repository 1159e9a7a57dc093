"""wasi:blobstore: containers and objects that all workers of a data directory share."""

from __future__ import annotations

import pytest

from durable_dsl.engine.clock import SkippingClock
from tests.engine.programs import kinds, opened, program, worker

PRELUDE = """
blobs = wasi_blobstore_types

def value(data):
    made = blobs.OutgoingValue.new_outgoing_value()
    with made.outgoing_value_write_body() as stream:
        for at in range(0, len(data), 4096):
            stream.blocking_write_and_flush(data[at:at + 4096])
    return made

def content(box, name, start=0, end=2**64 - 1):
    return box.get_data(name, start, end).incoming_value_consume_sync()

def reason(call, *arguments):
    try:
        call(*arguments)
    except Err as problem:
        return problem.value

def place(container, name):
    return blobs.ObjectId(container, name)
"""
START = 1_700_000_000


@pytest.fixture
def engine(tmp_path):
    with opened(tmp_path, clock=SkippingClock(START * 10**9)) as engine:
        yield engine


def run(engine, text, name="w"):
    return worker(engine, name).invoke("run", PRELUDE + program(text))


def test_containers(engine):
    """Made, found, and removed with all that is in them; one that is there already is opened."""
    text = """
        before = blobstore.container_exists("box"), reason(blobstore.get_container, "box")
        box = blobstore.create_container("box")
        box.write_data("a", value(b"one"))
        info = box.info()
        again = blobstore.create_container("box").has_object("a")
        found = blobstore.get_container("box").name(), info.name, info.created_at
        blobstore.delete_container("box")
        after = reason(blobstore.delete_container, "box"), reason(box.write_data, "a", value(b"")), box.has_object("a")
        result = before, again, found, after
    """
    gone = "\"there is no container 'box'\""
    expected = f"((False, {gone}), True, ('box', 'box', {START}), ({gone}, {gone}, False))"
    assert expected == run(engine, text)


def test_objects(engine):
    """Written over, read in part, listed in order, removed."""
    text = """
        box = blobstore.create_container("box")
        for name in ("b", "a", "c"):
            box.write_data(name, value(name.encode() * 3))
        box.write_data("a", value(b"0123456789"))
        info = box.object_info("a")
        parts = content(box, "a"), content(box, "a", 2, 4), content(box, "a", 8, 100), content(box, "a", 20, 30)
        box.delete_object("b")
        box.delete_object("b")
        box.delete_objects(["c", "nothing"])
        left = box.list_objects().read_stream_object_names(10)
        box.clear()
        result = (
            (info.name, info.container, info.size, info.created_at // 1000), parts, left, box.has_object("a"),
            reason(box.object_info, "a"), reason(box.get_data, "a", 0, 1),
        )
    """
    gone = "\"there is no object 'a' in container 'box'\""
    parts = "(b'0123456789', b'234', b'89', b''), (['a'], True), False"
    assert f"(('a', 'box', 10, {START // 1000}), {parts}, {gone}, {gone})" == run(engine, text)


def test_listing_piece_by_piece(engine):
    """Reading and passing over; the flag says when the end is reached."""
    text = """
        box = blobstore.create_container("box")
        for number in range(5):
            box.write_data(f"o{number}", value(b""))
        names = box.list_objects()
        result = [
            names.read_stream_object_names(2), names.skip_stream_object_names(1), names.read_stream_object_names(9),
            names.read_stream_object_names(1),
        ]
    """
    assert "[(['o0', 'o1'], False), (1, False), (['o3', 'o4'], True), ([], True)]" == run(engine, text)


def test_copying_and_moving(engine):
    """From container to container; what is not there is told."""
    text = """
        one, two = blobstore.create_container("one"), blobstore.create_container("two")
        one.write_data("a", value(b"data"))
        blobstore.copy_object(place("one", "a"), place("two", "b"))
        blobstore.move_object(place("one", "a"), place("two", "c"))
        blobstore.move_object(place("two", "c"), place("two", "c"))
        result = (
            one.has_object("a"), content(two, "b"), content(two, "c"),
            reason(blobstore.copy_object, place("one", "a"), place("two", "d")),
            reason(blobstore.move_object, place("two", "b"), place("three", "d")),
        )
    """
    assert ("(False, b'data', b'data', \"there is no object 'a' in 'one'\", \"there is no container 'three'\")") == run(
        engine, text
    )


def test_large_objects_as_streams(engine):
    """More than fits into an entry."""
    text = """
        box = blobstore.create_container("box")
        data = bytes(range(256)) * 2000
        box.write_data("a", value(data))
        incoming = box.get_data("a", 0, len(data))
        got = b""
        with incoming.incoming_value_consume_async() as stream:
            try:
                while True:
                    got += stream.blocking_read(100000)
            except Err:
                pass
        result = incoming.size(), got == data
    """
    assert "(512000, True)" == run(engine, text)


def test_replay_neither_reads_nor_writes(engine, tmp_path):
    """What was read then is read again, and what others wrote since stays."""
    run(
        engine,
        """
        box = blobstore.create_container("box")
        box.write_data("a", value(b"mine"))
        state["seen"] = content(box, "a"), box.list_objects().read_stream_object_names(9)
        state["box"] = box
        """,
    )
    run(engine, 'box = blobstore.get_container("box"); box.clear(); box.write_data("b", value(b"theirs"))', "other")
    assert "golem blobstore::container::write_data" in kinds(worker(engine))
    engine.close()
    with opened(tmp_path) as second:
        found = run(second, 'result = state["seen"], state["box"].list_objects().read_stream_object_names(9)')

    assert "((b'mine', (['a'], True)), (['b'], True))" == found
