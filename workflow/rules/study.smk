"""Studies: an experiment each, and the booklet of their pages. `study_NAME` runs one and shows those that have run."""

if workflow.is_main_process:
    try:
        for job in plan.jobs_of("study run"):
            plan.resolved(job.stage, **job.wildcards)
    except ValueError as error:
        sys.exit(str(error))


study_run = StageRule(plan, "study run")


rule study_run:
    input:
        study_run.inputs,
    output:
        study_run.manifest,
    log:
        study_run.log,
    priority: study_run.priority
    resources:
        **study_run.resources,
    params:
        **study_run.params,
    message:
        study_run.message
    shell:
        study_run.command


study_book = StageRule(plan, "study book")


rule study_book:
    input:
        study_book.inputs,
    output:
        study_book.manifest,
    log:
        study_book.log,
    priority: study_book.priority
    resources:
        **study_book.resources,
    params:
        **study_book.params,
    message:
        study_book.message
    shell:
        study_book.command


for job in plan.jobs_of("study run"):

    rule:
        name:
            f"study_{job.wildcards['study']}"
        input:
            f"{plan.folder(job.stage, **job.wildcards)}/manifest.json",
        log:
            study_book.log,
        params:
            **study_book.params,
        message:
            study_book.message
        shell:
            study_book.command
