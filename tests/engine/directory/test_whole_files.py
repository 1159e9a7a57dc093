"""Files that are there whole or not at all, and what killed writers leave behind."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from durable_dsl.engine.whole_files import write_whole

KILLED = """
import os, pathlib, signal, sys
from durable_dsl.engine.whole_files import write_whole

def half(file):
    file.write(b"half")
    file.flush()
    os.kill(os.getpid(), signal.{signal})

write_whole(pathlib.Path(sys.argv[1]), half)
"""


def names(directory):
    return sorted(file.name for file in directory.iterdir())


def writer(target, signal):
    return subprocess.Popen([sys.executable, "-c", KILLED.format(signal=signal), str(target)])


def test_what_a_killed_writer_left_is_removed_by_the_next(tmp_path):
    """The target is not there before, and there is nothing but it afterwards."""
    target = tmp_path / "made" / "file"
    assert -9 == writer(target, "SIGKILL").wait(300)
    assert 1 == len(names(target.parent))
    assert not target.exists()
    write_whole(target, lambda file: file.write(b"whole"))

    assert ["file"] == names(target.parent)
    assert b"whole" == target.read_bytes()


def test_a_writer_that_is_at_work_is_left_alone(tmp_path):
    """However long it takes: here it is stopped."""
    stopped = writer(tmp_path / "one", "SIGSTOP")
    try:
        os.waitpid(stopped.pid, os.WUNTRACED)
        write_whole(tmp_path / "other", lambda file: file.write(b"whole"))

        assert 2 == len(names(tmp_path))
    finally:
        stopped.kill()
        stopped.wait()
    write_whole(tmp_path / "one", lambda file: file.write(b"whole"))
    assert ["one", "other"] == names(tmp_path)


def test_a_writer_that_fails_leaves_nothing(tmp_path):
    """Neither a part of the file nor a temporary one."""

    def full(file):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        write_whole(tmp_path / "file", full)

    assert [] == names(tmp_path)
