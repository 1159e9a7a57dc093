"""What explain says of each effect: how often, what a crash does, what is done again, what undoes it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from durable_codegen.analysis.explain.crashes import explain
from durable_codegen.analysis.explain.section import read_explained
from durable_codegen.analysis.explain.text import as_text
from durable_codegen.analysis.reading.exports import find_exports
from durable_codegen.analysis.reading.reach import Analysis
from durable_codegen.analysis.reading.sources import find_sources
from durable_dsl.testing.building import component_of
from tests.analysis.checked import write

EXAMPLES = Path(__file__).parents[2] / "examples"


def explained(folder, app="app.py"):
    sources = find_sources([app], {}, folder=folder)
    analysis = Analysis(sources.modules)
    return {each["name"]: each for each in explain(analysis, find_exports(analysis, sources.app, sources.world))}


def one(folder, source):
    """The one export of a source."""
    write(folder, {"app.py": source})
    [export] = explained(folder).values()
    return export


def rows(export):
    """(line, what, how often, again) of each step."""
    return [(step["line"], step["what"], step["how_often"], step["again"]) for step in export["steps"]]


#: What stands in the function → what is said of it without a region, in an atomic region, where nothing is recorded.
KINDS = {
    "http.post(URL)": ("at least once", "at least once", "on each recovery"),
    "httpx.get(URL)": ("at least once", "at least once", "on each recovery"),
    "requests.Session().put(URL)": ("at least once", "at least once", "on each recovery"),
    "urllib.request.urlopen(URL)": ("at least once", "at least once", "on each recovery"),
    "eventual.set(bucket, 'k', value)": ("at least once", "at least once", "on each recovery"),
    "eventual.get(bucket, 'k')": ("recorded", "at least once", "on each recovery"),
    "stock.reserve('tea')": ("at least once", "at least once", "on each recovery"),
    "remote.client(Desk, worker='d').place()": ("once", "at least once", "on each recovery"),
    "create_promise(bool)": ("recorded", "once per attempt", "on each recovery"),
    "Promise.from_id('p', bool).wait()": ("recorded", "refused", "on each recovery"),
    "Promise.from_id('p', bool).complete(True)": ("once", "at least once", "on each recovery"),
    "time.sleep(1)": ("once", "once per attempt", "on each recovery"),
    "print('x')": ("once", "at least once", "once"),
    "random.random()": ("recorded", "once per attempt", "on each recovery"),
    "time.time()": ("recorded", "once per attempt", "on each recovery"),
    "uuid.uuid4()": ("recorded", "once per attempt", "on each recovery"),
    "os.environ['HOME']": ("recorded", "once per attempt", "on each recovery"),
    "idempotency_key()": ("recorded", "once per attempt", "on each recovery"),
    "Path('note').write_text('x')": ("with each replay", "at least once", "on each recovery"),
    "host.oplog_commit(1)": ("recorded", "once per attempt", "on each recovery"),
}

HEAD = """
import os, random, time, urllib.request, uuid
from pathlib import Path
import httpx, requests
from wit_world.imports import eventual, host, stock
from durable_dsl import Promise, atomic, create_promise, export, http, idempotency_key, non_idempotent, persist
from durable_dsl import remote

