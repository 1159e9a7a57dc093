"""The process that makes real crashes: it forks a child for every run, and the child kills itself with SIGKILL.

    python -c 'from durable_dsl.testing.crash.child import main; main()' FD [MODULE …]

FD is one end of a connection on which the driver sends `Request`s and gets `Answer`s; the modules are imported first.
Nothing runs in this process itself, so that a fork finds no thread, no open database and no lock. Interpreter, engine
and the compiled component are there already, which makes a run cost milliseconds; where forking a process that has
loaded compiled code is not safe, the child loads it.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
import traceback
from dataclasses import asdict, dataclass
from importlib import import_module
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any, NoReturn

from durable_dsl.testing.crash.points import Event, Watch

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from durable_dsl.testing.crash.stage import Ground

_LOADED_BEFORE_FORK = sys.platform == "linux"


@dataclass(frozen=True, slots=True)
class Request:
    """One run. `work` is `run` or `resume`, `at` where it ends, `last` the last index that is on disk."""

    ground: Path
    component: Path
    interruptible: bool
    export: str
    arguments: tuple[Any, ...]
    options: Mapping[str, Any]
    data: Path
    work: str
    at: str
    last: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Answer:
    """How the child ended: killed at its point, by itself before it, with a fault, or not at all in the time given."""

    ended: str  # killed, returned, fault, hung
    events: tuple[Event, ...] = ()
    fault: str = ""


def main() -> None:
    for module in sys.argv[2:]:
        import_module(module)
    grounds: dict[Path, Ground] = {}
    with Connection(int(sys.argv[1])) as driver:
        while True:
            try:
                request: Request = driver.recv()
            except EOFError:
                return
            driver.send(_serve(request, grounds))


def _serve(request: Request, grounds: dict[Path, Ground]) -> Answer:
    notes = request.data / "notes"
    try:
        if _LOADED_BEFORE_FORK:
            _ground(request, grounds)
    except Exception:  # noqa: BLE001 - told to the driver, whose caller sees it
        return Answer("fault", fault=traceback.format_exc())
    child = os.fork()
    if child == 0:
        _child(request, grounds, notes)
    return _answer(child, notes, request.seconds)


def _ground(request: Request, grounds: dict[Path, Ground]) -> Ground:
    from durable_dsl.testing.crash.stage import Ground

    known = grounds.get(request.ground)
    if known is None:
        known = Ground(request.ground, request.component, interruptible=request.interruptible)
        grounds[request.ground] = known
    return known


def _child(request: Request, grounds: dict[Path, Ground], notes: Path) -> NoReturn:
    """The process that is killed. It ends here, whatever happens."""
    from durable_dsl.testing.crash.stage import Stage

    def die() -> NoReturn:
        notes.write_text(json.dumps([asdict(event) for event in watch.events]))
        while True:
            os.kill(os.getpid(), signal.SIGKILL)

    status = 1
    try:
        ground = _ground(request, grounds)
        stage = Stage(request.data.parent, ground, request.export, request.arguments, request.options)
        watch = Watch(request.last, request.at, die)
        stage.work(request.work, request.data, watch)
        notes.write_text(json.dumps([asdict(event) for event in watch.events]))
        status = 0
    except BaseException:  # noqa: BLE001 - this process has nobody else to tell
        notes.write_text(traceback.format_exc())
    finally:
        os._exit(status)


def _answer(child: int, notes: Path, seconds: float) -> Answer:
    deadline = time.monotonic() + seconds
    pause = 0.0005
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            break
        if time.monotonic() > deadline:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return Answer("hung", fault=f"the process had not come to its point after {seconds:g} s")
        time.sleep(pause)
        pause = min(pause * 1.5, 0.01)
    text = notes.read_text() if notes.exists() else ""
    notes.unlink(missing_ok=True)
    killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
    if killed or status == 0:
        events = tuple(Event(**each) for each in json.loads(text))
        return Answer("killed" if killed else "returned", events)
    return Answer("fault", fault=text or f"the process ended with wait status {status}")
