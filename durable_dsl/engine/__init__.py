"""The embedded engine: run components as durable workers on one machine, with Golem's semantics."""

from durable_dsl.engine.api import Engine
from durable_dsl.engine.clock import Clock, SystemClock
from durable_dsl.engine.comparing import Comparison, compare
from durable_dsl.engine.errors import (
    DamagedError,
    EngineError,
    InvocationError,
    LeaseError,
    StoreError,
    UpdateRefused,
    UsageError,
)
from durable_dsl.engine.invocations.invocation import Invocation
from durable_dsl.engine.worker.handle import Worker

__all__ = [
    "Clock",
    "Comparison",
    "DamagedError",
    "Engine",
    "EngineError",
    "Invocation",
    "InvocationError",
    "LeaseError",
    "StoreError",
    "SystemClock",
    "UpdateRefused",
    "UsageError",
    "Worker",
    "compare",
]
