"""Entries in one short language, whoever has written them, without what the network decides."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_CALLS = {
    "golem_environment::get_environment": "environment",
    "golem_environment::get_arguments": "arguments",
    "golem random::get_random_bytes": "random",
    "golem api::generate_idempotency_key": "key",
    "golem io::poll::poll": "poll",
    "http::types::future_incoming_response::get": "get",
    "http::types::incoming_body_stream::read": "read",
    "http::types::incoming_body_stream::blocking_read": "blocking-read",
    "cli::preopens::get_directories": "directories",
    "monotonic_clock::now": "monotonic",
    "wall_clock::now": "wall",
}
_KINDS = {
    "exported-function-invoked": "Invoked",
    "exported-function-completed": "Completed",
    "begin-remote-write": "Begin",
    "end-remote-write": "End",
    "begin-atomic-region": "Region",
    "end-atomic-region": "EndRegion",
    "change-retry-policy": "Policy",
}
_STEPS = {"get", "read", "blocking-read", "poll"}


def short(kind: str, function: str = "") -> str:
    """One entry, of this host ("ExportedFunctionInvoked") or of the engine ("exported-function-invoked")."""
    kebab = re.sub(r"(?<=[a-z])(?=[A-Z])", "-", kind).lower()
    if kebab == "imported-function-invoked":
        return _CALLS.get(function, function)
    return _KINDS.get(kebab, "".join(word.capitalize() for word in kebab.split("-")))


def spelled(text: str) -> list[str]:
    """The entries of a recorded line, in which `random*10` stands for ten of them."""
    entries: list[str] = []
    for part in text.split():
        entry, _, count = part.partition("*")
        entries += [entry] * int(count or 1)
    return entries


def essential(entries: Iterable[str]) -> list[str]:
    """Without what the network decides, and without what a failure's way out has left.

    How often a response is looked at, and in how many pieces it comes, is chance: its steps are told once. Lines of
    output are told once, however many writes they were. What is recorded between a failure and its Error is no part of
    the story.
    """
    told: list[str] = []
    steps: list[str] = []
    for entry in [*entries, ""]:
        if entry in _STEPS:
            steps.append(entry)
            continue
        if steps:
            answer = [step for step in ("get", "read") if step in {one.removeprefix("blocking-") for one in steps}]
            told += answer or steps
            steps = []
        if entry == "Error":
            while told[-1] in {"Log", "directories"} or told[-2:] == ["End", "End"]:
                told.pop()
        if entry == "directories" or (entry in {"Log", "random"} and told[-1:] == [entry]):
            continue
        told.append(entry)
    return told[:-1]
