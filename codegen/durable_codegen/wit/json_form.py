"""What wasm-tools says about WIT, as JSON, with the few questions that the build has.

The form is the one of `wasm-tools component wit --json`: lists of worlds, interfaces, types and packages that refer to
each other by position.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from durable_codegen.wit.toolchain import run_wasm_tools

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["Document", "WitError", "read_document"]

Json = dict[str, Any]
#: A type in the JSON form: the name of a primitive type, or a position.
TypeRef = str | int


class WitError(Exception):
    """wasm-tools does not take the WIT; the text is its own message, caret and all."""


@dataclass(frozen=True, slots=True)
class Document:
    """Parsed WIT."""

    raw: Json

    @property
    def worlds(self) -> list[Json]:
        worlds: list[Json] = self.raw["worlds"]
        return worlds

    def package_name(self, position: int) -> str:
        """`demo:orders@1.0.0`."""
        name: str = self.raw["packages"][position]["name"]
        return name

    def interface(self, position: int) -> Json:
        interface: Json = self.raw["interfaces"][position]
        return interface

    def interface_id(self, key: str, position: int) -> str:
        """`demo:orders/orders@1.0.0`, or the plain name of an interface that a world declares itself."""
        interface = self.interface(position)
        if interface.get("name") is None or interface.get("package") is None:
            return key
        package, at, version = self.package_name(interface["package"]).partition("@")
        return f"{package}/{interface['name']}{at}{version}"

    def items(self, world: Json, direction: str) -> Iterator[tuple[str, str, Json | int]]:
        """What a world imports or exports, in order: ("interface", id, position), ("function", name, function) …"""
        for key, item in world[direction].items():
            ((kind, content),) = item.items()
            if kind == "interface":
                yield kind, self.interface_id(key, content["id"]), content["id"]
            else:
                yield kind, key, content

    def interfaces_of(self, world: Json, direction: str) -> dict[str, int]:
        """The interfaces among them: id and position."""
        return {
            name: content
            for kind, name, content in self.items(world, direction)
            if kind == "interface" and isinstance(content, int)
        }

    def type_definition(self, position: int) -> Json:
        definition: Json = self.raw["types"][position]
        return definition

    def type_text(self, reference: TypeRef) -> str:
        """A type as it is written in WIT."""
        if isinstance(reference, str):
            return reference
        definition = self.type_definition(reference)
        if definition["name"] is not None:
            return str(definition["name"])
        return self._kind_text(definition["kind"])

    def _kind_text(self, kind: str | Json) -> str:
        if isinstance(kind, str):
            return kind
        ((name, content),) = kind.items()
        match name:
            case "handle":
                ((mode, resource),) = content.items()
                inner = self.type_text(resource)
                return inner if mode == "own" else f"borrow<{inner}>"
            case "tuple":
                return f"tuple<{', '.join(self.type_text(part) for part in content['types'])}>"
            case "result":
                return self._result_text(content["ok"], content["err"])
            case "list" | "option" | "stream" | "future":
                return name if content is None else f"{name}<{self.type_text(content)}>"
            case "map":
                return f"map<{', '.join(self.type_text(part) for part in content)}>"
            case "fixed-length-list" | "fixed-size-list":
                return f"list<{self.type_text(content[0])}, {content[1]}>"
            case "type":
                return self.type_text(content)
            case _:
                return str(name)

    def _result_text(self, ok: TypeRef | None, err: TypeRef | None) -> str:
        if err is None:
            return "result" if ok is None else f"result<{self.type_text(ok)}>"
        return f"result<{'_' if ok is None else self.type_text(ok)}, {self.type_text(err)}>"

    def is_result(self, reference: TypeRef | None) -> bool:
        """Whether a type is itself a `result`.

        One that is the alias of a result elsewhere (`use types.{outcome}`, `type b = a`) is not: componentize-py gives
        and takes it as a plain value, and so has the wrapper to.
        """
        if not isinstance(reference, int):
            return False
        kind = self.type_definition(reference)["kind"]
        return isinstance(kind, dict) and "result" in kind

    def kinds_within(self, reference: TypeRef | None) -> Iterator[str]:
        """The names of all kinds of types that a type is made of."""
        seen: set[int] = set()
        waiting: list[TypeRef | None] = [reference]
        while waiting:
            current = waiting.pop()
            if current is None or isinstance(current, str):
                if current is not None:
                    yield current
                continue
            if current in seen:
                continue
            seen.add(current)
            kind = self.type_definition(current)["kind"]
            if isinstance(kind, str):
                yield kind
                continue
            ((name, content),) = kind.items()
            yield name
            waiting.extend(_parts(name, content))


def _parts(name: str, content: Any) -> list[TypeRef | None]:
    match name:
        case "handle":
            return list(content.values())
        case "tuple":
            return list(content["types"])
        case "result":
            return [content["ok"], content["err"]]
        case "record":
            return [field["type"] for field in content["fields"]]
        case "variant":
            return [case["type"] for case in content["cases"]]
        case "list" | "option" | "stream" | "future" | "type":
            return [content]
        case "map":
            return list(content)
        case "fixed-length-list" | "fixed-size-list":
            return [content[0]]
        case _:
            return []


def read_document(source: Path) -> Document:
    """Parse a folder of WIT, or read the WIT of a component; `WitError` if wasm-tools does not take it."""
    done = run_wasm_tools(["component", "wit", "--json", source])
    if done.failed:
        raise WitError(done.stderr.strip())
    return Document(json.loads(done.stdout))
