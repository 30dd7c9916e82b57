"""The command `ladder`: climb the ladder of a config: `darkroom ladder CONFIG [Snakemake's options]`.

A config without such a section gets the defaults.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from darkroom import files
from darkroom.config import load
from darkroom.ladder.config import ORDER


def run(config: Path, *, snakemake: Sequence[str]) -> int:
    """Climb the ladder of a config file and print its rungs; `snakemake` are further options of Snakemake."""
    read = load.read(config)
    folder = Path("results", read.name, "ladder")
    command = [sys.executable, "-m", "snakemake", str(folder / files.MANIFEST), "--configfile", str(config)]
    section = [] if read.ladder else ["--config", "ladder={}"]
    code = subprocess.run([*command, *section, *snakemake], check=False).returncode
    if code == 0 and (folder / "ladder.json").is_file():
        print("\n".join(lines(files.read_json(folder / "ladder.json"))))
    return code


def lines(found: dict[str, Any]) -> Iterator[str]:
    """Yield one line per rung, the chosen one marked, and one per forecast."""
    for name in (name for name in ORDER if name in found["rungs"]):
        rung = found["rungs"][name]
        mark = "→" if name == found["chosen"] else " "
        tests = [f"{one['value']:.1%} ({one['low']:.1%} to {one['high']:.1%})" for one in rung["test"]]
        yield f"{mark} {name:12} {', '.join(tests) or rung['status'] + ': ' + rung['reason']}"
    for one in (found["curve"] or {}).get("forecasts", []):
        points = [f"{100 * one[key]:+.1f}" for key in ("value", "low", "high")]
        yield f"  {one['more']:,} more images bring {points[0]} points ({points[1]} to {points[2]})"
