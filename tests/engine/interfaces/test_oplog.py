"""golem:api/oplog: a worker reads oplogs, its own or others'."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing

import pytest

from durable_dsl.engine.errors import InvocationError
from durable_dsl.engine.interfaces.golem.ids import uuid_record
from durable_dsl.engine.interfaces.golem.oplog_entries import EntryForm
from durable_dsl.engine.interfaces.registry import lookup
from durable_dsl.engine.oplog.store import FILE
from durable_dsl.engine.oplog.text import encode
from durable_dsl.engine.wit.types import FunctionType, Primitive, Record
from tests.engine.programs import kind_of, opened, program, worker
from tests.engine.tampering import change_entry
from tests.guests import guest

PRELUDE = """
def of(name):
    high, low = COMPONENTS[name]
    return host.WorkerId(host.ComponentId(host.Uuid(high, low)), name)

def pages(cursor):
    while (page := cursor.get_next()) is not None:
        yield page

def kind(entry):
    return type(entry).__name__.removeprefix("OplogEntry_")

def shown(answer):
    return [(type(node).__name__.removeprefix("WitNode_"), node.value) for node in answer.nodes]

def only(name, wanted):
    return [entry.value for page in pages(oplog.GetOplog(of(name), 1)) for entry in page if kind(entry) == wanted]
