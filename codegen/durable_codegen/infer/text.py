"""An inferred world as WIT text, with the app's docstrings as docs. Equal worlds give equal text, byte for byte."""

from __future__ import annotations

from typing import TYPE_CHECKING

from durable_codegen.infer.shapes import Enumeration, FlagSet, Record, Resource, Variant
from durable_codegen.infer.world import INTERFACE
from durable_codegen.project.config import MARKER
from durable_codegen.source.literals import in_comment
from durable_codegen.source.names import wit_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from durable_codegen.infer.shapes import Shape, Shapes
    from durable_codegen.infer.world import Inferred, InferredFunction

__all__ = ["world_text"]


_DISCOURAGED = "\u0149\u0673\u0f77\u0f79\u17a3\u17a4\u17b4\u17b5"


def world_text(inferred: Inferred, source: str, docs: str) -> str:
    """The text; `source` is the app's file, `docs` what it says of itself."""
    name = wit_name(inferred.name)
    world = f"{inferred.name}-world" if inferred.name == INTERFACE else inferred.name
    lines = [
        f"{MARKER}from the type hints of {in_comment(source)}. Do not edit: `durable-dsl wit -o FILE` writes it anew.",
        "",
        f"package app:{name};",
        "",
        *_docs(docs, 0),
        f"interface {INTERFACE} {{",
        *_inside(inferred),
        "}",
        "",
        f"world {wit_name(world)} {{",
        f"    export {INTERFACE};",
        "}",
        "",
    ]
    return "\n".join(lines)


def _inside(inferred: Inferred) -> list[str]:
    """Types, then resources, then functions, with an empty line between them."""
    blocks = []
    for key, shape in inferred.shapes.table.items():
        if isinstance(shape, Resource):
            blocks.append(list(_resource(key, shape, inferred)))
        else:
            blocks.append(list(_type(key, shape, inferred.shapes)))
    blocks += [list(_function(each, inferred.shapes, 4)) for each in inferred.freestanding()]
    return [line for at, block in enumerate(blocks) for line in ([""] if at else []) + block]


def _type(key: str, shape: Shape, shapes: Shapes) -> Iterator[str]:
    name = wit_name(shapes.names[key])
    match shape:
        case Record(fields=fields, docs=docs):
            yield from _docs(docs, 4)
            yield f"    record {name} {{"
            yield from (f"        {wit_name(each.wit)}: {shapes.wit(each.type)}," for each in fields)
        case Enumeration(members=members, docs=docs):
            yield from _docs(docs, 4)
            yield f"    enum {name} {{"
            yield from (f"        {wit_name(wit)}," for _, wit in members)
        case FlagSet(members=members, docs=docs):
            yield from _docs(docs, 4)
            yield f"    flags {name} {{"
            yield from (f"        {wit_name(wit)}," for _, wit in members)
        case Variant(cases=cases):
            yield f"    variant {name} {{"
            for each in cases:
                payload = "" if each.payload is None else f"({shapes.wit(each.payload)})"
                yield f"        {wit_name(each.wit)}{payload},"
    yield "    }"


def _resource(key: str, shape: Resource, inferred: Inferred) -> Iterator[str]:
    yield from _docs(shape.docs, 4)
    yield f"    resource {wit_name(inferred.shapes.names[key])} {{"
    for at, each in enumerate(inferred.of_resource(key)):
        if at:
            yield ""
        yield from _function(each, inferred.shapes, 8)
    yield "    }"


def _function(function: InferredFunction, shapes: Shapes, at: int) -> Iterator[str]:
    yield from _docs(function.docs, at)
    params = ", ".join(f"{wit_name(each.wit)}: {shapes.wit(each.type, borrowed=True)}" for each in function.params)
    if function.kind == "constructor":
        yield f"{' ' * at}constructor({params});"
        return
    static = "static " if function.kind == "static" else ""
    yield f"{' ' * at}{wit_name(function.name)}: {static}func({params}){_result(function, shapes)};"


def _result(function: InferredFunction, shapes: Shapes) -> str:
    good = None if function.result is None else shapes.wit(function.result)
    if not function.errors:
        return "" if good is None else f" -> {good}"
    if function.error is None:
        return " -> result" if good is None else f" -> result<{good}>"
    return f" -> result<{good or '_'}, {shapes.wit(function.error)}>"


def _docs(text: str, at: int) -> Iterator[str]:
    for line in text.strip().splitlines():
        # WIT takes no control characters, nor those that turn the direction of text or that Unicode advises against.
        shown = "".join(each for each in line.expandtabs(4) if each.isprintable() and each not in _DISCOURAGED)
        yield f"{' ' * at}/// {shown}".rstrip()
