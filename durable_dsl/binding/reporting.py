"""How a failure that ends an instance is printed: as Python would, without the frames that are ours.

No file is looked at on the way: a look is an entry in the oplog, which a build that mends the failure would not make.
"""

from __future__ import annotations

import linecache
import os
import sys
import traceback

from durable_dsl.binding.state import chain

# Where this package stands in the guest, with a trailing slash: frames from there are not the user's.
_SUPPORT_ROOT = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(__file__))), "")

#: A module with this global is a wrapper that the build wrote; its frames are not the user's either.
WRAPPER_MARK = "__durable_wrapper__"

#: The length of an entry of linecache that has its lines; a shorter one says where they could be read.
_READ = 4


def print_failure(failure: BaseException) -> None:
    """Print `failure` on stderr, after everything that was printed before it, and flush both streams."""
    sys.stdout.flush()
    sys.stderr.write(report(failure))
    sys.stderr.flush()


def report(failure: BaseException) -> str:
    """The traceback text of `failure`, its causes and groups included, frames of ours left out."""
    _look_up_no_files(failure)
    text = traceback.TracebackException.from_exception(failure)
    roots = [_SUPPORT_ROOT]
    if failure.__traceback__ is not None:
        # An exception knows the frames it has left. Where an inner region ends the instance, the callers are still on
        # the stack, and people want to see them too.
        callers = list(traceback.walk_stack(failure.__traceback__.tb_frame.f_back))
        for frame, _ in callers:
            _without_file(frame.f_code.co_filename)
        text.stack[:0] = reversed(traceback.StackSummary.extract(iter(callers)))
        frames = [frame for frame, _ in (*callers, *traceback.walk_tb(failure.__traceback__))]
        roots += [_folder(frame.f_code.co_filename) for frame in frames if WRAPPER_MARK in frame.f_globals]
    _leave_out(text, tuple(roots))
    return "".join(text.format())


def _look_up_no_files(failure: BaseException) -> None:
    """Have linecache know every file that the traceback names, if only as one without lines."""
    for link in chain(failure):
        for frame, _ in traceback.walk_tb(link.__traceback__):
            _without_file(frame.f_code.co_filename)


def _without_file(path: str) -> None:
    if len(linecache.cache.get(path, ())) < _READ:
        linecache.cache[path] = (0, None, [], path)


def _folder(path: str) -> str:
    return os.path.join(os.path.dirname(path), "")


def keep_sources(root: str) -> None:
    """Keep the source text of the modules under `root` for tracebacks; the guest has no files to read it from."""
    for module in list(sys.modules.values()):
        path = getattr(module, "__file__", None)
        if path and path.startswith(root):
            lines = linecache.getlines(path)
            # No modification time: linecache then never asks the file system whether the entry is stale.
            linecache.cache[path] = (sum(map(len, lines)), None, lines, path)


def _leave_out(text: traceback.TracebackException, roots: tuple[str, ...]) -> None:
    waiting: list[traceback.TracebackException | None] = [text]
    while waiting:
        link = waiting.pop()
        if link is None:
            continue
        kept = [frame for frame in link.stack if not frame.filename.startswith(roots)]
        # Where a wrapper itself fails (on a result that is not what it should be), its frame says at least for what.
        link.stack[:] = kept or link.stack[-1:]
        waiting += [link.__cause__, link.__context__, *(link.exceptions or ())]
