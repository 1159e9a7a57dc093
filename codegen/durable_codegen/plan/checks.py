"""What can be wrong with an implementation, a mark or a region once the app is known: one fault each, none twice."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from durable_codegen.app.guest import guest_python
from durable_codegen.app.usage import Usage
from durable_codegen.faults import Fault
from durable_codegen.plan.enclosed import transaction_faults
from durable_codegen.plan.snapshots import SNAPSHOT
from durable_codegen.project.config import DEFAULT_WORLD_MODULE
from durable_codegen.world.annotations import annotation, is_none
from durable_codegen.world.features import FEATURES
from durable_dsl.marks.collecting import ARGUMENTS, unknown_argument

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from durable_codegen.app.modules import Module
    from durable_codegen.discovery.scan import Class, MarkRecord, Parameter, Scan
    from durable_codegen.discovery.scan import Function as AppFunction
    from durable_codegen.plan.matching import Implementation
    from durable_codegen.world.model import Function, Interface
    from durable_codegen.world.stubs import ClassStub, MethodStub
    from durable_codegen.world.targets import Target

__all__ = [
    "RESERVED",
    "check_constructible",
    "check_implementation",
    "check_names",
    "functions_of",
    "mark_faults",
    "missing_fault",
    "raises_faults",
    "source_faults",
]

#: Modules that the build writes or puts into every guest; the app's own would hide them, or be hidden.
RESERVED = frozenset(
    {
        "durable_aliases",
        "durable_codegen",
        "durable_dsl",
        "durable_host",
        "durable_late",
        "durable_start",
        "durable_wrapper",
        "wrapt",
        *(feature.generated for feature in FEATURES),
    }
)

#: What componentize-py writes; real modules of these names come into being in the component.
_BINDINGS = frozenset(
    {
        "componentize_py_async_support",
        "componentize_py_runtime",
        "componentize_py_types",
        "poll_loop",
        DEFAULT_WORLD_MODULE,
    }
)

_POSITIONAL = ("POSITIONAL_ONLY", "POSITIONAL_OR_KEYWORD")


def check_implementation(function: Function, stub: MethodStub, found: Implementation) -> Iterator[Fault]:
    """The faults of an implementation that was found: can it be called as the WIT function is?"""
    implementation = found.function
    if implementation is None or any(mark.kind == SNAPSHOT for mark in implementation.marks):
        return
    if implementation.is_generator:
        yield Fault(
            "DSL207",
            f"{found.name} is a generator; an export returns its result",
            found.file,
            found.line,
            hint="collect what it yields and return that",
        )
        return
    if implementation.parameters is None or (found.name == "__init__" and _takes_anything(implementation)):
        return
    shown = found.class_name if found.name == "__init__" and found.class_name else found.name
    names = [name for name, _ in stub.parameters]
    given = [each for each in implementation.parameters if each.kind in _POSITIONAL]
    has_rest = any(each.kind == "VAR_POSITIONAL" for each in implementation.parameters)
    unknown = [each.name for each in implementation.parameters if each.kind == "KEYWORD_ONLY" and not each.has_default]
    required = [each.name for each in given if not each.has_default]
    hint = f"WIT: {function.signature}\nPython: {definition(stub, method=found.class_name is not None)}"
    if unknown:
        message = f"{shown} needs {', '.join(unknown)}, of which the export {function.name} knows nothing"
        yield Fault("DSL203", message, found.file, found.line, hint=hint)
    elif len(required) > len(names) or (len(given) < len(names) and not has_rest):
        message = f"{shown} takes {_count(given, has_rest)}, the export {function.name} has {len(names)}"
        yield Fault("DSL202", message, found.file, found.line, hint=hint)
    else:
        yield from _check_names(function, found, shown, names, given, hint)


def check_constructible(owner: Class, file: str | None, line: int | None) -> Iterator[Fault]:
    """The build makes the one object of a class for an interface, and has nothing to give to it."""
    needed = [each.name for each in owner.init or () if not each.has_default and not each.kind.startswith("VAR_")]
    if needed:
        yield Fault(
            "DSL202",
            f"{owner.name} cannot be made without {', '.join(needed)}",
            file,
            line,
            hint="the class for an interface is made without arguments; give them defaults",
        )


def check_names(modules: Iterable[Module], app: str, world_module: str | None = None) -> Iterator[Fault]:
    """Modules of the app that have the name of something that the guest needs; `app` is that of the app itself.

    `world_module` is the name that the bindings are given.
    """
    python = guest_python()
    bindings = {*_BINDINGS, *([world_module] if world_module is not None else [])}
    for module in modules:
        if module.root.kind != "app":
            continue
        # Others of these names are what an earlier tool has left in the project.
        if module.name in RESERVED or (module.name == app and app in bindings):
            message = f"the guest needs the name {module.name} for itself"
        elif python.has(module.name):
            # In a component the standard library comes before everything else on the path.
            message = f"{module.name} is a module of Python's own, which comes first in the guest"
        else:
            continue
        yield Fault("DSL213", message, module.file, 1, hint="rename the module")


def missing_fault(
    app_file: str,
    place: tuple[str | None, int | None],
    interface: Interface,
    class_name: str | None,
    stub: ClassStub | None,
    functions: Sequence[Function],
) -> Fault:
    """The fault that an export has no implementation, with what to paste; for a resource it is the whole class."""
    file, line = place
    whole_resource = class_name is not None and stub is not None and class_name != stub.name
    if stub is not None and functions and functions[0].resource is not None and (class_name is None or whole_resource):
        bodies = [definition(each, method=True, indent="    ") for each in stub.methods.values()]
        pasted = f"class {stub.name}:\n" + "\n".join(bodies)
        message = f"the resource {functions[0].resource} of {interface.name} has no class {stub.name} in {app_file}"
        return Fault("DSL208", message, file, line, hint=f"add to {app_file}:\n{pasted}")
    function = functions[0]
    method = None if stub is None else stub.method_of(function)
    where = f"the class {class_name}" if class_name else app_file
    owner = f"{interface.name}#" if interface.name else ""
    hint = f"add to {where}:\n{definition(method, method=class_name is not None)}" if method else ""
    return Fault("DSL201", f"{where} has no function for the export {owner}{function.name}", file, line, hint=hint)


def definition(stub: MethodStub, *, method: bool, indent: str = "") -> str:
    """A definition to paste, as a function or as a method."""

    def named(dotted: str) -> str:
        parts = dotted.split(".")
        return ".".join(parts[-2:]) if "exports" in parts or "imports" in parts else parts[-1]

    parameters = [f"{name}: {annotation(node, stub.module, named)}" for name, node in stub.parameters]
    returns = "None" if is_none(stub.returns) else annotation(stub.returns, stub.module, named)
    first = [stub.receiver] if method else []
    decorator = f"{indent}@classmethod\n" if method and stub.receiver == "cls" else ""
    return f"{decorator}{indent}def {stub.name}({', '.join([*first, *parameters])}) -> {returns}: ..."


def source_faults(modules: Iterable[Module], target: Target) -> Iterator[Fault]:
    """Faults of regions that only the source shows: a `yield` inside one, an argument that the target lacks."""
    for module in modules:
        usage = Usage(module)
        if module.root.kind != "app":
            continue
        yield from transaction_faults(module)
        for word, call in usage.called(ARGUMENTS):
            for each in call.keywords:
                if each.arg is not None and each.arg not in ARGUMENTS[word]:
                    unknown = unknown_argument(word, each.arg)
                    yield Fault(unknown.code, unknown.message, module.file, call.lineno, unknown.hint)
        for block in usage.blocks():
            if block.yields_at is not None:
                yield Fault(
                    "DSL009",
                    f"a region ({block.word}, line {block.line}) contains a yield",
                    module.file,
                    block.yields_at,
                    hint="whoever resumes the generator would decide whether the region ends: "
                    "collect the values inside the region and yield them after it",
                )
        if not target.has_jitter:
            for call in usage.calls("retry"):
                if any(each.arg == "jitter" and not _is_none(each.value) for each in call.keywords):
                    yield _no_jitter(target, module.file, call.lineno)


def mark_faults(scan: Scan, target: Target) -> Iterator[Fault]:
    """Faults and warnings of the marks on any function of the app, exported or not."""
    for function in functions_of(scan):
        kinds = [mark.kind for mark in function.marks]
        for mark in function.marks:
            if mark.kind == "atomic" and (hidden := _out_of_reach(mark)):
                yield Fault(
                    "DSL010",
                    f"commit_on names {hidden}, which the generated wrapper cannot import",
                    mark.file,
                    mark.line,
                    hint="define the exception at the top of a module",
                )
            if mark.kind == "retry" and "jitter" in mark.arguments and not target.has_jitter:
                yield _no_jitter(target, mark.file, mark.line)
            if mark.kind == "commit" and "atomic" in kinds[: kinds.index("commit")]:
                yield Fault(
                    "DSL011",
                    f"@commit under @atomic on {function.name}: what it commits has not the end of the region",
                    mark.file,
                    mark.line,
                    hint="put @commit above @atomic",
                    severity="warning",
                )


def raises_faults(scan: Scan) -> Iterator[Fault]:
    """Exceptions that are said to be outcomes where WIT says what the outcomes are."""
    seen: set[tuple[str, int, int, str]] = set()
    for function in functions_of(scan):
        for mark in function.marks:
            # Methods have no number of their own, and several classes may have one of them.
            key = (mark.file, mark.line, function.id, "" if function.id >= 0 else function.name)
            if mark.kind == "export" and mark.arguments["raises"] and key not in seen:
                seen.add(key)
                yield Fault(
                    "DSL610",
                    f"raises= on {function.name}, and the world is WIT: what is an outcome stands there",
                    mark.file,
                    mark.line,
                    hint="raise Err(…) for the err of the WIT result and leave raises= out, or build without WIT",
                )


def functions_of(scan: Scan) -> Iterator[AppFunction]:
    """The functions and methods of the app, also those that are no exports."""
    for module in scan.modules.values():
        yield from module.functions.values()
        for owner in module.classes.values():
            yield from owner.methods.values()


def _out_of_reach(mark: MarkRecord) -> str | None:
    """The first exception of `commit_on` that is not to be found by its module and name."""
    types = mark.arguments["commit_on"] or ()
    return next((str(each["qualname"]) for each in types if not each["reachable"]), None)


def _no_jitter(target: Target, file: str, line: int) -> Fault:
    return Fault(
        "DSL108",
        f"the target {target.name} has no jitter: its retry policy has no such field",
        file,
        line,
        hint="leave jitter out, or build with --target golem-1.1",
    )


def _check_names(
    function: Function,
    found: Implementation,
    shown: str,
    names: list[str],
    given: list[Parameter],
    hint: str,
) -> Iterator[Fault]:
    """Parameters are handed over by position, so a name that WIT does not know is a slip or a misunderstanding."""
    used = [each.name for each in given[: len(names)]]
    expected = names[: len(used)]
    if used != expected and sorted(used) == sorted(expected):
        message = f"{shown} has its parameters in another order than {function.name}: {', '.join(used)}"
        yield Fault("DSL203", message, found.file, found.line, hint=hint)
        return
    if found.layout:
        return
    unknown = [name for name, wanted in zip(used, names, strict=False) if name != wanted and not name.startswith("_")]
    if unknown:
        each = unknown[0]
        message = f"{shown} has a parameter {each} that the export {function.name} does not have"
        yield Fault("DSL203", message, found.file, found.line, hint=hint)


def _takes_anything(function: AppFunction) -> bool:
    kinds = {each.kind for each in function.parameters or ()}
    return kinds <= {"VAR_POSITIONAL", "VAR_KEYWORD"}


def _count(given: list[Parameter], has_rest: bool) -> str:
    required = sum(not each.has_default for each in given)
    if has_rest:
        return f"{required} or more parameters"
    span = str(required) if required == len(given) else f"{required} to {len(given)}"
    return f"{span} parameter{'' if span == '1' else 's'}"


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None
