"""Requests to a real server: how often it is asked is what the regions promise, wherever the crash comes.

One half are guests that make the calls of wasi:http and golem:api themselves, the other half programs of regions with
`durable_dsl.http`. The driver's own rule judges, and where it must be sharper the test says how often at most.
"""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings

from durable_dsl.testing import effect_server
from tests.crash.programs import CALM
from tests.crash.test_programs import EXAMPLES, SEEDS, bounded, exhaustive, same_but_for_counts
from tests.crash.test_programs import warmed_up as programs_warmed_up
from tests.engine.http_guest import http_program
from tests.engine.programs import program
from tests.guests import guest

POST = """
def post(label):
    fetch("post", f"{URL}/{label}", b"body")

def region(*labels):
    begin = host.mark_begin_operation()
    for label in labels:
        post(label)
    host.mark_end_operation(begin)
"""

#: name -> (program, bounds that hold at every point)
REQUESTS = {
    "one after the other": ("post('a'); post('b'); post('c')", {"a": (1, 2), "b": (1, 2), "c": (1, 2)}),
    "not idempotent": (
        """
        post("a")
        host.set_idempotence_mode(False)
        post("b")
        host.set_idempotence_mode(True)
        post("c")
        """,
        {"b": (0, 1)},
    ),
    "a region": ("region('a', 'b'); post('c')", {"c": (1, 2)}),
    "a region in which nothing is idempotent": (
        """
        host.set_idempotence_mode(False)
        region("a", "b")
        host.set_idempotence_mode(True)
        """,
        {"a": (1, 2), "b": (1, 2)},
    ),
    "regions in a region": (
        """
        begin = host.mark_begin_operation()
        region("a")
        region("b")
        host.mark_end_operation(begin)
        """,
        {},
    ),
    "nothing recorded": (
        """
        post("a")
        host.set_oplog_persistence_level(host.PersistenceLevel_PersistNothing())
        post("b")
        host.set_oplog_persistence_level(host.PersistenceLevel_Smart())
        post("c")
        """,
        {"a": (1, 2), "c": (1, 2)},
    ),
    "two at once": (
        """
        first, second = send("post", f"{URL}/a"), send("post", f"{URL}/b")
        with second, answer(second) as response:
            b"".join(pieces(response))
        with first, answer(first) as response:
            b"".join(pieces(response))
        """,
        {"a": (1, 2), "b": (1, 2)},
    ),
}


def same(expected, actual):
    """The result; or that of a request in the middle of whose response the process died, the rest was lost.

    That is so where another request was done meanwhile, which must not be done again for the sake of the first.
    """
    return expected == actual or "ConnectionTerminated" in str(actual)


def run(crash_driver, name, **options):
    text, bounds = REQUESTS[name]
    if name == "two at once":
        options["same"] = same
    with effect_server() as server:
        source = http_program(server.url, f"{POST}\n{program(text)}\nresult = 'done'")
        return crash_driver.run(
            guest("script"), "run", source, effects=server.effects, expect={}, before_each=server.clear,
            check=lambda run: within(bounds, run), allow_http=[server.address], setup=warmed_up, **options,
        )  # fmt: skip


def warmed_up(worker):
    """A Python guest's first call reads clocks and random numbers; it is made before."""
    worker.invoke("run", "")


def within(bounds, run):
    """Bounds on top of the driver's own rule, except below: a worker that has failed has not done the rest."""
    failed = run.outcome.failure is not None
    for label, (least, most) in bounds.items():
        assert (0 if failed else least) <= run.effects[label] <= most, f"{label} was done {run.effects[label]} times"


@pytest.mark.durable(real=0.5)
@pytest.mark.parametrize("name", REQUESTS)
def test_requests_are_repeated_as_promised(crash_driver, name):
    """A sample of the points, half of them in killed processes."""
    run(crash_driver, name, sample=14)


@pytest.mark.exhaustive
@pytest.mark.durable(real=1)
@pytest.mark.parametrize("name", REQUESTS)
def test_requests_are_repeated_as_promised_everywhere(crash_driver, name):
    """Every point in a killed process."""
    report = run(crash_driver, name)

    assert report.available == report.points


def served(recorded, program, **options):
    """Run a program of regions whose writes are requests to the server."""
    with effect_server() as server:

        def sent(step):
            word, *rest = step
            if word in {"write", "read"}:
                return ["post", server.url, *rest]
            return [word, *([sent(one) for one in part] if isinstance(part, list) else part for part in rest)]

        steps = [sent(step) for step in json.loads(json.dumps(program))]
        return recorded.driver.run(
            recorded.component, "run", json.dumps(steps), effects=server.effects, before_each=server.clear,
            same=same_but_for_counts, allow_http=[server.address], setup=programs_warmed_up, **options,
        )  # fmt: skip


@given(CALM, SEEDS)
@settings(bounded, max_examples=10)
def test_regions_of_requests_keep_their_promises(recorded, program, seed):
    """Generated regions around `durable_dsl.http.post`."""
    served(recorded, program, sample=6, real=0.34, seed=seed)


@pytest.mark.exhaustive
@given(CALM, SEEDS)
@settings(exhaustive, max_examples=EXAMPLES // 3)
def test_many_regions_of_requests_keep_their_promises(recorded, program, seed):
    """As above, with up to three crashes in a row."""
    served(recorded, program, sample=20, real=0.5, seed=seed, crashes=1 + seed % 3)
