"""Going on in a new invocation of the same worker: for code that is one endless call.

    @export
    def watch(seen: int) -> None:
        for _ in range(100):
            time.sleep(3600)
            seen += look()
        continue_as_new(watch, seen)

The invocation ends, and the worker calls the export once more with these arguments, as Temporal's workflows continue
as new. What came before is history: nothing of it is replayed any more. So what lives on is in the arguments, and in
what `@save_snapshot` saves where the app has it; everything else in memory begins anew.

On Golem servers it is a call that the worker makes of itself, and the history before it is replayed as ever.
"""

from __future__ import annotations

import sys
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ParamSpec

from durable_dsl.marks.marked import below_marks
from durable_dsl.remote.methods import compiled_function

if sys.platform == "wasi":
    import durable_remote_host

    if hasattr(durable_remote_host, "WasmRpc"):
        from durable_dsl.binding.remote.guest import call_itself
    else:
        from durable_dsl.binding.remote.native import call_itself
else:
    from durable_dsl.binding.remote.native import call_itself

if TYPE_CHECKING:
    from collections.abc import Callable

    from durable_dsl.remote.methods import CompiledMethod

__all__ = ["continue_as_new"]

P = ParamSpec("P")


def continue_as_new(function: Callable[P, Any], /, *args: P.args, **kwargs: P.kwargs) -> None:
    """Have this worker call `function` when this invocation has ended, and begin there: call it last, then return.

    `function` is an exported function of the app that gives no result; what it is to know is in the arguments. Raises
    TypeError for another function or arguments that do not fit, and RemoteError where the call cannot be made. In plain
    Python nothing is called: a test sees one round, and `durable_dsl.testing.trace` the arguments of the next.
    """
    below = below_marks(function)
    compiled = _compiled(below)
    call_itself(f"{below.__module__}:{below.__qualname__}", compiled.written(args, kwargs))


@lru_cache
def _compiled(function: Any) -> CompiledMethod:
    compiled = compiled_function(function)
    if compiled.returns is not None:
        raise TypeError(
            f"{compiled.python} gives a result, and nobody would get it: continue_as_new takes a function without"
        )
    return compiled
