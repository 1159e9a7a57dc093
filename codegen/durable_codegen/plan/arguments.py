"""What callers may leave out or write in another way, which WIT cannot say: defaults, and other names of members.

It stands in the component's custom section under "arguments", for the embedded engine: `{"defaults":
{"app:bank/api#pay": {"tip": 0}}, "aliases": {"colour": {"crimson": "red"}}, "fields": {"line": {"quantity": 1}}}`.
Defaults are JSON: of the last parameters of an export, and of the fields of a record.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from durable_codegen.infer.defaults import field_defaults, left_out
from durable_codegen.infer.shapes import Enumeration, FlagSet, Record

if TYPE_CHECKING:
    from durable_codegen.plan.exports import Plan

__all__ = ["arguments_of"]


def arguments_of(plan: Plan) -> dict[str, Any]:
    """The section's part; empty where nothing may be left out."""
    if plan.inferred is None:
        return {}
    defaults = {}
    shapes = plan.inferred.shapes
    for interface, planned in plan.functions():
        prefix = "" if interface.interface.id is None else f"{interface.interface.id}#"
        if planned.inferred is not None:
            defaults[f"{prefix}{planned.function.export}"] = left_out(planned.inferred.params, shapes)
    aliases = {
        shapes.names[key]: dict(shape.aliases)
        for key, shape in shapes.table.items()
        if isinstance(shape, (Enumeration, FlagSet)) and shape.aliases
    }
    fields = {
        shapes.names[key]: field_defaults(shape, shapes)
        for key, shape in shapes.table.items()
        if isinstance(shape, Record) and any(each.default for each in shape.fields)
    }
    return {
        "defaults": {name: given for name, given in defaults.items() if given},
        "aliases": aliases,
        "fields": fields,
    }
