"""Two processes with eight threads each on one data directory, killed at any instant until all their work is done.

    python -m tests.crash.storm DATA KILLS SEED

Accounts send each other money: by calls that are waited for, at once or with a future, by calls that nobody waits for,
and by calls at a time. Askers make promises that another worker completes. A thread makes one call after the other,
each under a key of its own, and makes it again until it is answered; how far it got survives the kills. When there have
been so many kills, both processes get to the end of their plan.

Then nothing may be lost, done twice, or stuck: prints what it did, and what is wrong, as JSON.
"""

from __future__ import annotations

import ast
import faulthandler
import json
import os
import random
import signal
import sys
import threading
import time
import traceback
import uuid
from collections import Counter
from pathlib import Path

from durable_dsl.engine.clock import SystemClock
from durable_dsl.engine.errors import InvocationError, LeaseError
from durable_dsl.engine.worker.snapshots import Policy
from durable_dsl.testing.crash.stage import SharedEngine
from tests.guests import guest

SLOTS, THREADS, CALLS = 2, 8, 5
ACCOUNTS, ASKERS, MONEY = 5, 2, 100
#: How long a process lives on average, in seconds.
LIFE = float(os.environ.get("STORM_LIFE", "0.4"))
#: How long one may stand still that nobody kills, in seconds.
PATIENCE = float(os.environ.get("STORM_PATIENCE", "120"))
#: After how many invocations the state of a worker is saved; never where nothing is said.
SNAPSHOTS = int(os.environ.get("STORM_SNAPSHOTS", "0"))

PRELUDE = """
rpc = golem_rpc_types_0_2_0
log = state.setdefault("log", [])
def other(name):
    return rpc.WasmRpc(rpc.WorkerId(rpc.ComponentId(rpc.Uuid(*COMPONENT)), name))
def text(said):
    return [rpc.WitValue([rpc.WitNode_PrimString(said)])]
"""
SENDS = (
    PRELUDE
    + """
state["money"] = state.get("money", MONEY) - 1
log.append(["out", LABEL])
taken = f"monotonic_clock.now(); state['money'] = state.get('money', {MONEY}) + 1; host.oplog_commit(1); "
taken += f"state.setdefault('log', []).append(['in', {LABEL!r}])"
with other(TO) as callee:
"""
)
WAYS = {
    "waits": "    callee.invoke_and_await('run', text(taken))",
    "future": """
    with callee.async_invoke_and_await("run", text(taken)) as future:
        future.subscribe().block()
        answer = future.get()
""",
    "forgets": "    callee.invoke('run', text(taken))",
    "drops": "    callee.async_invoke_and_await('run', text(taken))",
    "later": """
    now = wall_clock.now()
    later = wall_clock.Datetime(now.seconds, min(now.nanoseconds + 50_000_000, 999_999_999))
    callee.schedule_invocation(later, "run", text(taken))
""",
}
ASKS = (
    PRELUDE
    + """
promise = host.create_promise()
place = f"host.PromiseId(host.WorkerId(host.ComponentId(host.Uuid(*{COMPONENT})), {ME!r}), {promise.oplog_idx})"
said = f"state.setdefault('log', []).append(['given', {LABEL!r}]); host.complete_promise({place}, {LABEL.encode()!r})"
with other(TO) as callee:
    callee.invoke_and_await("run", text(said))
log.append(["got", host.await_promise(promise).decode()])
"""
)


class Plan:
    """What one thread calls, in order: worker, program, key; the same in each life."""

    def __init__(self, seed: int, wave: int, slot: int, thread: int, component: str) -> None:
        draw = random.Random(f"{seed} {wave} {slot} {thread}")
        number = uuid.UUID(component).int
        self.calls = []
        for serial in range(CALLS):
            label = f"{wave}.{slot}.{thread}.{serial}"
            names = f"COMPONENT, MONEY, LABEL = {(number >> 64, number & (1 << 64) - 1)}, {MONEY}, {label!r}\n"
            if draw.random() < 0.2:
                me = f"asker{wave}-{draw.randrange(ASKERS)}"
                self.calls.append((me, f"{names}ME, TO = {me!r}, 'answerer{wave}'\n{ASKS}", label))
                continue
            way = draw.choice(list(WAYS))
            low, high = sorted(draw.sample(range(ACCOUNTS), 2))
            # Who waits for another one is never waited for by it: that would be refused.
            me, to = (low, high) if way in {"waits", "future", "drops"} or draw.random() < 0.5 else (high, low)
            source = f"{names}TO = 'account{wave}-{to}'\n{SENDS}{WAYS[way]}\n"
            self.calls.append((f"account{wave}-{me}", source, label))


