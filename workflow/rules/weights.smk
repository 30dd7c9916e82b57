"""Pretrained weights from a URL or a hub, fetched once for all configs."""

weights_fetch = StageRule(plan, "weights fetch")


rule weights_fetch:
    input:
        weights_fetch.inputs,
    output:
        weights_fetch.manifest,
    log:
        weights_fetch.log,
    priority: weights_fetch.priority
    resources:
        **weights_fetch.resources,
    params:
        **weights_fetch.params,
    message:
        weights_fetch.message
    shell:
        weights_fetch.command
