"""wasi:logging: messages are output like any other, shown once whatever happens."""

from __future__ import annotations

from durable_dsl.engine.oplog.view import as_json
from tests.engine.programs import Shown, opened, program, worker

LOG = """
def log(level, text, context=""):
    logging.log(getattr(logging.Level, level), context, text)
"""


def shown_by(tmp_path, text):
    shown = Shown()
    with opened(tmp_path, output=shown) as engine:
        one = worker(engine)
        one.invoke("run", LOG + program(text))
        return shown.text, [as_json(record) for record in one.oplog() if record.kind == "log"]


def test_messages_are_shown_with_level_and_context(tmp_path):
    """And recorded as what they are."""
    text, recorded = shown_by(tmp_path, 'log("INFO", "ready", "orders"); log("CRITICAL", "no context")')

    assert "INFO orders: ready\nCRITICAL: no context\n" == text
    assert [("info", "orders", "ready"), ("critical", "", "no context")] == [
        (one["level"], one["context"], one["message"]) for one in recorded
    ]


def test_between_other_output_in_order(tmp_path):
    """As the guest wrote it."""
    text, _ = shown_by(tmp_path, 'print("one"); log("WARN", "two"); print("three", file=sys.stderr)')

    assert ["one", "WARN: two", "three"] == text.splitlines()


def test_a_message_is_not_shown_twice(tmp_path):
    """Neither by replay nor by the stretch that is run again; each of two equal ones is shown."""
    text, recorded = shown_by(
        tmp_path,
        """
        host.set_retry_policy(host.RetryPolicy(max_attempts=2, min_delay=1, max_delay=1, multiplier=1.0))
        log("INFO", "before")
        first = host.get_oplog_index()
        log("INFO", "same")
        log("INFO", "same")
        begin = host.mark_begin_operation()
        if host.get_oplog_index() < first + 6:
            raise ValueError("again")
        host.mark_end_operation(begin)
        """,
    )

    assert ["INFO: before", "INFO: same", "INFO: same"] == [line for line in text.splitlines() if "INFO" in line]
    assert 3 == sum(one["level"] == "info" for one in recorded)
