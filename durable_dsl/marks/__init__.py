"""The words of the DSL as decorators, and what becomes of a function that bears them."""

from durable_dsl.marks.decorators import atomic, commit, export, idempotent, non_idempotent, persist, retry

__all__ = ["atomic", "commit", "export", "idempotent", "non_idempotent", "persist", "retry"]
