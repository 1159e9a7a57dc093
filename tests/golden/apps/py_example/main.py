"""A component as Golem's examples write them, with the names of an older componentize-py, and one mark added."""

from __future__ import annotations

from py_example import exports
from py_example.imports.host import get_oplog_index

from durable_dsl import atomic

state: int = 0


class Api(exports.Api):
    @atomic
    def add(self, value: int) -> None:
        global state  # noqa: PLW0603 - as the example has it
        state = state + value

    def get(self) -> int:
        return state + 0 * get_oplog_index()
