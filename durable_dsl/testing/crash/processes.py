"""The driver's side of the process that makes real crashes (`child`): started when first needed."""

from __future__ import annotations

import os
import pickle
import socket
import subprocess
import sys
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from durable_dsl.testing.crash.child import Answer, Request

_MAIN = "from durable_dsl.testing.crash.child import main; main()"


class Processes:
    """Makes runs in processes that are killed. `modules` are imported there before anything else."""

    def __init__(self, folder: Path, modules: Sequence[str]) -> None:
        self._folder = folder
        self._modules = list(modules)
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: Connection | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def run(self, request: Request) -> Answer:
        """Have one run made."""
        if self._connection is None:
            self._start()
        assert self._connection is not None
        self._connection.send(request)
        try:
            answer: Answer = self._connection.recv()
        except EOFError as error:
            self.close()
            raise RuntimeError("the process that makes crashes has ended; what it wrote is on stderr") from error
        return answer

    @staticmethod
    def refuse_unsendable(*values: object) -> None:
        """Raises TypeError where arguments or options cannot be sent to another process."""
        try:
            pickle.dumps(values)
        except Exception as error:
            raise TypeError(
                f"arguments and engine options must be plain data to be sent to the process that is killed ({error}); "
                "with real=0 crashes are simulated in this process"
            ) from error

    def close(self) -> None:
        if self._connection is not None and self._process is not None:
            self._connection.close()
            self._process.wait()
        self._connection = self._process = None

    def _start(self) -> None:
        mine, theirs = socket.socketpair()
        with theirs:
            environment = {
                **os.environ,
                "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
                "TMPDIR": str(self._folder),  # what killed processes leave behind goes away with the driver's folder
            }
            self._process = subprocess.Popen(
                [sys.executable, "-c", _MAIN, str(theirs.fileno()), *self._modules],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                env=environment,
            )
        self._connection = Connection(mine.detach())
