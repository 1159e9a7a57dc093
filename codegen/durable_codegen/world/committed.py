"""A committed world against the one that the app has now: what callers of the component would notice.

Only what a caller can see is compared: the exports with their parameters and results, and the types that these are
made of. An export that is new hurts nobody. All else that changed breaks a caller, or a worker whose oplog holds a call
of the old form. Docs and the order of things are nobody's business.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from durable_codegen.faults import BuildFailed, Fault
from durable_codegen.project.config import is_inferred
from durable_codegen.wit.json_form import WitError, read_document
from durable_dsl import temporary

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from durable_codegen.wit.json_form import Document

__all__ = ["compare_with"]

_ACCEPT = "undo the change, or accept it: durable-dsl wit -o {}"


@dataclass(frozen=True, slots=True)
class _Surface:
    """What an interface offers: functions by name with their parameters and result, types by name as text."""

    package: str
    functions: Mapping[str, tuple[tuple[str, ...], str]]
    types: Mapping[str, Mapping[str, str]]


def compare_with(committed: Path, wit: Path, shown: str) -> list[Fault]:
    """Faults for what breaks a caller, notes for what is new. `shown` is what messages call the committed file."""
    if not is_inferred(committed):
        message = f"{shown} is not a world that `durable-dsl wit` has written"
        hint = f'build for it with wit = "{shown}" under [tool.durable-dsl], or move it away'
        return [Fault("DSL613", message, shown, 1, hint)]
    try:
        before, now = _surface(committed), _surface(wit)
    except WitError as error:
        message = str(error).removeprefix("error: ").partition("\n")[0]
        raise BuildFailed([Fault("DSL101", f"{shown} does not parse: {message}", shown)]) from None
    lines = committed.read_text(encoding="utf-8").splitlines()
    return [_fault(change, name, lines, shown, breaks=breaks) for breaks, change, name in _changes(before, now)]


def _fault(change: str, name: str, lines: list[str], shown: str, *, breaks: bool) -> Fault:
    line = next((at for at, text in enumerate(lines, 1) if _declares(text, name)), None)
    if breaks:
        return Fault("DSL611", f"the committed world: {change}", shown, line, _ACCEPT.format(shown))
    hint = f"durable-dsl wit -o {shown} takes it in"
    return Fault("DSL612", f"the committed world: {change}", shown, None, hint, severity="note")


def _declares(text: str, name: str) -> bool:
    stripped = text.strip().replace("%", "")
    return stripped.startswith((f"{name}:", f"record {name} ", f"enum {name} ", f"flags {name} ", f"variant {name} "))


def _changes(before: _Surface, now: _Surface) -> Iterator[tuple[bool, str, str]]:
    """Whether a caller breaks, what changed, and the name of what changed."""
    if before.package != now.package:
        yield True, f"the package {before.package} is now called {now.package}", ""
    for name, (params, result) in before.functions.items():
        if name not in now.functions:
            yield True, f"the export {name} is gone", name.rpartition(".")[2]
            continue
        params_now, result_now = now.functions[name]
        if params != params_now:
            yield (
                True,
                f"{name} took ({', '.join(params)}) and takes ({', '.join(params_now)})",
                name.rpartition(".")[2],
            )
        if result != result_now:
            yield (
                True,
                f"{name} gave {result or 'nothing'} and gives {result_now or 'nothing'}",
                name.rpartition(".")[2],
            )
    for name in now.functions:
        if name not in before.functions:
            yield False, f"the export {name} is new", name
    for name, parts in before.types.items():
        if name in now.types:
            yield from _type_changes(name, parts, now.types[name])


def _type_changes(name: str, before: Mapping[str, str], now: Mapping[str, str]) -> Iterator[tuple[bool, str, str]]:
    if before[""] != now[""]:
        yield True, f"{name} was a {before['']} and is a {now['']}", name
        return
    word = {"record": "field", "enum": "member", "flags": "flag"}.get(before[""], "case")
    for part, kind in before.items():
        if part not in now:
            yield True, f"the {word} {part} of {name} is gone", name
        elif kind != now[part]:
            yield (
                True,
                f"the {word} {part} of {name} was {kind or 'without payload'} and is {now[part] or 'without'}",
                name,
            )
    for part, kind in now.items():
        if part not in before:
            yield True, f"the {word} {part}{f': {kind}' if kind else ''} of {name} is new", name
    if list(before) != list(now) and set(before) == set(now):
        yield True, f"the {word}s of {name} are in another order", name


def _surface(wit: Path) -> _Surface:
    with temporary.folder() as folder:
        staged = Path(folder) / "wit"
        staged.mkdir()
        (staged / "world.wit").write_bytes(wit.read_bytes())
        document = read_document(staged)
    functions: dict[str, tuple[tuple[str, ...], str]] = {}
    types: dict[str, Mapping[str, str]] = {}
    for world in document.worlds:
        for position in document.interfaces_of(world, "exports").values():
            interface = document.interface(position)
            for name, function in interface["functions"].items():
                params = tuple(f"{each['name']}: {document.type_text(each['type'])}" for each in function["params"])
                result = function.get("result")
                functions[name] = params, "" if result is None else document.type_text(result)
            types |= {name: _parts(document, at) for name, at in interface["types"].items()}
    return _Surface(document.package_name(document.worlds[0]["package"]), functions, types)


def _parts(document: Document, position: int) -> dict[str, str]:
    """The kind of a type under "", and its fields, cases or members."""
    kind = document.type_definition(position)["kind"]
    if isinstance(kind, str):
        return {"": kind}
    ((word, content),) = kind.items()
    found = {"": word}
    for each in (content or {}).get(
        {"record": "fields", "variant": "cases", "enum": "cases", "flags": "flags"}.get(word, ""), []
    ):
        reference = each.get("type")
        found[each["name"]] = "" if reference is None else document.type_text(reference)
    return found
