"""Several workers at once in a process that is killed again and again, at any instant, until one gets to the end.

    python -m tests.crash.load DATA COMPONENT WAVES SEED

Prints how often it killed. Each child is forked from this process, which has the component loaded and nothing running;
it makes `CALLS` calls of each worker, all workers in threads of their own, with the keys that these calls had before.
Some workers get one call after the other, some all at once, to be queued. What they answer goes to `DATA/answers`. The
next wave has new workers, whose history is short.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import signal
import sys
import threading
import time
from pathlib import Path

from durable_dsl.engine.clock import SkippingClock
from durable_dsl.engine.errors import InvocationError
from durable_dsl.testing.crash.stage import SharedEngine
from tests.crash import recorder

WORKERS, CALLS = 5, 12
#: How long a child lives on average, in seconds. Some live much longer: replay takes a while before anything is new.
LIFE = 0.08


def careful(worker: str) -> bool:
    """Whether it does not repeat a write of unknown outcome; sooner or later such a worker fails because of that."""
    return worker.endswith(("0", "1"))


def hurried(worker: str) -> bool:
    """Whether all its calls are started at once."""
    return worker.endswith(("3", "4"))


def program(worker: str, call: str) -> list:
    """Every label but once: `…w` plain, `…a` and `…b` of one region, `…o` at most once where the worker is careful."""
    last = ["write", f"{call}o"]
    return [
        ["write", f"{call}w"],
        ["atomic", [["write", f"{call}a"], ["write", f"{call}b"]]],
        ["once", [last]] if careful(worker) else last,
    ]


def main() -> None:
    data, component, waves, seed = Path(sys.argv[1]), sys.argv[2], *map(int, sys.argv[3:5])
    chance = random.Random(seed)
    with opened(data) as engine:
        loaded = engine.load(component)
        loaded.imports
    answers, kills = {}, 0
    for wave in range(waves):
        names = [f"w{wave}-{number}" for number in range(WORKERS)]
        with opened(data) as engine:
            engine.adopt(loaded)
            for name in names:
                engine.worker(name, loaded)
        kills += killed_until_done(data, loaded, names, chance)
        answers |= json.loads((data / "answers").read_text())
    (data / "answers").write_text(json.dumps(answers))
    print(kills)


def killed_until_done(data: Path, loaded, names, chance) -> int:
    """How many children were killed before one had made all calls."""
    for kills in itertools.count():
        child = os.fork()
        if child == 0:
            call_all(data, loaded, names)
        time.sleep(chance.expovariate(1 / LIFE))
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        if os.WIFEXITED(status):
            assert os.WEXITSTATUS(status) == 0
            return kills
    raise AssertionError("there is no last number")


def opened(data: Path) -> SharedEngine:
    return SharedEngine.open(data, clock=SkippingClock(), output=lambda _level, _data: None)


def call_all(data: Path, loaded, names) -> None:
    """The process that is killed."""
    answers = {name: [] for name in names}
    done = []
    try:
        with opened(data) as engine:
            engine.adopt(loaded)

            def call(name):
                keys = [f"{name}.{number}" for number in range(CALLS)]
                calls = (
                    engine.worker(name).start("run", json.dumps(program(name, key)), idempotency_key=key)
                    for key in keys
                )
                for started in list(calls) if hurried(name) else calls:
                    try:
                        answers[name].append(started.wait())
                    except InvocationError as error:
                        answers[name].append({"failed": error.type})
                        break
                done.append(name)

            threads = [threading.Thread(target=call, args=(name,)) for name in names]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        (data / "answers").write_text(json.dumps(answers))
    except BaseException:  # noqa: BLE001 - this process has nobody else to tell
        os._exit(1)
    os._exit(0 if len(done) == len(names) else 1)


if __name__ == "__main__":
    recorder.install()
    main()
