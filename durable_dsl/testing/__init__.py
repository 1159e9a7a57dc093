"""Testing durable code: the host calls it makes, the failures of inner regions, and crashes everywhere."""

from durable_dsl.testing.crash.driver import CrashDriver
from durable_dsl.testing.crash.report import CrashFailure, Report
from durable_dsl.testing.effects import effect_server
from durable_dsl.testing.trace import Call, trace, unwrap_failures

__all__ = ["Call", "CrashDriver", "CrashFailure", "Report", "effect_server", "trace", "unwrap_failures"]