URL = "https://x.example"
"""


@pytest.mark.parametrize("call", KINDS)
def test_each_kind_of_effect_has_its_fate(tmp_path, call):
    """By itself, in an atomic region, and where nothing is recorded."""
    blocks = {"plain": "if True:", "whole": "with atomic:", "zone": "with persist('persist-nothing'):"}
    source = "".join(f"\n@export\ndef {name}():\n    {block}\n        {call}\n" for name, block in blocks.items())
    write(tmp_path, {"app.py": HEAD + source})
    exports = explained(tmp_path)
    said = [[step["how_often"] for step in exports[name]["steps"]] for name in blocks]

    assert [[each] for each in KINDS[call]] == said


def test_at_most_once_holds_outside_of_regions_only(tmp_path):
    """WRITE-2, and rule 7 of the regions."""
    export = one(
        tmp_path,
        """
        from durable_dsl import atomic, export, http, idempotent, non_idempotent

        @export
        @non_idempotent
        def ship():
            http.post("https://a.example")
            with atomic:
                http.post("https://b.example")
            with idempotent:
                http.post("https://c.example")
        """,
    )

    assert ["at most once", "at least once", "at least once"] == [step["how_often"] for step in export["steps"]]
    assert [[], [2], [3]] == [step["again"] for step in export["steps"]]
    assert "non_idempotent does not hold in here" in export["steps"][1]["after_crash"]
    assert "At most once: 1." in export["summary"]


def test_a_region_is_done_again_up_to_the_crash_and_until_something_commits(tmp_path):
    """ATOMIC-1: before the region nothing; in it everything so far; after it as long as its end is not on disk."""
    export = one(
        tmp_path,
        """
        from durable_dsl import atomic, export, http

        @export
        def place():
            http.post("https://a.example")
            with atomic:
                http.post("https://b.example")
                pay()
            print("placed")
            http.post("https://d.example")
            print("done")

        def pay():
            with atomic:
                http.post("https://c.example")
        """,
    )

    assert [[1], [2], [2, 3], [2, 3], [5], []] == [step["again"] for step in export["steps"]]


def test_a_commit_puts_the_end_on_disk(tmp_path):
    """Nothing of the region is done again once its commit has returned; setting the level commits, too."""
    export = one(
        tmp_path,
        """
        from durable_dsl import atomic, commit, export, http, persist

        @export
        def place():
            pay()
            print("placed")
            with atomic:
                http.post("https://b.example")
            with persist("smart"):
                print("smart")

        @commit
        @atomic
        def pay():
            http.post("https://a.example")
        """,
    )

    assert [[1], [], [3], []] == [step["again"] for step in export["steps"]]


def test_two_calls_of_one_function_are_two_regions(tmp_path):
    """The first, which has ended, is not done again with the second."""
    export = one(
        tmp_path,
        """
        from durable_dsl import atomic, export, http

        @export
        def place():
            pay()
            http.get("https://x.example")
            pay()

        @atomic
        def pay():
            http.post("https://a.example")
        """,
    )

    assert [[1], [2], [3]] == [step["again"] for step in export["steps"]]


def test_zones_are_performed_by_each_recovery(tmp_path):
    """PERSIST-1: also when the crash comes later."""
    export = one(
        tmp_path,
        """
        from durable_dsl import export, http, persist

        @export
        def place():
            with persist("persist-nothing"):
                http.post("https://metrics.example")
                print("counted")
            http.post("https://a.example")
        """,
    )

    assert [[1], [1], [1, 3]] == [step["again"] for step in export["steps"]]


def test_a_transaction_s_failures_are_not_tried_again_inside(tmp_path):
    """A region in a step ends on a failure, so that a retry around it has nothing to repeat; outside one it has."""
    source = """
        from durable_dsl import atomic, export, http, operation, retry, transaction

        @operation(compensate=lambda result: None)
        @retry(max_attempts=5)
        @atomic
        def charge():
            http.post("https://bank.example")

        @export
        MARK
        def buy():
            charge()
        """
    inside = {each["text"]: each["says"] for each in one(tmp_path, source.replace("MARK", "@transaction"))["regions"]}
    outside = {each["text"]: each["says"] for each in one(tmp_path, source.replace("MARK", ""))["regions"]}

    assert inside["@retry(max_attempts=5)"].startswith("nothing is tried again in a transaction")
    assert "a failure ends it" in inside["@atomic"]
    assert "a failure is tried again up to 5 times" == outside["@retry(max_attempts=5)"]
    assert "a failure ends it" not in outside["@atomic"]


def test_transactions_say_what_undoes_what(tmp_path):
    """With the effects of each undo; an undo's own effects are no steps of the export."""
    export = one(
        tmp_path,
        """
        import httpx
        from durable_dsl import export, http, operation, transaction

        class Flights:
            def __init__(self):
                self.client = httpx.Client()

            def cancel(self, booking, flight):
                self.client.delete(f"/bookings/{booking}")

            @operation(compensate=cancel)
            def book(self, flight):
                return self.client.post("/bookings").text

        flights = Flights()

        @export
        @transaction
        def trip():
            flights.book("F-1")
            http.post("https://mail.example")
        """,
    )

    assert [("httpx POST /bookings", "Flights.cancel"), ("http POST https://mail.example", None)] == [
        (step["what"], step["undone_by"]) for step in export["steps"]
    ]
    [undo] = export["compensations"]
    assert ("Flights.book", "Flights.cancel", 8) == (undo["operation"], undo["undo"], undo["undo_line"])
    assert ["httpx DELETE /bookings/{…}"] == [effect["what"] for effect in undo["effects"]]


