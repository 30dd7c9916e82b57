"""Darkroom: `snakemake` runs the default data set, `snakemake --configfile FILE` another."""

import gc
import os
import shutil
import sys

from snakemake.utils import min_version

from darkroom.planning import failures, lock
from darkroom.config.load import ConfigError, load
from darkroom.config.load import parse as read_strictly
from darkroom.planning.plan import Plan
from darkroom.planning.rule import StageRule
from darkroom.planning.why import Reasons

min_version("9.27")


# a config file of the user's takes nothing over from the default one
if not workflow.configfiles:

    configfile: "config/config.yaml"


try:
    for file in workflow.configfiles:
        read_strictly(file)  # Snakemake's reading keeps one of two equal keys
    plan = Plan(load(config, path=", ".join(map(str, workflow.configfiles))))
except ConfigError as error:
    sys.exit(str(error))
logger.addFilter(Reasons(workflow, plan))
if workflow.is_main_process:
    running = lock.hold()  # for as long as this process lives
os.environ.setdefault("MLFLOW_TRACKING_URI", plan.config.tracking.uri)


wildcard_constraints:
    policy=r"[^/]+",
    model=r"[^/]+",
    detector=r"[^/]+",
    task=r"[^/]+",
    seed=r"\d+",
    fold=r"\d+",


report: "workflow/report/index.rst"


include: "workflow/rules/cluster.smk"


for section in plan.sections:

    include: f"workflow/rules/{section}.smk"


rule all:
    default_target: True
    input:
        rules.report_build.output,


# what could not be sent is kept and told, and fails no run
onsuccess:
    shell("python -m darkroom sync || true")


onerror:
    for folder in (plan.data, plan.results):
        if os.path.isdir(folder) and shutil.disk_usage(folder).free < 2**20:
            print(f"the disk that holds {folder} is full", file=sys.stderr)
    if told := failures.report(workflow, plan):
        print(told, file=sys.stderr)
    shell("python -m darkroom sync || true")


# what is read by now stays: without this, the collector looks at it all again and again while jobs are planned
gc.freeze()
