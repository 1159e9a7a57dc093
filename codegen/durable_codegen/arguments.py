"""What callers may leave out or write in another way, which WIT cannot say: defaults of parameters, names of members.

It stands in the component's custom section under "arguments", for the embedded engine: `{"defaults":
{"app:bank/api#pay": {"tip": 0}}, "aliases": {"colour": {"crimson": "red"}}}`. Defaults are JSON, of the last
parameters.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from durable_codegen.defaults import left_out
from durable_codegen.shapes import Enumeration, FlagSet

if TYPE_CHECKING:
    from durable_codegen.plan import Plan

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
    return {"defaults": {name: given for name, given in defaults.items() if given}, "aliases": aliases}
