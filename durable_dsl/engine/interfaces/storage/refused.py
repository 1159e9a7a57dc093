"""wasi:keyvalue/atomic and wasi:keyvalue/cache: links, and says at the first call why it goes no further.

Golem's servers link them too and panic when one is called. A component that works here is to work there, so they are no
feature of this engine either: what looks like a counter in development would take the worker down on a cluster.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from durable_dsl.engine.interfaces.interface import Interface
from durable_dsl.engine.signals import Fatal

if TYPE_CHECKING:
    from collections.abc import Callable

    from durable_dsl.engine.replay.host import Host

atomic = Interface("wasi:keyvalue/atomic")
cache = Interface("wasi:keyvalue/cache")
INTERFACES = (atomic, cache)


def _refused(called: str) -> Callable[..., NoReturn]:
    def call(_host: Host, *_arguments: object) -> NoReturn:
        raise Fatal(
            f"{called} is not implemented by any Golem server, where calling it is a panic; so it is refused here too. "
            "Keep the value with wasi:keyvalue/eventual, or in the worker itself, which runs one call at a time",
            "NotImplementedByGolem",
        )

    return call


for _interface, _functions in (
    (atomic, ("increment", "compare-and-swap")),
    (cache, ("get", "exists", "set", "get-or-set", "delete")),
):
    for _function in _functions:
        _interface.plain(_function)(_refused(f"{_interface.name}#{_function}"))
