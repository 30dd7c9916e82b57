"""The command `sync`: send runs that are still waiting to MLflow, and report how many remain."""

from __future__ import annotations

from darkroom.tracking import spool
from darkroom.tracking.database import relocate


def run() -> int:
    """Return the exit code: 1 if runs remain. Artifacts are looked up anew if the project moved."""
    if moved := relocate(spool.tracking_uri()):
        print(moved)
    left = len(spool.sync())
    if not left:
        print("every run is in MLflow")
        return 0
    count = "1 run could not be sent and remains" if left == 1 else f"{left} runs could not be sent and remain"
    print(f"{count} in {spool.SPOOL}; {spool.last_complaint()}")
    return 1
