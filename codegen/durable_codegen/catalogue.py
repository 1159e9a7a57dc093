"""The faults that a build can report: a stable code each, with a title and a paragraph for the docs.

A code, once published, keeps its meaning. DSL0xx is about marks, DSL1xx about WIT and target, DSL2xx about
the app against its world, DSL3xx about dependencies and imports, DSL4xx about settings and the command line;
DSL5xx are findings of `check`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from durable_codegen.catalogue_findings import FINDINGS

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["CATALOGUE", "Entry"]


@dataclass(frozen=True, slots=True)
class Entry:
    """What a code means: a few words, and a paragraph that says why it matters and what to do."""

    title: str
    text: str


CATALOGUE: Mapping[str, Entry] = {
    # Marks.
    "DSL001": Entry(
        "unknown persistence level",
        'The levels are "persist-nothing", "persist-remote-side-effects" and "smart", as text or '
        "as a member of PersistenceLevel.",
    ),
    "DSL002": Entry(
        "bad duration",
        'A duration is a number of seconds, a timedelta, or text such as "100ms", "2s" or "5m"; '
        "it is not negative and fits into 64 bits of nanoseconds.",
    ),
    "DSL003": Entry(
        "max_attempts out of range",
        "max_attempts counts the retries after the first run: 0 means never again. It is a 32-bit "
        "number that is not negative.",
    ),
    "DSL004": Entry(
        "retry that changes nothing",
        "A bare @retry keeps every value of the policy in force, so it only costs host calls. Say "
        "what it shall change.",
    ),
    "DSL005": Entry(
        "the same mark twice",
        "Two marks of the same word on one function say two things about one region. Keep one of them.",
    ),
    "DSL006": Entry(
        "idempotent and non_idempotent together",
        "The inner of the two would undo the outer one. Keep one of them, or move the inner one "
        "to a function of its own.",
    ),
    "DSL007": Entry(
        "non_idempotent under persist-nothing",
        "At most once rests on markers in the oplog, and persist-nothing writes none. Use another "
        "level, or drop @non_idempotent.",
    ),
    "DSL008": Entry(
        "mark on something that cannot bear it",
        "Marks belong on functions and methods, plain or async. A class may only bear @export; a "
        "generator gives control away in the middle of a region and bears none.",
    ),
    "DSL009": Entry(
        "yield inside a region",
        "A generator that yields inside a region leaves the region open while other code runs, "
        "and may never come back to close it. Collect the values first, and yield them after the "
        "region.",
    ),
    "DSL010": Entry(
        "bad argument of a mark",
        "The argument has a type or a value that the mark does not take.",
    ),
    "DSL011": Entry(
        "commit under atomic",
        "A warning. What @commit under @atomic puts on disk does not include the end of the "
        "atomic region, which is written later. Put @commit above @atomic.",
    ),
    # WIT and target.
    "DSL101": Entry(
        "WIT does not parse",
        "The message is the one of wasm-tools, with the place in the file.",
    ),
    "DSL102": Entry(
        "no WIT found",
        "The build looks for a folder wit/ beside the app and at the project's root. Name it with "
        "--wit or with the setting wit.",
    ),
    "DSL103": Entry(
        "world not found or not clear",
        "The WIT package holds no world of that name, or several worlds and none was chosen. Name "
        "one with --world or with the setting world.",
    ),
    "DSL104": Entry(
        "async func in WIT",
        "Golem 1.x has no async functions in WIT. Write func in the WIT and async def in Python: "
        "the wrapper runs it on its own event loop.",
    ),
    "DSL105": Entry(
        "WIT package not known",
        "The world names a golem or wasi package that this tool does not carry. Put its WIT files "
        "under wit/deps if it is your own, or drop the import.",
    ),
    "DSL106": Entry(
        "unknown target",
        "The targets are golem-1.0, golem-1.1 and golem-1.2.",
    ),
    "DSL107": Entry(
        "world and target disagree",
        "The world imports a version of golem:api itself, and that is not the version of the chosen target.",
    ),
    "DSL108": Entry(
        "the target cannot honour a mark",
        "The host API of the target lacks what the mark needs. Choose another target, or change "
        "the mark as the message says.",
    ),
    "DSL109": Entry(
        "WIT the build does not take",
        "The world uses a feature of WIT that Golem 1.x components cannot have, or a name that componentize-py's "
        "bindings cannot have.",
    ),
    "DSL110": Entry(
        "componentize-py failed",
        "The component could not be made from the app and the generated wrapper. The detail is its own message.",
    ),
    "DSL111": Entry(
        "the built component is not the planned one",
        "The component does not validate, or its world has other imports or exports than planned. Please report it.",
    ),
    "DSL112": Entry(
        "tool missing or untested",
        "componentize-py or wasm-tools is not installed, or in a version that this tool was not tested with.",
    ),
    "DSL120": Entry(
        "note: retries of a region on this target",
        "Golem 1.0 to 1.2 forget the count of retries at each repeat of an atomic region: one "
        "that always fails repeats for ever, min_delay apart, and interrupting the worker does not "
        "stop it; its oplog grows meanwhile. This tool's own engine and Golem 1.3 and later stop "
        "after max_attempts.",
    ),
    "DSL121": Entry(
        "note: persist-nothing on this target",
        "From Golem 1.2.2 on, replaying a recorded side effect inside a persist-nothing region "
        "fails the worker; before, the block was run again.",
    ),
    "DSL122": Entry(
        "note: an interface that no server implements",
        "Golem's servers link wasi:keyvalue/atomic and wasi:keyvalue/cache, and panic when one of their functions is "
        "called. The embedded engine refuses the call with a message. Use wasi:keyvalue/eventual, or keep the value "
        "in the worker, which runs one call at a time.",
    ),
    "DSL123": Entry(
        "note: a function that not every server of this target has",
        "What the app asks for needs a function of golem:api/host that came later, so the component imports a later "
        "version of it, and older servers of the target refuse to load the component. Waiting for a promise with a "
        "time-out, or in a coroutine, needs poll-promise, which Golem has from 1.1.19 on; without them the component "
        "imports 1.1.0.",
    ),
    # The app against its world.
    "DSL201": Entry(
        "export without implementation",
        "The world exports a function, and the app has neither a module-level function nor a "
        "class with a method of that name.",
    ),
    "DSL202": Entry(
        "wrong number of parameters",
        "The implementation cannot be called with the parameters of the WIT function. The message "
        "shows the WIT signature and a definition to paste.",
    ),
    "DSL203": Entry(
        "unknown parameter",
        "A parameter of the implementation has a name that the WIT function does not have; the "
        "order or the meaning may be wrong.",
    ),
    "DSL204": Entry(
        "@export that no world exports",
        "The function is marked @export, but the world has no such export.",
    ),
    "DSL205": Entry(
        "two implementations of one export",
        "Two functions or classes of the app claim the same export. Keep one.",
    ),
    "DSL206": Entry(
        "export name shared by several interfaces",
        "Two exported interfaces have a function of this name, so a plain name does not say which "
        'is meant. Mark the functions with @export("interface").',
    ),
    "DSL207": Entry(
        "implementation that cannot be called",
        "The name of an export is bound to something that is not a function, or to a generator.",
    ),
    "DSL208": Entry(
        "resource without implementation",
        "The world exports a resource. It is implemented by a class of that name in the app "
        "module, or in a module named after the interface.",
    ),
    "DSL209": Entry(
        "app not found",
        "APP is a module file or a package folder. Without it the build takes the setting app, "
        "else the single module of the project.",
    ),
    "DSL210": Entry(
        "the app does not import",
        "Importing the app raised an exception. The detail is its traceback.",
    ),
    "DSL211": Entry(
        "syntax error in the app",
        "The app must be valid under the Python that runs the build, and under the guest's Python 3.14.",
    ),
    "DSL212": Entry(
        "the app does not finish importing",
        "The app is imported at build time; what it does at import must end. Move servers, loops "
        "and waiting into functions.",
    ),
    "DSL213": Entry(
        "name that the build needs for itself",
        "A module of the app has the name of a module that the build generates or puts into every guest, or of "
        "one of the standard library, which comes first in the guest.",
    ),
    "DSL214": Entry(
        "app with a name that Python cannot import",
        "A module is imported by the name of its file, a package by that of its folder: letters, digits and _, not "
        "beginning with a digit, and no keyword of Python. Rename the file.",
    ),
    # Dependencies and imports.
    "DSL301": Entry(
        "import of a module that the guest lacks",
        "The module is neither in the guest's Python (CPython 3.14 on WASI), nor vendored, nor part of the app.",
    ),
    "DSL302": Entry(
        "dependency with native code only",
        "Only Python runs in the guest. The package does not work without its native code, and has no pure-Python "
        "wheel that fits, or only one of an older version, which has to be asked for: nobody is given it unasked.",
    ),
    "DSL303": Entry(
        "dependency cannot be installed",
        "pip could not find or fetch the package. The detail is its message.",
    ),
    "DSL304": Entry(
        "requirements cannot be read",
        "A requirement or a requirements file is missing or malformed.",
    ),
    "DSL305": Entry(
        "dependency from elsewhere",
        "uv or poetry is told to take a dependency from a path, a repository, a workspace or an index of its own. The "
        "build does not, and an index may have another package under that name, so it is not fetched there.",
    ),
    "DSL306": Entry(
        "note: native code left out",
        "The package has native wheels only, and its source shows that it works without their native code, if slower: "
        "every import of it has something to fall back on. So it is taken without.",
    ),
    "DSL307": Entry(
        "too many data files",
        "The data files of the app and its packages are in the component, and in the memory of each worker. The detail "
        "names the largest. The setting data-limit, in megabytes, is 32 if nothing else is said.",
    ),
    "DSL308": Entry(
        "note: many data files",
        "The data files in the component have more than a megabyte. Nothing is wrong with that.",
    ),
    # Settings and the command line.
    "DSL401": Entry(
        "unknown setting",
        "The table [tool.durable-dsl] of pyproject.toml has a key that is not a setting.",
    ),
    "DSL402": Entry(
        "setting of the wrong type",
        "The value of a setting does not have the type that it takes.",
    ),
    "DSL403": Entry(
        "pyproject.toml does not parse",
        "The file is not valid TOML.",
    ),
    "DSL404": Entry(
        "output cannot be written",
        "The output is a folder, or its folder cannot be written to.",
    ),
    "DSL405": Entry(
        "bad project name",
        "A project's name starts with a letter and holds letters, digits, - and _ only.",
    ),
    "DSL406": Entry(
        "project exists already",
        "The folder exists and is not empty; nothing was written.",
    ),
    "DSL407": Entry(
        "no manifest for that Golem",
        "Servers of that generation cannot run what is built here, or there is no such generation.",
    ),
    "DSL408": Entry(
        "something else is there already",
        "Only what durable-dsl has written before is written over. Where it goes there is a file or a folder that it "
        "has not written, or an input of the build itself; nothing was written. Name another place, or move it away.",
    ),
    # What `durable-dsl check` finds without building.
    **{code: Entry(title, text) for code, (title, text) in FINDINGS.items()},
    # Worlds that are inferred from type hints.
    "DSL601": Entry(
        "a type that cannot cross",
        "Without WIT, parameters, results and fields are int, float, bool, str, bytes, list, tuple, dict with str "
        "keys, X | None, dataclasses, Enums, Flags, unions of dataclasses and exported classes. The message names the "
        "parameter and what to use instead.",
    ),
    "DSL602": Entry(
        "no type hint",
        "Without WIT the type hints of exported functions are the world: every parameter needs one, and the result too "
        "(-> None where there is none).",
    ),
    "DSL603": Entry(
        "a type hint that does not evaluate",
        "The build evaluates the hints as Python would. A name that is imported under `if TYPE_CHECKING` is not there "
        "then: import it like any other.",
    ),
    "DSL604": Entry(
        "a type that contains itself",
        "WIT has no recursive types. Keep the nodes in one list and refer to them by their number, or send the whole "
        "as JSON in a str.",
    ),
    "DSL605": Entry(
        "no WIT and no export",
        "A component is built for a world: that of a WIT file, or what the functions that bear @export make together. "
        "Here is neither.",
    ),
    "DSL606": Entry(
        "a name that WIT does not take",
        "Names become WIT names: place_order is place-order. One without a form in WIT, or two with the same, have to "
        'be called otherwise; an export takes another name by @export("name").',
    ),
    "DSL607": Entry(
        "a dataclass that cannot be made of its fields",
        "What comes in is made by the __init__ that @dataclass writes, with every field as a keyword; the class has to "
        "be importable by its name. field(init=False), InitVar and an __init__ of its own stand in the way.",
    ),
    "DSL608": Entry(
        "a variable number of parameters",
        "A WIT function has a fixed list of parameters, so *args and **kwargs become a list and a dict.",
    ),
    "DSL609": Entry(
        "a class that cannot be a resource",
        "An exported class becomes a resource: objects of it are made from outside, so it is neither abstract nor "
        "generic. Its public methods are exported with it; a mark on a method alone exports nothing.",
    ),
    "DSL610": Entry(
        "raises= that cannot be",
        "raises= names the exceptions that are outcomes of an export. It stands on functions and methods; a "
        "constructor cannot refuse, and Exception itself would leave no failures.",
    ),
    "DSL611": Entry(
        "an incompatible change of the committed world",
        "Callers of the component, and workers with calls of the old form in their oplogs, rely on the committed "
        "world. Undo the change, or write the new world with `durable-dsl wit -o`.",
    ),
    "DSL612": Entry(
        "a compatible change of the committed world",
        "A note. The app offers something that the committed world does not have yet; `durable-dsl wit -o` takes it "
        "in.",
    ),
    "DSL613": Entry(
        "a world.wit of another origin",
        "Beside an app without WIT, world.wit is the committed form of its inferred world, and its first line says so. "
        "A WIT that was written by hand is named with the setting wit, or stands in wit/.",
    ),
    "DSL614": Entry(
        "the committed world is out of date",
        "`durable-dsl wit --check` compares the whole text, docs too: write it anew with `durable-dsl wit -o`.",
    ),
    "DSL615": Entry(
        "an export that the build does not see",
        "The build reads marks from the top of a function down to the first decorator that is not ours. Below that, "
        "@export exports nothing: put it at the top. What it gives has to be bound to a name of a module, or be a "
        "method of an exported class.",
    ),
    "DSL616": Entry(
        "a default that callers cannot rely on",
        "A warning. Callers from outside may leave out the last arguments of an export; what those are then stands in "
        "the component as JSON. A default that is no value of the type in the hint, or that stands before a parameter "
        "without one, cannot be left out. field(default_factory=…) is taken for list, dict, tuple and the plain types.",
    ),
    # Transactions.
    "DSL701": Entry(
        "a transaction inside an atomic region or a persist-nothing zone",
        "There its steps are not on record one by one: a crash or a failure would do all of them again, where a "
        "transaction undoes what is done. Put @atomic below @transaction, or on the operations.",
    ),
    "DSL702": Entry(
        "an operation that cannot be undone as written",
        "@operation needs compensate=, a function that takes the operation's result and then its input: "
        "undo(result, *input), and undo(self, result, *input) for a method. A coroutine can only undo a coroutine.",
    ),
    # Snapshots and promises.
    "DSL711": Entry(
        "only one of the snapshot functions",
        "An update by snapshot calls save_snapshot of the old build and load_snapshot of the new one. A "
        "component with one of them alone could be updated to, or away from, but never both: mark a "
        "function with the other word too.",
    ),
    "DSL712": Entry(
        "a snapshot function that cannot be called",
        "@save_snapshot marks one function of a module without parameters, @load_snapshot one with a "
        "single parameter. Neither is async, a generator or a method, and each mark is used once. The "
        "state is bytes, or what the annotation says: text, or a value that JSON can hold.",
    ),
    "DSL713": Entry(
        "a time-out that the target cannot have",
        "The host of golem-1.0 can only wait for a promise until it is completed. Waiting for a promise "
        "and a clock needs poll-promise, which golem-1.1 has (Golem 1.1.19 to 1.2, and the embedded "
        "engine). A world that imports golem:api/host itself needs version 1.1.5 of it.",
    ),
    # Ourselves.
    "DSL900": Entry(
        "an internal error",
        "The build found something that it did not expect, and that is a mistake of its own. Please report it, with "
        "the app if you can.",
    ),
}
