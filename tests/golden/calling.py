"""Runs in a process of its own: calls a generated wrapper in plain Python and reports what it asked of its host.

`python calling.py REQUEST`: REQUEST is JSON with `path` and `expressions`; the report is JSON on stdout. The bindings
are stubs, so their host functions are replaced by some that note the call and answer like a host.
"""

from __future__ import annotations

import importlib
import json
import sys

calls: list[str] = []


def main(request):
    sys.path[:0] = request["path"]
    host = importlib.import_module(request["host"]) if request["host"] else None
    if host is not None:
        replace_functions(host)
    from durable_dsl.binding import native

    native.observers.append(lambda name, _arguments, _result: calls.append(name))
    wrapper = importlib.import_module("durable_wrapper")
    report = []
    for expression in request["expressions"]:
        calls.clear()
        native.reset()
        try:
            outcome = repr(eval(expression, vars(wrapper)))
        except BaseException as error:  # noqa: BLE001 - failures of any kind are outcomes here
            outcome = repr(error)
        report.append([outcome, list(calls)])
    print(json.dumps(report))


def replace_functions(host):
    state = {"index": 2, "level": None, "policy": None, "mode": True}
    if hasattr(host, "PersistenceLevel_Smart"):
        state["level"] = host.PersistenceLevel_Smart()
    if hasattr(host, "RetryPolicy"):
        fields = host.RetryPolicy.__dataclass_fields__
        state["policy"] = host.RetryPolicy(*[3, 100_000_000, 1_000_000_000, 3.0, None][: len(fields)])

    def count():
        state["index"] += 1
        return state["index"]

    answers = {
        "mark_begin_operation": count,
        "get_oplog_index": count,
        "get_oplog_persistence_level": lambda: state["level"],
        "get_idempotence_mode": lambda: state["mode"],
        "get_retry_policy": lambda: state["policy"],
    }
    for name in [name for name, value in vars(host).items() if callable(value) and not isinstance(value, type)]:
        if name.islower():
            setattr(host, name, noting(name, answers.get(name)))


def noting(name, answer):
    def called(*_arguments):
        calls.append(name.replace("_", "-"))
        return answer() if answer else None

    return called


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
