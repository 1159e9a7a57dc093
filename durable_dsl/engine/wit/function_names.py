"""Names of exported functions in Golem's form, `demo:app/orders.{place}`, as this engine writes them.

    demo:app/orders.{place}            demo:app/orders#place
    demo:app/orders@1.0.0.{place}      demo:app/orders@1.0.0#place
    demo:app/orders/place              demo:app/orders#place
    demo:app/carts.{cart.new}          demo:app/carts#[constructor]cart
    demo:app/carts.{cart.add}          demo:app/carts#[method]cart.add, or [static]cart.add
    demo:app/carts.{cart.drop}         demo:app/carts#[drop]cart
    place                              place

A name in our own form is left as it is.
"""

from __future__ import annotations

import re

_BRACES = re.compile(r"(?P<interface>.*?)\.?\{(?P<function>.*)\}")
_SLASHES = re.compile(r"(?P<interface>[^/#{}]+:[^/#{}]+/[^/#{}]+)/(?P<function>[^/#{}]+)")
_RESOURCE = re.compile(r"(?P<resource>[a-z][a-z0-9-]*)\.(?P<function>[a-z][a-z0-9-]*)")


def spellings(name: str) -> list[str]:
    """What the name may mean, in the order in which to try."""
    found = _BRACES.fullmatch(name) or _SLASHES.fullmatch(name)
    if found is None:
        return [name]
    prefix = f"{found['interface']}#" if found["interface"] else ""
    return [f"{prefix}{function}" for function in _functions(found["function"])]


def _functions(name: str) -> list[str]:
    found = _RESOURCE.fullmatch(name)
    if found is None:
        return [name]
    resource, function = found["resource"], found["function"]
    special = {"new": [f"[constructor]{resource}"], "drop": [f"[drop]{resource}"]}.get(function, [])
    return [*special, f"[method]{resource}.{function}", f"[static]{resource}.{function}"]
