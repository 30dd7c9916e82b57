"""Published results, reproduced: a job per experiment, and their page. `reproduce_NAME` runs one experiment and
leaves docs/reproduced.md as it is.
"""

if workflow.is_main_process:
    try:
        plan.resolved("reproduce page")
    except ValueError as error:
        sys.exit(str(error))


reproduce_detect = StageRule(plan, "reproduce detect")


rule reproduce_detect:
    input:
        reproduce_detect.inputs,
    output:
        reproduce_detect.manifest,
    log:
        reproduce_detect.log,
    priority: reproduce_detect.priority
    resources:
        **reproduce_detect.resources,
    params:
        **reproduce_detect.params,
    message:
        reproduce_detect.message
    shell:
        reproduce_detect.command


reproduce_classify = StageRule(plan, "reproduce classify")


rule reproduce_classify:
    input:
        reproduce_classify.inputs,
    output:
        reproduce_classify.manifest,
    log:
        reproduce_classify.log,
    priority: reproduce_classify.priority
    resources:
        **reproduce_classify.resources,
    params:
        **reproduce_classify.params,
    message:
        reproduce_classify.message
    shell:
        reproduce_classify.command


reproduce_gain = StageRule(plan, "reproduce gain")


rule reproduce_gain:
    input:
        reproduce_gain.inputs,
    output:
        reproduce_gain.manifest,
    log:
        reproduce_gain.log,
    priority: reproduce_gain.priority
    resources:
        **reproduce_gain.resources,
    params:
        **reproduce_gain.params,
    message:
        reproduce_gain.message
    shell:
        reproduce_gain.command


reproduce_page = StageRule(plan, "reproduce page")


rule reproduce_page:
    input:
        reproduce_page.inputs,
    output:
        reproduce_page.manifest,
    log:
        reproduce_page.log,
    priority: reproduce_page.priority
    resources:
        **reproduce_page.resources,
    params:
        **reproduce_page.params,
    message:
        reproduce_page.message
    shell:
        reproduce_page.command


for step in ("detect", "classify", "gain"):
    for job in plan.jobs_of(f"reproduce {step}"):

        rule:
            name:
                f"reproduce_{job.wildcards['experiment']}"
            input:
                f"{plan.folder(job.stage, **job.wildcards)}/manifest.json",
            log:
                reproduce_page.log,
            params:
                **reproduce_page.params,
            message:
                reproduce_page.message
            shell:
                reproduce_page.command
