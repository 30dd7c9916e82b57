"""A `python` that notes how much memory a stage takes; see memory.py. It imports little, as it stands before every job."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

SAMPLE_SECONDS = 0.05
OPTIONS = ("--out", "--data", "--raw", "--spec")


def watch(records: Path, command: list[str]) -> int:
    """Run a stage and note its memory; anything else that Python is called for is run alone."""
    words = command[command.index("darkroom") + 1 :] if command[1:3] == ["-m", "darkroom"] else []
    if "--out" not in words:
        return subprocess.run(command, check=False).returncode
    mb, code = run(command)
    options = {word: words[place + 1] for place, word in enumerate(words) if word in OPTIONS}
    record = {
        "stage": " ".join(words[:2]),
        "out": options["--out"],
        "images": options.get("--data", options.get("--raw")),
        "spec": json.loads(options["--spec"]),
        "mb": mb,
    }
    with records.open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(record) + "\n")
    return code


def run(command: list[str], **how: Any) -> tuple[float, int]:
    """The memory in MB that a command and its children have had, and its exit code."""
    most = 0
    process = subprocess.Popen(command, **how)
    while process.poll() is None:
        most = max(most, sum(peak(pid) for pid in family(process.pid)))
        time.sleep(SAMPLE_SECONDS)
    return most / 1024, process.returncode


def family(pid: int) -> list[int]:
    """A process and its descendants."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [pid, *(descendant for child in children for descendant in family(int(child)))]


def peak(pid: int) -> int:
    """The most memory in KB that a process has had resident."""
    try:
        found = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    except OSError:
        return 0
    return int(found.group(1)) if found else 0


if __name__ == "__main__":
    sys.exit(watch(Path(sys.argv[1]), sys.argv[2:]))
