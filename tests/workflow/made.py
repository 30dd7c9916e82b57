"""Stands in for a whole run: every output of the plan with its record, without the computing. Run inside a project.

python made.py CONFIG OUTPUT ...
"""

from __future__ import annotations

import sys
from pathlib import Path

from darkroom import files
from darkroom.config import load as config
from darkroom.data import place
from darkroom.planning.plan import Plan


def main(path: str, outputs: list[str]) -> None:
    """Write the outputs and the records."""
    plan = Plan(config.read(Path(path)))
    for output in outputs:
        Path(output).parent.mkdir(parents=True, exist_ok=True)
        Path(output).write_text(output, encoding="utf-8")
    for stage, wildcards in plan.jobs:
        if plan.stages[stage].shared:
            continue  # belongs to no config, so that no run of one makes it
        folder = Path(plan.folder(stage, **wildcards))
        assert (folder / files.MANIFEST).exists(), f"the plan has a job for {folder}, the rules have none"
        files.write_json(folder / files.RECORD, plan.record(stage, **wildcards))
    source = str(plan.config.data.source.path)  # type: ignore[attr-defined]
    place.seen(Path(plan.data, "raw"), source, place.local_files(Path(source)))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