"""


@pytest.fixture
def engine(tmp_path):
    with opened(tmp_path, workers=["*"]) as engine:
        yield engine


def read(engine, text, name="reader"):
    components = {
        one.name: tuple(uuid_record(one.component_id).values())
        for one in [engine.worker(name, reader(engine)), *engine.workers()]
    }
    source = f"COMPONENTS = {components!r}\n{PRELUDE}\n{program(text)}"
    return engine.worker(name).invoke("run", source)


def reader(engine):
    return engine.load(guest("reader"))


def test_all_kinds_of_entries(engine):
    """In order, one for each index; what has no kind there has the one that means the same."""
    one = worker(engine)
    with pytest.raises(InvocationError):
        one.invoke(
            "run",
            program("""
                host.set_retry_policy(host.RetryPolicy(max_attempts=0, min_delay=1, max_delay=2, multiplier=1.0))
                print("hello")
                begin = host.mark_begin_operation()
                host.mark_end_operation(begin)
                marker = host.get_oplog_index()
                if host.get_oplog_index() < marker + 3:
                    host.set_oplog_index(marker)
                host.set_idempotence_mode(False)
                host.generate_idempotency_key()
                raise ValueError("no good")
            """),
        )
    one.revert(to=one.oplog_index - 1)
    found = read(
        engine, 'result = " ".join(kind(entry) for page in pages(oplog.GetOplog(of("w"), 1)) for entry in page)'
    )

    names = {"revert": "jump"}
    expected = [names.get(record.kind, record.kind).title().replace("-", "") for record in one.oplog()]
    assert expected == found.split()


def test_what_entries_say(engine):
    """Arguments and results as values of their types, calls of the host as they are in the oplog."""
    one = engine.worker("s", engine.load(guest("shop")))
    order = {
        "id": "1", "lines": [{"sku": "a", "quantity": 2}], "speed": "fast", "payment": {"card": "4711"},
        "extras": ["gift"], "note": None,
    }  # fmt: skip
    one.invoke("place", order)
    text = """
        invoked, = only("s", "ExportedFunctionInvoked")
        completed, = only("s", "ExportedFunctionCompleted")
        created, = only("s", "Create")
        key = [call for call in only("s", "ImportedFunctionInvoked") if "idempotency" in call.function_name][0]
        log, *_ = only("s", "Log")
        result = (
            invoked.function_name, [name for name, _ in shown(invoked.request[0])], shown(completed.response)[0],
            created.component_version, created.component_size > 10**7, created.worker_id.worker_name,
            type(key.wrapped_function_type).__name__, shown(key.response)[0][0], shown(key.request),
            (log.level.name, log.message), log.timestamp.seconds > 10**9,
        )
    """
    expected = (
        "('test:shop/orders@1.0.0#place', ['RecordValue', 'PrimString', 'ListValue', 'RecordValue', 'PrimString', "
        "'PrimU32', 'EnumValue', 'VariantValue', 'PrimString', 'FlagsValue', 'OptionValue'], ('TupleValue', [1]), "
        "0, True, 's', 'WrappedFunctionType_WriteRemote', 'PrimString', [('OptionValue', None)], "
        "('STDOUT', 'placing 1'), True)"
    )
    assert expected == read(engine, text)


def test_later_versions_say_more_of_an_invocation(engine):
    """They declare its trace, of which nothing is recorded here; a component gets what it declares."""
    one = worker(engine)
    one.invoke("run", "result = 1")
    record = next(record for record in one.oplog() if record.kind == "exported-function-invoked")

    traced, plain = (EntryForm(one, traced=how).of(record, None)[record.kind] for how in (True, False))
    more = {"trace-id": "0" * 32, "trace-states": [], "invocation-context": []}
    assert {**plain, **more} == traced

    offered = lookup("golem:api/oplog", "[method]get-oplog.get-next", "1.1.5")
    declared = FunctionType((), Record("exported-function-invoked-parameters", (("trace-id", Primitive("string")),)))
    assert offered is offered.for_type(FunctionType((), None))
    assert offered is not offered.for_type(declared)


def test_page_by_page_from_an_index(engine):
    """A hundred at a time."""
    one = worker(engine)
    one.invoke("run", "for _ in range(250): random.get_random_u64()")
    last = one.oplog_index
    found = read(engine, 'result = [len(page) for page in pages(oplog.GetOplog(of("w"), 11))]')

    assert str([100, 100, last - 10 - 200]) == found


def test_searching(engine):
    """Entries in which all words are, with their indices."""
    one = worker(engine)
    one.invoke("run", "print('a red house'); print('a Red boat'); print('a blue boat')")
    text = """
        result = [
            (index, entry.value.message) for page in pages(oplog.SearchOplog(of("w"), "boat rEd stdout"))
            for index, entry in page if kind(entry) == "Log"
        ]
    """
    index = next(record.index for record in one.oplog() if "Red" in getattr(record.entry, "message", ""))
    assert str([(index, "a Red boat")]) == read(engine, text)


def test_searching_with_a_query(engine):
    """What one word or another finds, but for a third; the same when it is replayed."""
    one = worker(engine)
    one.invoke("run", "print('a red house'); print('a green boat'); print('a blue boat')")
    text = """
        query = '(red OR boat) AND NOT "blue boat" level:stdout'
        result = [entry.value.message for page in pages(oplog.SearchOplog(of("w"), query)) for index, entry in page]
    """
    assert "['a red house', 'a green boat']" == read(engine, text)
    engine.reach("reader").simulate_crash()
    assert "idle" == engine.reach("reader").status
    assert "['a red house', 'a green boat']" == read(engine, text)


def test_a_query_that_cannot_be_read(engine):
    """The attempt fails, for good, and says what is wrong."""
    worker(engine)
    with pytest.raises(InvocationError, match="a parenthesis that is not closed at character 9") as raised:
        read(engine, "oplog.SearchOplog(of('w'), 'boat OR (red')")
    assert ("BadQuery", "failed") == (raised.value.type, raised.value.status)


def test_what_was_searched_by_an_earlier_version(engine, tmp_path):
    """Its words were recorded, each by itself; it is replayed as it was."""
    worker(engine).invoke("run", "print('a red house')")
    assert "1" == read(engine, "result = sum(len(page) for page in pages(oplog.SearchOplog(of('w'), 'stdout HOUSE')))")
    asked = [record for record in engine.reach("reader").oplog() if "search-oplog" in kind_of(record)]
    number = engine.reach("reader").id
    engine.close()
    with closing(sqlite3.connect(tmp_path / FILE)) as connection, connection:
        for record in asked:
            *of, _query = json.loads(record.entry.request)
            change_entry(connection, number, record.index, request=encode([*of, "stdout", "house"]))
    with opened(tmp_path, workers=["*"]) as again:
        assert "1" == again.worker("reader").invoke("run", "result = 1")


def test_a_worker_reads_its_own(engine, tmp_path):
    """Up to where it began to read, with what was not on disk yet; replay reads the same."""
    text = """
        marker = host.get_oplog_index()
        seen = [entry for page in pages(oplog.GetOplog(of("reader"), 1)) for entry in page]
        host.generate_idempotency_key()
        result = len(seen) - marker, kind(seen[-1])
    """
    first = read(engine, text)
    assert "(0, 'NoOp')" == first
    engine.close()
    with opened(tmp_path) as again:
        again.worker("reader").resume()
        assert "idle" == again.worker("reader").status


def test_a_worker_that_is_not_there(engine):
    """The attempt fails."""
    engine.worker("reader", reader(engine)).invoke("run", "")
    text = """
        high, low = COMPONENTS["reader"]
        oplog.GetOplog(host.WorkerId(host.ComponentId(host.Uuid(high, low)), "nobody"), 1).get_next()
    """
    with pytest.raises(InvocationError, match="there is no worker 'nobody'"):
        read(engine, text)
