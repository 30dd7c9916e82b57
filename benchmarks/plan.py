"""Seconds that a plan takes (`snakemake --dry-run`) for 1,000 jobs on 60,000 images, beside bare Snakemake with as many jobs.

    python benchmarks/plan.py [--images N] [--seeds N] [--repeats N]
    python benchmarks/plan.py --jobs 1000 10000 100000

The bare workflow has the same graph, rules, log files and messages, and constant parameters; it knows nothing of Darkroom.
Seconds are processor time (user and system) of the whole call, the least of some repeats, so that another program
on the machine matters little. Wanted: at most 1.5 times bare Snakemake. With `--jobs`, Darkroom's plan alone for so many
jobs, once each: its seconds and the most memory it takes.
"""

from __future__ import annotations

import argparse
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import watched

ROOT = Path(__file__).parents[1]
CONFIG = """
name: many
data: {{source: {{name: folder, path: images}}}}
augment: {{standard: {{online: [hflip]}}}}
classify:
  seeds: {seeds}
  models: {{mlp: , resnet: , wide: {{network: {{name: resnet, width: 64}}}}}}
"""
BARE = """
POLICIES, MODELS = ["none", "standard"], ["mlp", "resnet", "wide"]
MADE = expand("results/{policy}/{model}/seed-{seed}", policy=POLICIES, model=MODELS, seed=range(SEEDS))

rule all:
    input: "results/report/manifest.json"

rule fetch:
    output: "data/raw/manifest.json"
    log: "results/logs/fetch.log"
    params: spec="fetch", code="1"
    message: "fetch"
    shell: "fetch --spec {params.spec:q} > {log} 2>&1"

rule prepare:
    input: rules.fetch.output
    output: "data/prepared/manifest.json"
    log: "results/logs/prepare.log"
    params: spec="prepare", code="1"
    message: "prepare"
    shell: "prepare --spec {params.spec:q} > {log} 2>&1"

rule card:
    input: rules.prepare.output
    output: "results/card/manifest.json"
    log: "results/logs/card.log"
    params: spec="card", code="1"
    message: "card"
    shell: "card --spec {params.spec:q} > {log} 2>&1"

rule gallery:
    input: rules.prepare.output
    output: "results/gallery/manifest.json"
    log: "results/logs/gallery.log"
    params: spec="gallery", code="1"
    message: "gallery"
    shell: "gallery --spec {params.spec:q} > {log} 2>&1"

rule train:
    input: data=rules.prepare.output
    output: "results/{policy}/{model}/seed-{seed}/model/manifest.json"
    log: "results/logs/{policy}/{model}/seed-{seed}/train.log"
    threads: 1
    params:
        spec=lambda wildcards: f"train {wildcards.policy} {wildcards.model} {wildcards.seed}",
        code="1",
        out="results/{policy}/{model}/seed-{seed}/model",
    message: "train {wildcards.model} on {wildcards.policy}, seed {wildcards.seed}"
    shell: "train --spec {params.spec:q} --out {params.out} > {log} 2>&1"

rule evaluate:
    input: data=rules.prepare.output, model=rules.train.output
    output:
        "results/{policy}/{model}/seed-{seed}/evaluation/manifest.json",
        report("results/{policy}/{model}/seed-{seed}/evaluation/confusion.png", category="classify"),
        report("results/{policy}/{model}/seed-{seed}/evaluation/reliability.png", category="classify"),
    log: "results/logs/{policy}/{model}/seed-{seed}/evaluate.log"
    params:
        spec=lambda wildcards: f"evaluate {wildcards.policy} {wildcards.model} {wildcards.seed}",
        code="1",
        out="results/{policy}/{model}/seed-{seed}/evaluation",
    message: "evaluate {wildcards.model} on {wildcards.policy}, seed {wildcards.seed}"
    shell: "evaluate --spec {params.spec:q} --out {params.out} > {log} 2>&1"

rule report:
    input:
        rules.card.output,
        rules.gallery.output,
        [f"{made}/{step}/manifest.json" for made in MADE for step in ("model", "evaluation")]
    output: "results/report/manifest.json", page="results/report/index.html"
    log: "results/logs/report.log"
    params: spec="report", code="1"
    message: "report"
    shell: "report --spec {params.spec:q} > {log} 2>&1"
"""