def test_concurrent_requests_are_followed(tmp_path):
    """Through gather, a comprehension, and a parameter's type."""
    export = one(
        tmp_path,
        """
        import asyncio
        import httpx
        from durable_dsl import export

        @export
        async def crawl(urls: list[str]) -> list[str]:
            async with httpx.AsyncClient() as client:
                return await asyncio.gather(*(fetch(client, url) for url in urls))

        async def fetch(client: httpx.AsyncClient, url: str) -> str:
            answer = await client.get(url)
            return answer.text
        """,
    )

    assert [(11, "httpx GET …", "at least once", [1])] == rows(export)
    assert [{"file": "app.py", "line": 8, "function": "fetch"}] == export["steps"][0]["calls"]


def test_what_is_not_known_is_named(tmp_path):
    """Libraries are not looked into, and explain says so; a recursion ends."""
    export = one(
        tmp_path,
        """
        import stripe
        from durable_dsl import export

        @export
        def pay(depth: int) -> None:
            stripe.Charge.create(amount=1)
            pay(depth - 1)
        """,
    )

    assert [] == export["steps"]
    assert [{"file": "app.py", "line": 6, "call": "stripe.Charge.create"}] == export["not_followed"]
    assert "not looked into: stripe.Charge.create (6)" in as_text([export])


def test_functions_that_call_each_other_in_all_ways_are_no_trouble(tmp_path):
    """The ways through them are without number; what they lead to is not."""
    names = range(24)
    calls = "\n".join(f"    f{n}(x)" for n in names)
    body = "\n\n".join(f"def f{n}(x):\n{calls}" for n in names)
    write(
        tmp_path,
        {"app.py": f"from durable_dsl import export, http\n\n@export\ndef run(x: int) -> None:\n{calls}\n\n{body}\n"},
    )
    [quiet] = explained(tmp_path).values()
    text = (tmp_path / "app.py").read_text().replace("def f23(x):", "def f23(x):\n    http.post('https://x.example')")
    write(tmp_path, {"app.py": text})
    [export] = explained(tmp_path).values()

    assert (True, []) == (quiet["complete"], quiet["steps"])
    assert (False, "http POST https://x.example") == (export["complete"], export["steps"][0]["what"])


def test_what_a_protocol_declares_is_named(tmp_path):
    """Who implements it cannot be told."""
    export = one(
        tmp_path,
        """
        from typing import Protocol
        from durable_dsl import export

        class Gateway(Protocol):
            def charge(self, cents: int) -> str: ...

        def pay(gateway: Gateway) -> None:
            gateway.charge(1)

        @export
        def buy() -> None:
            pay(find())
        """,
    )

    assert ["Gateway.charge"] == [each["call"] for each in export["not_followed"]]


def test_a_bracket_by_hand_is_told_for_what_it_is():
    """The transfer by hand: a region after a crash, and none after a failure."""
    exports = explained(EXAMPLES / "by_hand", "by_hand.py")
    [by_hand] = exports["by-hand#transfer"]["regions"]
    [marked] = exports["with-marks#transfer"]["regions"]

    assert by_hand["says"].endswith("a failure ends it, too, with its half on record (DSL502)")
    assert marked["says"] == "done again as a whole after a crash or a failure, until its end is on record"


@pytest.mark.parametrize(
    "folder", sorted(path.parent for path in EXAMPLES.glob("*/pyproject.toml")), ids=lambda p: p.name
)
def test_every_example_is_explained_and_checked(folder):
    """Each export has a place; none of the examples has what the check calls an error, but the one that shows it."""
    command = [sys.executable, "-m", "durable_dsl"]
    explain_it = subprocess.run(
        [*command, "explain", "--json"], cwd=folder, capture_output=True, text=True, check=False
    )
    check_it = subprocess.run([*command, "check", "--json"], cwd=folder, capture_output=True, text=True, check=False)
    exports = json.loads(explain_it.stdout)["exports"]
    errors = {each["code"] for each in json.loads(check_it.stdout)["findings"] if each["severity"] == "error"}

    assert 0 == explain_it.returncode, explain_it.stderr
    assert exports
    assert all(each["line"] > 1 and each["complete"] for each in exports)
    assert ({"DSL502"} if folder.name == "by_hand" else set()) == errors


