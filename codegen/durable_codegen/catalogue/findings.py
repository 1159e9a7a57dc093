"""The findings of `durable-dsl check`: code → title, and a paragraph for the docs. Part of the catalogue."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["FINDINGS"]

FINDINGS: Mapping[str, tuple[str, str]] = {
    "DSL501": (
        "an except that swallows in an atomic region",
        (
            "A warning. A failure that is caught inside an atomic region and not raised again lets the region end "
            "as if it had succeeded, with its half on record as the whole. Let it leave the region, or catch just "
            "the errors that the rest of the region can do with."
        ),
    ),
    "DSL502": (
        "a region ended by hand on the way of a failure",
        (
            "mark_end_operation in a finally (or in an except that catches everything) ends the region of a failed "
            "body, too. What is half done is then on record as done, and each retry fails in the same place. End "
            "the region only when the body has succeeded, or use @atomic."
        ),
    ),
    "DSL503": (
        "a retry that repeats nothing",
        (
            "A warning. retry says when and how often; what is done again, atomic says. Without an atomic region "
            "around an effect, a retry answers the recorded failure from the oplog and fails in the same place."
        ),
    ),
    "DSL504": (
        "note: a region without a delay between repetitions",
        (
            "The servers of golem-1.x forget the count of retries at each repetition of an atomic region. One that "
            "always fails repeats for ever, the default delay apart. Say with retry(min_delay=…) how far apart that "
            "shall be."
        ),
    ),
    "DSL505": (
        "at most once does not hold here",
        (
            "A warning. An atomic region is done again as a whole, and a persist-nothing zone keeps no record: a "
            "call in them is sent again, under non_idempotent too. Make the call outside, or give it an idempotency "
            "key. One statement that says both, with atomic, non_idempotent:, is taken to mean it: that is how "
            "requests are under way at the same time (DSL523)."
        ),
    ),
    "DSL506": (
        "idempotency key taken inside a region",
        (
            "A warning. On golem-1.x a key that is taken inside an atomic region or a persist-nothing zone is "
            "another one at each repetition; a random number that is drawn there as a key is so everywhere. Take it "
            "before, and hand it in."
        ),
    ),
    "DSL507": (
        "a long sleep in an atomic region",
        (
            "A warning. A worker in an atomic region cannot be suspended: it stays in memory for the whole sleep, "
            "and a crash starts the region, and the sleep, from the beginning. Sleep before or after the region."
        ),
    ),
    "DSL508": (
        "a time-out around an atomic region",
        (
            "A warning. A time-out cancels what it stands around, and a cancellation that leaves an atomic region "
            "is a failure of the region: the instance ends there. Put the time-out inside the region."
        ),
    ),
    "DSL509": (
        "a promise awaited in an atomic region",
        (
            "A worker that waits for a promise is suspended, and each wake-up would begin the region again; so it "
            "is refused when it runs. Wait before the region."
        ),
    ),
    "DSL510": (
        "an operation without compensation",
        (
            "A transaction that fails undoes its finished operations. Give each @operation the function that undoes "
            "it; a step that needs no undo is a plain function."
        ),
    ),
    "DSL511": (
        "a compensation that cannot be called",
        (
            "An undo is called with the operation's result and then its input: undo(result, *input), for a method "
            "undo(self, result, *input). A plain function's undo is a plain function."
        ),
    ),
    "DSL512": (
        "a call in a transaction that nothing undoes",
        (
            "A warning. A remote write in a transaction that is no operation stays done when something after it "
            "fails. Make it an operation, or move it to the end of the transaction."
        ),
    ),
    "DSL513": (
        "an answer that is not on record steers recorded code",
        (
            "A warning. Each recovery performs a persist-nothing zone again and may get other answers, while the "
            "code after it is held to what was recorded the first time. Where such an answer decides what comes "
            "later, the worker diverges. Make the call outside of the zone."
        ),
    ),
    "DSL514": (
        "note: state changed by several exports, and no snapshots",
        (
            "State in memory comes back by replaying the worker's history. A later build that does something else "
            "cannot replay it; with @save_snapshot and @load_snapshot it can take the state over."
        ),
    ),
    "DSL515": (
        "a late import",
        (
            "Information: in a component the module is imported when the component is built, not when the line is "
            "reached. A warning where the name is computed: the build cannot see it, and a running component has no "
            "files."
        ),
    ),
    "DSL516": (
        "a thread in guest code",
        "A warning. A guest is one thread; starting another fails. Use async def and asyncio.gather.",
    ),
    "DSL517": (
        "a process in guest code",
        "A warning. A guest has no processes: starting or signalling one fails.",
    ),
    "DSL518": (
        "a socket or TLS in guest code",
        (
            "A warning. A guest has no sockets, and TLS is the host's. Use durable_dsl.http, httpx, requests or "
            "urllib.request, whose requests go over the host's HTTP."
        ),
    ),
    "DSL519": (
        "time, random numbers or the environment at import",
        (
            "A warning. Modules are imported when the component is built: what is drawn then is frozen into it, the "
            "same for every worker, and the environment is empty. Draw it, or read it, inside a function."
        ),
    ),
    "DSL520": (
        "note: an except or suppress that a region's failure never reaches",
        (
            "A failure that leaves an atomic region in a block or an inner function ends the instance there, so "
            "that nobody goes on with a region that is still open. Handle the exception inside the region."
        ),
    ),
    "DSL521": (
        "a transaction inside an atomic region or a persist-nothing zone",
        (
            "Each step of a transaction has to be on record before it can be undone; so it is refused when it runs. "
            "Open the transaction outside."
        ),
    ),
    "DSL523": (
        "note: requests of several tasks go one after another",
        (
            "Tasks that are under way at the same time (asyncio.gather, create_task, a TaskGroup) make requests. "
            "Servers of golem-1.x cannot replay requests that overlap, so in a component each begins when the one "
            "before has ended. Put with atomic, non_idempotent: around all of them to have them at the same time: "
            "after a crash in between all of them are sent again. For the embedded engine alone, which judges each "
            "request by its own, with http.overlapping(): or the setting overlapping-requests = true lifts the limit."
        ),
    ),
    "DSL590": (
        "a suppression without a reason",
        "A warning. Write # durable-dsl: ignore[CODE] and why the finding does not matter here.",
    ),
    "DSL591": (
        "a suppression of nothing",
        "A warning. The line has no such finding any more. Remove the comment.",
    ),
}
