"""The command `why`: explain why each job would run: `darkroom why [TARGET ...] [Snakemake's options]`.

Snakemake's own output has the same reasons. Every result has a record of what it was made of beside it (see
`provenance.record`). Snakemake decides by its own metadata in `.snakemake/`; a result missing from that metadata is compared with
its record.
"""

from __future__ import annotations

import logging
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from darkroom import files
from darkroom.data import place
from darkroom.data.item import readable
from darkroom.planning.changes import changes, images
from darkroom.planning.plan import Plan

BUILDING = "Building DAG of jobs..."
"""Snakemake's line between making its graph of jobs and deciding which of them run."""
OWN = "its settings or its code changed since it was made"
SNAKEMAKE = {
    "Incomplete output files": "it was interrupted",
    "Updated input files": "its inputs changed",
    "Set of input files has changed": "it has a different set of inputs",
    "Code has changed": "the command of its rule changed",
    "Params have changed": OWN,
    "Forced execution": "forced",
}
"""Snakemake's reasons, worded for readers who do not know Snakemake."""
FAILED = "its last run failed or was interrupted"
"""Only the manifest is gone: Snakemake removes it before a run."""
GONE = "it was deleted, or its first run failed"
"""The whole folder is missing: Snakemake remembers failed jobs as it does finished ones."""
SEPARATOR = "; "
REMADE = re.compile(r"[^ ;]+(?: is| and \d+ more of its inputs are) rebuilt")
"""The part of a reason that names inputs, which differs among jobs that run for the same reason."""
MOST_ROOTS = 3
"""Maximum number of an input's reasons that are repeated where it is used."""


class Reasons(logging.Filter):
    """Log filter that adds each job's reason, in plain words, to Snakemake's log; the Snakefile installs it."""

    def __init__(self, workflow: Any, plan: Plan) -> None:
        super().__init__()
        self.workflow, self.plan = workflow, plan
        self.roots: dict[str, list[str]] = {}
        """For each rebuilt file, the original reasons."""
        self.gone: set[str] = set()
        """Results that are missing although a job for them has ended."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite reasons; keeps every record."""
        if record.msg == BUILDING and self.workflow.is_main_process:
            self._remember()
        elif getattr(record, "event", None) == "job_info" and _stage(vars(record)["rule_name"]) in self.plan.stages:
            self._tell(record)
        return True

    def _remember(self) -> None:
        """Force what Snakemake would not rebuild: deleted results whose dependents still exist, and results that Snakemake has
        no metadata for and whose record differs from the plan."""
        if "params" not in map(str, self.workflow.rerun_triggers):
            return
        rules = {rule.name: rule for rule in self.workflow.rules}
        for stage, wildcards in self.plan.jobs:
            output = rules[stage.replace(" ", "_")].output[0].apply_wildcards(wildcards)
            known, folder = self.workflow.persistence.metadata(output), Path(output).parent
            try:
                made = Path(output).stat().st_mtime
            except OSError:
                if known is not None or (folder / files.RECORD).exists():
                    self.gone.add(output)
                continue
            if (known is None or known.endtime != made) and self._changes(folder, stage, wildcards):
                self.workflow.dag.forcefiles.add(output)
        self.workflow.dag.forcefiles |= self.gone

    def _changes(self, folder: Path, stage: str, wildcards: Mapping[str, Any]) -> list[str] | None:
        """Return the differences from a result's record; None if there is no readable record."""
        try:
            old, new = files.read_json(folder / files.RECORD), self.plan.record(stage, **wildcards)
            if stage == "report build" and old["spec"]["config"] != new["spec"]["config"]:
                # its config says the same as its lists of results, more clearly
                old, new = ({**made, "spec": made["spec"]["config"]} for made in (old, new))
            found = changes(old, new)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None
        if (
            stage == "data fetch"
            and (other := [line for line in found if not line.startswith("fingerprint ")]) != found
        ):
            found = other + self._images(folder)
        return found

    def _images(self, raw: Path) -> list[str]:
        """Return what changed among the images that a fetch saw; the contents of archives are not compared."""
        try:
            old = files.read_json(raw / place.SEEN)["files"]
        except FileNotFoundError:
            return ["the source's file changed"]
        new = {readable(name): digest for name, digest in self.plan.sources.contents().items()}
        if hasattr(self.plan.config.data.source, "root"):  # those that the table names and the fetch found
            new = {name: digest for name, digest in new.items() if name in old}
        return images(old, new) or ["the files that the source's table names changed"]

    def _tell(self, record: logging.LogRecord) -> None:
        job = vars(record)
        given, output, stage = str(job["reason"]), job["output"], _stage(job["rule_name"])
        folder = Path(output[0]).parent
        if "Missing output files" in given and output[0] not in self.gone:
            own = ["never made"]
        else:
            own = [FAILED if (folder / files.RECORD).exists() else GONE] if output[0] in self.gone else []
            own += self._changes(folder, stage, job["wildcards"]) or ()
        for begin, words in SNAKEMAKE.items():
            if begin in given and not (own and words in (OWN, "forced")):
                own.append(words)
        inherited = list(dict.fromkeys(text for name in job["input"] for text in self.roots.get(name, ())))
        for name in output:
            self.roots[name] = [*own] or inherited
        if inherited and own not in (["never made"], ["forced"]):
            remade = [str(Path(name).parent) for name in job["input"] if name in self.roots]
            more = f" and {len(remade) - 1} more of its inputs are" if len(remade) > 1 else " is"
            further = [text for text in inherited if text not in own]  # its own reasons are listed already
            others = f", and {len(further) - MOST_ROOTS} more changes" if len(further) > MOST_ROOTS else ""
            roots = f" ({', '.join(further[:MOST_ROOTS])}{others})" if further else ""
            own.append(f"{remade[0]}{more} rebuilt{roots}")
        job["reason"] = SEPARATOR.join(own) or given


def run(*, snakemake: Sequence[str]) -> int:
    """Print why each job would run; `snakemake` are files or folders of results, if not all, and then Snakemake's options."""
    at = next((i for i, word in enumerate(snakemake) if word.startswith("-")), len(snakemake))
    targets = [word if Path(word).suffix else f"{word.rstrip('/')}/{files.MANIFEST}" for word in snakemake[:at]]
    command = [sys.executable, "-m", "snakemake", *targets, "--dry-run", *snakemake[at:]]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    said = done.stdout + done.stderr
    if done.returncode:
        print(said, file=sys.stderr)
        return done.returncode
    jobs = re.findall(r"^Job \d+: (.+)\nReason: (.+)$", said, re.MULTILINE)
    print("\n".join(together(jobs)))
    return 0


def together(jobs: Sequence[tuple[str, str]]) -> Iterator[str]:
    """Yield the lines to print for jobs (message, reason): jobs with the same reason together, followed by the reason."""
    if not jobs:
        yield "nothing would run: all results are up to date with the config, the code and the data"
        return
    groups: dict[str, list[tuple[str, str]]] = {}
    for message, reason in jobs:
        groups.setdefault(REMADE.sub("its inputs are rebuilt", reason), []).append((message, reason))
    for shared, members in groups.items():
        yield from sorted(message for message, _ in members)
        yield from (f"  {line}" for line in (shared if len(members) > 1 else members[0][1]).split(SEPARATOR))
    if len(jobs) > 1:
        yield f"{len(jobs)} jobs would run"


def _stage(rule: str) -> str:
    """Return the stage that a rule runs: `classify train` for `classify_train`."""
    return rule.replace("_", " ", 1)
