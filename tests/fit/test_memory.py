"""Freed memory is used again, where the system's C library can be told so."""

from __future__ import annotations

import subprocess
import sys

import pytest

from darkroom.fit.memory import keep_freed

CODE = """
import resource, sys
from darkroom.fit.memory import keep_freed
if sys.argv[1] == "keep":
    keep_freed()
for turn in range(6):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    blocks = [bytearray(n * 2**20) for n in (8, 40, 100)]
    del blocks
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(how: str) -> int:
    """Pages that the system had to clear in a turn, after some turns alike."""
    done = subprocess.run([sys.executable, "-c", CODE, how], capture_output=True, text=True, check=True)
    return int(done.stdout)


def test_blocks_of_an_earlier_step_are_used_again() -> None:
    if not keep_freed():
        pytest.skip("the C library is not glibc")
    assert faults("keep") < faults("give back") / 10
