"""Faults of marks, WIT, the app against its world, dependencies and settings: DSL0xx to DSL4xx."""

from __future__ import annotations

from typing import TYPE_CHECKING

from durable_codegen.catalogue.entry import Entry

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["BUILDING"]

BUILDING: Mapping[str, Entry] = {
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
}