def names_of(wave: int) -> list[str]:
    accounts = [f"account{wave}-{number}" for number in range(ACCOUNTS)]
    return [*accounts, *(f"asker{wave}-{number}" for number in range(ASKERS)), f"answerer{wave}"]


def policy_of(_facts) -> Policy | None:
    """The component is none of the product's own, whose build would say it."""
    return Policy(invocations=SNAPSHOTS) if SNAPSHOTS else None


def opened(data: Path) -> SharedEngine:
    Policy.of = policy_of
    return SharedEngine.open(data, clock=SystemClock(), output=lambda _level, _data: None)


def progress_of(data: Path, wave: int, slot: int, thread: int) -> Path:
    return data / f"progress-{wave}-{slot}-{thread}"


def done(data: Path, wave: int, slot: int) -> int:
    return sum(_size(progress_of(data, wave, slot, thread)) for thread in range(THREADS))


def _size(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0


def live(data: Path, loaded, seed: int, wave: int, slot: int) -> None:
    """The process that is killed; it ends when its threads are at the end of their plans."""
    faulthandler.register(signal.SIGUSR1, all_threads=True)
    failed: list[str] = []

    def follow(engine, thread: int) -> None:
        progress = progress_of(data, wave, slot, thread)
        with progress.open("a", buffering=1) as written:
            for name, source, key in Plan(seed, wave, slot, thread, loaded.id).calls[_size(progress) :]:
                while True:
                    try:
                        engine.worker(name).invoke("run", source, idempotency_key=key)
                        break
                    except LeaseError:  # the other process has it
                        time.sleep(0.02)
                written.write(".")

    def run(engine, thread: int) -> None:
        try:
            follow(engine, thread)
        except BaseException:  # noqa: BLE001 - told by the process
            failed.append(traceback.format_exc())

    try:
        with opened(data) as engine:
            engine.adopt(loaded)
            threads = [threading.Thread(target=run, args=(engine, thread)) for thread in range(THREADS)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            if not failed:
                engine.settle()
    except BaseException:  # noqa: BLE001 - told by the process
        failed.append(traceback.format_exc())
    if failed:
        (data / f"failed-{wave}-{slot}-{os.getpid()}").write_text("\n".join(failed))
    os._exit(1 if failed else 0)


class Slot:
    """One of the two processes, and the next one when it is killed."""

    def __init__(self, data: Path, loaded, seed: int, wave: int, number: int, chance: random.Random) -> None:
        self.data, self.loaded, self.seed, self.wave, self.number, self.chance = (
            data,
            loaded,
            seed,
            wave,
            number,
            chance,
        )
        self.child = 0
        self.over = False
        self._start()

    def _start(self) -> None:
        self.child = os.fork()
        if self.child == 0:
            live(self.data, self.loaded, self.seed, self.wave, self.number)
        self.dies = time.monotonic() + self.chance.expovariate(1 / LIFE)
        self.moved, self.stood = done(self.data, self.wave, self.number), time.monotonic()

    def look(self, *, kills: bool) -> tuple[int, str | None]:
        """How many kills this was, and a fault if there is one."""
        found, status = os.waitpid(self.child, os.WNOHANG)
        if found:
            self.over = True
            return 0, None if status == 0 else f"slot {self.number} ended with status {status}"
        now = time.monotonic()
        if kills and now > self.dies:
            os.kill(self.child, signal.SIGKILL)
            os.waitpid(self.child, 0)
            self._start()
            return 1, None
        moved = done(self.data, self.wave, self.number)
        if moved != self.moved:
            self.moved, self.stood = moved, now
        elif now - self.stood > PATIENCE:
            os.kill(self.child, signal.SIGUSR1)
            time.sleep(1)
            os.kill(self.child, signal.SIGKILL)
            os.waitpid(self.child, 0)
            self.over = True
            return 0, f"slot {self.number} stands still after {moved} calls"
        return 0, None


def storm(data: Path, loaded, seed: int, wave: int, wanted: int) -> tuple[int, list[str]]:
    """Kill `wanted` times, then let both come to their end."""
    with opened(data) as engine:
        engine.adopt(loaded)
        for name in names_of(wave):
            engine.worker(name, loaded)
    chance = random.Random(f"{seed} {wave}")
    slots = [Slot(data, loaded, seed, wave, number, chance) for number in range(SLOTS)]
    kills, faults = 0, []
    while not all(slot.over for slot in slots):
        for slot in slots:
            if not slot.over:
                killed, fault = slot.look(kills=kills < wanted)
                kills += killed
                faults += [] if fault is None else [fault]
        time.sleep(0.005)
    faults += [file.read_text() for file in sorted(data.glob(f"failed-{wave}-*"))]
    return kills, faults


def examine(data: Path, loaded, seed: int, wave: int) -> list[str]:
    """What is lost, done twice or stuck."""
    faults = []
    labels = [call[2] for slot in range(SLOTS) for thread in range(THREADS)
              for call in Plan(seed, wave, slot, thread, loaded.id).calls]  # fmt: skip
    with opened(data) as engine:
        engine.adopt(loaded)
        seen, money = Counter(), 0
        for _ in range(2):  # a call at a time may wait in a queue that nobody had a look at
            engine.schedule.run_due()
            for name in names_of(wave):
                engine.worker(name).resume()
            engine.settle()
        for name in names_of(wave):
            worker = engine.worker(name)
            try:
                found = ast.literal_eval(worker.invoke("run", "result = state"))
            except InvocationError as error:
                faults.append(f"{name}: {error}")
                continue
            seen.update((kind, label) for kind, label in found.get("log", []))
            if name.startswith("account"):
                money += found.get("money", MONEY)
            facts = worker.describe(full=True)
            if facts["pending"] or facts["scheduled"] or facts["status"] != "idle":
                faults.append(f"{name}: {facts}")
        faults += [
            f"pending promise {row}" for row in engine.store.read("SELECT * FROM promise WHERE state = 'pending'")
        ]
    if money != ACCOUNTS * MONEY:
        faults.append(f"there is {money} where {ACCOUNTS * MONEY} was")
    for label in labels:
        kinds = {kind: seen[kind, label] for kind in ("out", "in", "given", "got")}
        if kinds not in ({"out": 1, "in": 1, "given": 0, "got": 0}, {"out": 0, "in": 0, "given": 1, "got": 1}):
            faults.append(f"{label}: {kinds}")
    return faults


def main() -> None:
    data, wanted, seed = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    with opened(data) as engine:
        loaded = engine.load(guest("reader"))
        loaded.imports
    per_wave = int(os.environ.get("STORM_WAVE", "40"))
    kills, wave, faults = 0, 0, []
    while kills < wanted and not faults:
        more, faults = storm(data, loaded, seed, wave, min(per_wave, wanted - kills))
        kills += more
        faults += examine(data, loaded, seed, wave) if not any("stands still" in fault for fault in faults) else []
        wave += 1
        if "STORM_LOUD" in os.environ:
            print(f"seed {seed}, wave {wave}: {kills} kills, {len(faults)} faults", file=sys.stderr, flush=True)
    calls = wave * SLOTS * THREADS * CALLS
    with opened(data) as engine:
        (taken,) = engine.store.read_one("SELECT count(*) FROM entry WHERE kind = 'snapshot'")
    print(json.dumps({"kills": kills, "calls": calls, "snapshots": taken, "faults": faults}))


if __name__ == "__main__":
    main()
