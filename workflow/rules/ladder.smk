"""The ladder: ways to classify from the simplest to the best, in one job."""

ladder_climb = StageRule(plan, "ladder climb", "--workers {threads}")


rule ladder_climb:
    input:
        ladder_climb.inputs,
    output:
        ladder_climb.manifest,
    log:
        ladder_climb.log,
    priority: ladder_climb.priority
    threads: ladder_climb.threads
    resources:
        **ladder_climb.resources,
    params:
        **ladder_climb.params,
    message:
        ladder_climb.message
    shell:
        ladder_climb.command
