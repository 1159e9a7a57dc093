"""`make demo`: an order is paid over HTTP, the engine is killed in the middle, and the order completes all the same.

The payment service is a real server on loopback. The engine is a child process, killed with SIGKILL after the charge
and before the confirmation is answered. Then the very same command is given again.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).parent / "payments"
sys.path.insert(0, str(HERE))

from service import PaymentService  # noqa: E402  (the example's own module, beside its app)

COLORS = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
BOLD, DIM, PLAIN = ("\x1b[1m", "\x1b[2m", "\x1b[0m") if COLORS else ("", "", "")
COMMAND = [sys.executable, "-m", "durable_dsl"]


def show(arguments: list[str]) -> None:
    """Print a command as one would type it."""
    words = [f"'{word}'" if " " in word else word for word in arguments]
    print(f"\n{BOLD}$ durable-dsl {' '.join(words)}{PLAIN}", flush=True)


def run(*arguments: str) -> None:
    """Run a command, and show it; what it prints goes where ours goes."""
    show(list(arguments))
    subprocess.run([*COMMAND, *arguments], cwd=HERE, check=True)


def oplog(data: str) -> list[dict[str, Any]]:
    """The worker's oplog."""
    command = [*COMMAND, "worker", "oplog", "shop", "--data", data, "--json"]
    entries: list[dict[str, Any]] = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return entries


def oplog_lines(entries: list[dict[str, Any]], before: int) -> Iterator[str]:
    """The oplog, a line per entry or run of like entries; those up to `before` were there when the engine died."""

    def like(entry: dict[str, Any]) -> tuple[str, str, bool]:
        return entry["kind"], entry.get("function") or "", entry["index"] <= before

    for (kind, function, replayed), run_of in groupby(entries, like):
        indices = [entry["index"] for entry in run_of]
        span = str(indices[0]) if len(indices) == 1 else f"{indices[0]}-{indices[-1]}"
        how = "replayed" if replayed else "live"
        yield f"{DIM if replayed else ''}{span:>6}  {how:8}  {kind}  {function}{PLAIN}"


def killed_between_charge_and_confirmation(command: list[str], service: PaymentService) -> None:
    """Run the command and kill it while the service holds its answer to the confirmation back."""
    asked, killed = threading.Event(), threading.Event()

    def hold() -> None:
        asked.set()
        killed.wait(60)

    service.before_confirming = hold
    show(command)
    engine = subprocess.Popen([*COMMAND, *command], cwd=HERE)
    if not asked.wait(60):
        engine.kill()
        raise SystemExit("the confirmation was never asked for")
    os.kill(engine.pid, signal.SIGKILL)
    engine.wait()
    service.before_confirming = lambda: None
    killed.set()


def main() -> int:
    """Tell the story; exit status 1 if it does not end well."""
    service = PaymentService()
    with tempfile.TemporaryDirectory() as data:
        component = str(Path(data) / "payments.wasm")
        run("build", "-o", component)
        command = ["run", component, "buy", "o-1", "450", "--worker", "shop", "--idempotency-key", "order-1"]
        command += ["--env", f"PAYMENTS=http://{service.address}", "--allow-http", service.address, "--data", data]

        killed_between_charge_and_confirmation(command, service)
        before = len(oplog(data))
        print(f"{BOLD}killed with SIGKILL{PLAIN} after the charge, before the confirmation was answered;")
        print(f"the service has seen {service.requests}")

        run(*command)
        print(f"\n{BOLD}The same command, and the order is complete.{PLAIN} The oplog now:\n")
        for line in oplog_lines(oplog(data), before):
            print(line)
    service.close()
    asked_to_charge = service.requests.count("/charges")
    print(f"\nthe service has seen {service.requests}")
    print(f"{BOLD}customers charged: {len(service.charges)}, requests to charge: {asked_to_charge}{PLAIN}")
    return 0 if asked_to_charge == 1 else 1


if __name__ == "__main__":
    sys.exit(main())
