"""Calls from worker to worker: another component's functions, typed by a protocol class, keyed by the worker's name.

`client` has the whole story, `continuation` that of a worker that calls itself; what else is here is how a protocol's
methods and values are sent.
"""

from durable_dsl.remote.client import Method, RemoteError, case, client, interface, method, register
from durable_dsl.remote.continuation import continue_as_new

__all__ = ["Method", "RemoteError", "case", "client", "continue_as_new", "interface", "method", "register"]
