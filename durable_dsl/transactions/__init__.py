"""Transactions: all of their operations, or none of them, or an error that names what is left."""

from durable_dsl.transactions.operations import operation
from durable_dsl.transactions.transaction import transaction

__all__ = ["operation", "transaction"]
