"""Calls from worker to worker: another component's functions, typed by a protocol class, keyed by the worker's name.

`client` has the whole story; what else is here is how a protocol's methods and values are sent.
"""

from durable_dsl.remote.client import Method, RemoteError, case, client, interface, method, register

__all__ = ["Method", "RemoteError", "case", "client", "interface", "method", "register"]
