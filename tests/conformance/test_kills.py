"""Killed at any commit, on a host that judges as Golem 1.1 does: the same result, effects as promised, state kept."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from tests.conformance.golem.host import NOT_COMPLETED
from tests.conformance.golem.outside import Outside
from tests.conformance.golem.worker import FAILED, IDLE, Worker

if TYPE_CHECKING:
    from collections.abc import Callable


WHEN = ("before", "after")


def in_stages(*stages):
    """Every effect has happened, and none after one of a later stage: what is done is not done again."""

    def check(events):
        stage = {label: at for at, labels in enumerate(stages) for label in labels}
        assert stage.keys() == set(events)
        order = [stage[event] for event in events]
        assert sorted(order) == order

    return check


def booked(*steps):
    """These steps are done in the end, and everything else is undone."""

    def check(events):
        done = set()
        for event in events:
            what, _, number = event.partition(" ")
            (done.add if what == "=>" else done.discard)(number)
        assert set(steps) == done

    return check


def repeated(label):
    """This effect at least once, and no other."""
    return in_stages([label])


def keys(events):
    """Two keys for each attempt of the region."""
    assert 2 <= len(set(events))


def nothing(events):
    """No effects."""
    assert not events


def unrecorded(events):
    """The zone's effect may come at any time."""
    assert "2" in events
    in_stages("1", "3", "4")([event for event in events if event != "2"])


@dataclass
class Story:
    """An export, what it is called with, and what its effects must be."""

    export: str
    effects: Callable[[list[str]], None]
    arguments: list[Any] = field(default_factory=list)
    again: dict[int, int] = field(default_factory=dict)
    late: bool = False
    #: What each restart does again.
    anew: frozenset[str] = frozenset()

    def __str__(self):
        return " ".join([self.export, *map(str, self.arguments)])


STORIES = [
    Story("told#jumps", nothing, again={2: 1, 4: 1}),
    Story("told#regions", in_stages("123", "4", "5", "6"), again={1: 2, 2: 2}),
    Story("told#unrecorded", unrecorded, again={1: 2}, anew=frozenset("2")),
    Story("told#caught-outside", repeated("s"), again={1: 1}),
    Story("told#overtaken", repeated("1"), [True], {1: 1}, late=True),
    Story("told#left-open", repeated("1"), [True], {1: 1}),
    Story("told#keys-in-region", keys, again={1: 1}),
    Story("told#trip-repeats", booked(*"1234"), again={3: 1}),
    Story("told#trip-gives-up", booked("3"), again={3: 99}),
    Story("told#sleeps", in_stages("a", "b"), [12000]),
    Story("told#sleeps-in-region", in_stages("ab"), [2000]),
    Story("told#refuses", repeated("d"), [True]),
    Story("told#commits", nothing, [1]),
    Story("more#sends", repeated("4000 bytes"), [4000, 1]),
]


def tell(component, story, *kills):
    """Tell a story, then add something, restart and add again; the story's status and value, and the worker."""
    with Outside(story.again, late=story.late) as outside:
        worker = Worker(component, environment=outside.environment)
        for kill in kills:
            worker.kill(*kill)
        outcome = worker.invoke(story.export, *story.arguments)
        told = len(outside.events)
        assert 5 == worker.invoke("more#add", 5).value
        worker.oplog.dies.clear()
        seen = outside.events
        after = worker.restart()

        assert (IDLE, 5) == (after.status, after.value)
        assert set(outside.events[len(seen) :]) == story.anew
        assert 6 == worker.invoke("more#add", 1).value
        assert not worker.diverged
        story.effects(seen[:told])
        assert {"add 5"} == set(seen[told:]) - story.anew
        return (outcome.status, None if story.effects is keys else outcome.value), worker


def kill_points(worker):
    """Before and after each commit of a run."""
    return [(when, commit) for commit in range(2, worker.oplog.commits) for when in WHEN]


@pytest.mark.guarantee("RECOVERY-1")
@pytest.mark.parametrize("story", STORIES, ids=str)
def test_killed_anywhere(stories, story):
    """At a few of its commits: the outcome is that of a run without a kill."""
    undisturbed, worker = tell(stories, story)
    killed = 0
    points = kill_points(worker)
    for point in random.Random(str(story)).sample(points, len(points)):
        outcome, worker = tell(stories, story, point)
        assert undisturbed == outcome, point
        killed += worker.killed  # a run whose answers come sooner has fewer commits, and does not die at the last ones
        if killed == 4:
            break

    assert killed >= 2


@pytest.mark.exhaustive
@pytest.mark.parametrize("story", STORIES, ids=str)
def test_killed_everywhere(stories, story):
    """At each of its commits, and again after some."""
    undisturbed, worker = tell(stories, story)
    points = kill_points(worker)
    chance = random.Random(str(story))
    pairs = [sorted(chance.sample(points, 2), key=lambda point: point[1]) for _ in range(10)]
    for kills in [*([point] for point in points), *pairs]:
        assert undisturbed == tell(stories, story, *kills)[0], kills


def at_most_once(component, point):
    with Outside() as outside:
        worker = Worker(component, environment=outside.environment)
        worker.kill(*point)
        outcome = worker.invoke("more#once")

        assert len(outside.events) <= 1
        if outcome.status == IDLE:
            assert ("note once", ["once"]) == (outcome.value, outside.events)
        else:
            assert (FAILED, NOT_COMPLETED) == (outcome.status, outcome.error)
        return outcome.status


@pytest.mark.guarantee("WRITE-2")
def test_a_request_that_must_not_be_repeated_is_sent_at_most_once(stories):
    """Wherever the process dies: it was sent once, or the worker says that nobody can know."""
    with Outside() as outside:
        worker = Worker(stories, environment=outside.environment)
        worker.invoke("more#once")
    ends = [at_most_once(stories, (when, commit)) for commit in range(2, worker.oplog.commits + 1) for when in WHEN]

    assert {IDLE, FAILED} == set(ends)
