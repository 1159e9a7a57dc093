"""Faults of worlds that are inferred, of transactions, snapshots and promises, and our own: from DSL6xx on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from durable_codegen.catalogue.entry import Entry

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["CODE_FIRST"]

CODE_FIRST: Mapping[str, Entry] = {
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
    # Histories.
    "DSL721": Entry(
        "entries that retention has dropped",
        "`durable-dsl data prune` drops what a snapshot stands for once it is as old as the setting `history` says. A "
        "worker cannot be reverted or forked to an entry before that snapshot, and `worker oplog --from` cannot show "
        "one. Copies are in the folder of the setting `archive`, where there is one.",
    ),
    # Ourselves.
    "DSL900": Entry(
        "an internal error",
        "The build found something that it did not expect, and that is a mistake of its own. Please report it, with "
        "the app if you can.",
    ),
}
