"""Exports of resources addressed by what they were made with: `api#counter("c1").inc-by`.

The first use of `counter("c1")` in a worker makes the resource, in the same invocation; later ones find it. `.drop`
destroys it. The oplog has the whole name as the function, so replay makes and finds the same ones.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from durable_dsl.engine.errors import UsageError
from durable_dsl.engine.wit.exports import Export
from durable_dsl.engine.wit.json_form import python_arguments
from durable_dsl.engine.wit.types import FunctionType

if TYPE_CHECKING:
    from durable_dsl.engine.bridge.component import Component

_FORM = re.compile(
    r"(?:(?P<interface>[^#()]+)#)?(?P<resource>[\w-]+)\((?P<arguments>.*)\)\.(?P<method>[\w-]+)\Z", re.DOTALL
)


@dataclass(frozen=True, slots=True)
class IndexedExport(Export):
    """What such a name means: an export whose `self` is given."""

    constructor: Export
    method: Export
    values: tuple[Any, ...]

    @property
    def resource(self) -> tuple[str, str]:
        """The same for all names of one resource."""
        return self.constructor.name, self.name[: self.name.rindex(").") + 1]

    @property
    def drops(self) -> bool:
        return self.method.dropped is not None


def indexed(component: Component, name: str) -> IndexedExport | None:
    """What `name` means if it has that form; raises for a resource or arguments that do not fit."""
    found = _FORM.match(name)
    if found is None:
        return None
    prefix = f"{found['interface']}#" if found["interface"] else ""
    constructor = component.resolve(f"{prefix}[constructor]{found['resource']}")
    try:
        given = json.loads(f"[{found['arguments']}]")
    except ValueError as error:
        raise UsageError(
            f"{name}: the arguments of {found['resource']}(…) are no JSON values: {error}", constructor.signature
        ) from None
    values = tuple(python_arguments(given, constructor))
    if found["method"] == "drop":
        method = component.resolve(f"{prefix}[drop]{found['resource']}")
    else:
        method = component.resolve(f"{prefix}[method]{found['resource']}.{found['method']}")
    function = f"{found['resource']}({found['arguments']}).{found['method']}"
    full = f"{constructor.interface}#{function}" if constructor.interface else function
    kind = FunctionType(method.type.params[1:], method.type.result)
    return IndexedExport(
        full, constructor.interface, function, kind, constructor, method, values, defaults=method.defaults
    )
