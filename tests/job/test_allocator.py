"""A process that keeps freed memory takes few page faults when it allocates the same again."""

from __future__ import annotations

import subprocess
import sys

import pytest

FAULTS = """
import resource, numpy as np
from darkroom.job import allocator
{call}
def touch():
    return float(np.ones(16_000_000, np.float32).sum())
touch()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5):
    touch()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(call: str) -> int:
    command = [sys.executable, "-c", FAULTS.format(call=call)]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only glibc has this setting")
def test_freed_memory_is_reused() -> None:
    assert faults("allocator.keep_freed_memory()") < faults("pass") / 10
