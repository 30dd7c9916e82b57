from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np
import pytest

from darkroom.data.store import new_array, release


@pytest.mark.skipif(sys.platform != "linux", reason="the pages of a process are read from /proc")
def test_what_was_read_of_an_array_is_no_memory_of_the_process_once_released(tmp_path: Path) -> None:
    new_array(tmp_path / "samples.npy", (64, 512, 512, 1)).fill(7)
    images = np.load(tmp_path / "samples.npy", mmap_mode="r")

    def resident() -> int:
        (found,) = re.findall(r"RssFile:\s+(\d+)", Path("/proc/self/status").read_text())
        return int(found) * 1024

    before = resident()
    assert int(images.sum()) == 7 * images.size
    assert resident() > before + images.nbytes / 2
    release(images)
    assert resident() < before + images.nbytes / 10
    assert int(images.sum()) == 7 * images.size
    release(np.zeros(3))
