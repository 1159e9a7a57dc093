"""Testing durable code: what host calls it makes, and that failures of inner regions surface."""

from durable_dsl.testing.trace import Call, trace, unwrap_failures

__all__ = ["Call", "trace", "unwrap_failures"]