def main() -> None:
    """Print a line for a plan with nothing made, and one for a plan with everything made."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--images", type=int, default=60_000)
    parser.add_argument("--seeds", type=int, default=83, help="six classifiers a seed, two jobs each")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--jobs", type=int, nargs="+", default=[])
    given = parser.parse_args()
    for jobs in given.jobs:
        grow(jobs)
    if given.jobs:
        return
    with tempfile.TemporaryDirectory() as folder:
        darkroom, bare = Path(folder, "darkroom"), Path(folder, "bare")
        copy_rules(darkroom, CONFIG.format(seeds=given.seeds))
        for index in range(given.images):
            image = darkroom / "images" / str(index % 10) / f"{index}.png"
            image.parent.mkdir(parents=True, exist_ok=True)
            image.write_bytes(index.to_bytes(4, "big") * 100)
        bare.mkdir()
        (bare / "Snakefile").write_text(BARE.replace("SEEDS", str(given.seeds)))
        seconds, _ = plan(darkroom)
        print(f"first plan, {given.images} images read: {seconds:.2f} s")
        compare("nothing made", darkroom, bare, given.repeats)
        for project in (darkroom, bare):
            make(project)
        compare("all made", darkroom, bare, given.repeats)


def copy_rules(project: Path, config: str) -> None:
    """A folder with the workflow and this default config."""
    for part in ("workflow", "profiles"):
        copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy
        (project / part).parent.mkdir(exist_ok=True)
        copy(ROOT / part, project / part)
    (project / "config").mkdir()
    (project / "config/config.yaml").write_text(config)


def grow(jobs: int) -> None:
    """Print the cost of planning about `jobs` jobs: 50 classifiers per seed, two jobs each."""
    models = "\n".join(f"    m{width}: {{network: {{name: mlp, hidden: [{width}]}}}}" for width in range(1, 26))
    config = f"""
name: grown
data: {{source: sklearn}}
augment: {{standard: {{online: [hflip]}}}}
classify:
  seeds: {max(1, jobs // 100)}
  models:
{models}
"""
    with tempfile.TemporaryDirectory() as folder:
        copy_rules(Path(folder), config)
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        mb, code = watched.run(
            [sys.executable, "-m", "snakemake", "--dry-run", "--quiet", "all"],
            cwd=folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        if code:
            raise RuntimeError(f"the dry run of {jobs} jobs ended with {code}")
    print(f"{jobs} jobs: {seconds:.0f} s, {mb:.0f} MB", flush=True)


def compare(what: str, darkroom: Path, bare: Path, repeats: int) -> None:
    """Print both times and their ratio, measured in turn."""
    times: list[tuple[float, float]] = []
    for _ in range(repeats):
        (ours, jobs), (theirs, same) = plan(darkroom), plan(bare)
        if jobs != same:
            raise RuntimeError(f"{jobs} jobs in Darkroom's plan, {same} in the bare one")
        times.append((ours, theirs))
    ours, theirs = (min(column) for column in zip(*times, strict=True))
    print(
        f"{what}, {jobs} jobs to run: Darkroom {ours:.2f} s, bare Snakemake {theirs:.2f} s, ratio {ours / theirs:.2f}"
    )


def plan(project: Path) -> tuple[float, int]:
    """Processor seconds of a dry run and the number of jobs in it."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    said = call(project, "--dry-run")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    total = re.search(r"^total +(\d+)", said, re.MULTILINE)
    return (
        after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
        int(total[1]) if total else 0,
    )


def make(project: Path) -> None:
    """Stand-ins for all outputs, which Snakemake takes for its own."""
    for line in call(project, "--summary").splitlines()[1:]:
        output = project / line.split("\t")[0]
        output.parent.mkdir(parents=True, exist_ok=True)
        output.touch()
    call(project, "--touch", "--cores", "1")


def call(project: Path, *options: str) -> str:
    """What Snakemake says. Raises RuntimeError with it when it fails."""
    command = [sys.executable, "-m", "snakemake", *options]
    done = subprocess.run(command, cwd=project, env=os.environ, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stdout + done.stderr)
    return done.stdout if "--summary" in options else done.stdout + done.stderr


if __name__ == "__main__":
    main()
