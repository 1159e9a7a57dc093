"""Regions and zones in a row; each request has a label of its own, so that it can be counted."""

from __future__ import annotations

from durable_dsl import atomic, commit, export, http, persist


@export
def place(url: str) -> str:
    """Everything that explain tells apart."""
    post(url, "a")
    with atomic:
        post(url, "b")
        pay(url)
    print("placed")
    with persist("persist-nothing"):
        post(url, "d")
    post(url, "e")
    with atomic, persist("persist-nothing"):
        post(url, "f")
    done(url)
    return "done"


@atomic
def pay(url: str) -> None:
    """Part of the region around it."""
    post(url, "c")


@commit
@atomic
def done(url: str) -> None:
    """On disk before it returns."""
    post(url, "g")
    post(url, "h")


def post(url: str, label: str) -> None:
    """One effect."""
    http.post(f"{url}/{label}").raise_for_status()
