"""What is kept for the user between commands stays within bounds."""

from __future__ import annotations

import os
import time

from durable_dsl.engine.directory.cache import tidy, used

_DAY = 86_400.0


def kept(directory, ages, limit):
    """Which of some files of 10 bytes are left, by the days since they were used."""
    for age in ages:
        file = directory / f"{age}.cwasm"
        file.write_bytes(b"0123456789")
        os.utime(file, (0, time.time() - age * _DAY))
    (directory / "other").write_bytes(b"0123456789")
    tidy(directory, "*.cwasm", limit)
    assert (directory / "other").exists()
    return sorted(float(file.stem) for file in directory.glob("*.cwasm"))


def test_what_was_not_used_for_longest_goes_first(tmp_path):
    """As far as the limit asks for it."""
    assert [2.0, 3.0] == kept(tmp_path, [5.0, 2.0, 4.0, 3.0], 20)


def test_what_is_in_use_stays(tmp_path):
    """However much it is: a day's work must not be compiled over and over."""
    assert [0.1, 0.5, 0.9] == kept(tmp_path, [0.1, 0.5, 0.9, 1.1], 0)


def test_nothing_goes_below_the_limit(tmp_path):
    """However old it is."""
    assert [100.0, 200.0] == kept(tmp_path, [100.0, 200.0], 20)


def test_use_is_noted(tmp_path):
    """A file that was used today is not an old one."""
    file = tmp_path / "a.cwasm"
    file.write_bytes(b"")
    os.utime(file, (0, time.time() - 9 * _DAY))
    used(file)

    assert time.time() - file.stat().st_mtime < 60
