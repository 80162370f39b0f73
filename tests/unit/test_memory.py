"""Freed memory that stays with the process."""

import subprocess
import sys

import pytest

from latprof.memory import keep_freed

_TOUCH = """
import resource, sys
import numpy as np
if sys.argv[1] == "kept":
    from latprof.memory import keep_freed
    keep_freed()
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
def touched():
    columns = [np.ones(60_000) for _ in range(12)]
    return sum(len(column) for column in columns)
touched()
before = faults()
for _ in range(30):
    touched()
print(faults() - before)
"""


def faults(how: str) -> int:
    """Page faults of a process that allocates and frees some columns again and again."""
    done = subprocess.run([sys.executable, "-c", _TOUCH, how], check=True, capture_output=True, text=True)
    return int(done.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="glibc only")
def test_columns_that_were_freed_are_used_again() -> None:
    """Each column is 120 pages, of which only those of the first round are new."""
    assert faults("kept") < 120 * 12
    assert faults("kept") <= faults("as ever")


def test_other_systems_and_libraries_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """No error where there is nothing to tell."""
    monkeypatch.setattr(sys, "platform", "darwin")
    assert not keep_freed()
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr("ctypes.CDLL", lambda _: object())
    assert not keep_freed()