def test_a_component_explains_itself(tmp_path):
    """From the section that the build wrote, as the source does; a file that is none is refused."""
    folder = EXAMPLES / "payments"
    built = component_of(folder / "payments.py")
    of_source = explained(folder, "payments.py")
    of_component = {each["name"]: each for each in read_explained(built)}
    shutil.copy(built, tmp_path / "payments.wasm")
    command = [sys.executable, "-m", "durable_dsl", "explain"]
    shown = subprocess.run(
        [*command, "payments.wasm", "--export", "buy"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    (tmp_path / "none.wasm").write_bytes(b"\0asm\x0d\0\1\0")
    foreign = subprocess.run([*command, "none.wasm"], cwd=tmp_path, capture_output=True, text=True, check=False)
    unknown = subprocess.run(
        [*command, "payments.wasm", "--export", "sell"], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert rows(of_source["shop#buy"]) == rows(of_component["shop#buy"])
    assert 0 == shown.returncode, shown.stderr
    assert shown.stdout.startswith("shop#buy  payments.py:")
    assert (1, True) == (foreign.returncode, "not built by durable-dsl" in foreign.stderr)
    assert (1, True) == (unknown.returncode, "the exports are shop#buy" in unknown.stderr)


def test_the_last_column_is_wrapped_where_there_is_room():
    """On a terminal; a pipe gets whole lines."""
    step = {
        "number": 1,
        "file": "a.py",
        "line": 3,
        "what": "print",
        "inside": [],
        "how_often": "once",
        "after_crash": "what is in the oplog is not printed again",
        "again": [],
        "undone_by": None,
        "calls": [],
    }
    keys = ("regions", "compensations", "not_followed", "summary")
    export = {"name": "f", "file": "a.py", "line": 1, "steps": [step], **dict.fromkeys(keys, ())}
    head, *table = as_text([export], width=92).splitlines()[2:-2]
    last = head.index("after a crash here")

    assert 92 >= max(map(len, table))
    assert step["after_crash"] == " ".join(line[last:] for line in table)
    for width in (40, 60, 80):
        narrow = as_text([{**export, "summary": ["It is a sentence that is longer than a line."]}], width=width)

        assert width >= max(map(len, narrow.splitlines()))
        assert step["after_crash"] in " ".join(narrow.split())


def test_methods_of_an_exported_class_are_named_with_it_and_properties_are_none(tmp_path):
    """A method keeps its class's name where it bears `@export` itself, as for raises=; properties stay inside."""
    source = """
        from durable_dsl import export

        @export
        class Ticket:
            @property
            def title(self): return "t"

            def work(self): ...

            @export(raises=ValueError)
            def close(self): ...

            @export("re-open")
            def reopen(self): ...
    """
    write(tmp_path, {"app.py": source})

    assert ["Ticket.work", "Ticket.close", "Ticket.re-open"] == list(explained(tmp_path))


def test_a_resource_has_the_methods_that_it_inherits(tmp_path):
    """As the component has them: those of bases without `@export`, too, unless the class itself hides them."""
    write(
        tmp_path,
        {
            "app.py": """
            from durable_dsl import export, http

            class Root:
                def __init__(self): ...
                def ping(self): http.get("https://root.example")
                def hidden(self): http.get("https://root.example")
                def _inside(self): ...

            class Left(Root):
                def over(self): ...

            class Right(Root):
                def over(self): ...
                def ping(self): http.get("https://right.example")

            @export
            class Desk(Left, Right):
                hidden = None
                def own(self): ...
            """
        },
    )
    exports = explained(tmp_path)

    assert ["Desk.__init__", "Desk.own", "Desk.over", "Desk.ping"] == list(exports)
    assert ["http GET https://right.example"] == [step["what"] for step in exports["Desk.ping"]["steps"]]
