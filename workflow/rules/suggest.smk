"""Which image to label next, simulated on images whose labels are known."""

suggest_simulate = StageRule(plan, "suggest simulate")


rule suggest_simulate:
    input:
        suggest_simulate.inputs,
    output:
        suggest_simulate.manifest,
    log:
        suggest_simulate.log,
    priority: suggest_simulate.priority
    threads: suggest_simulate.threads
    resources:
        **suggest_simulate.resources,
    params:
        **suggest_simulate.params,
    message:
        suggest_simulate.message
    shell:
        suggest_simulate.command
