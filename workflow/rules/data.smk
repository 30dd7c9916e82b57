"""From a source to one array of images, one table of what they are, and pictures of both."""

data_fetch = StageRule(plan, "data fetch")


rule data_fetch:
    input:
        data_fetch.inputs,
    output:
        data_fetch.manifest,
    log:
        data_fetch.log,
    priority: data_fetch.priority
    resources:
        **data_fetch.resources,
    params:
        **data_fetch.params,
    message:
        data_fetch.message
    shell:
        data_fetch.command


data_prepare = StageRule(plan, "data prepare")


rule data_prepare:
    input:
        data_prepare.inputs,
    output:
        data_prepare.manifest,
    log:
        data_prepare.log,
    priority: data_prepare.priority
    resources:
        **data_prepare.resources,
    params:
        **data_prepare.params,
    message:
        data_prepare.message
    shell:
        data_prepare.command


data_attributes = StageRule(plan, "data attributes")


rule data_attributes:
    input:
        data_attributes.inputs,
    output:
        data_attributes.manifest,
    log:
        data_attributes.log,
    priority: data_attributes.priority
    resources:
        **data_attributes.resources,
    params:
        **data_attributes.params,
    message:
        data_attributes.message
    shell:
        data_attributes.command


data_card = StageRule(plan, "data card")


rule data_card:
    input:
        data_card.inputs,
    output:
        data_card.manifest,
    log:
        data_card.log,
    priority: data_card.priority
    resources:
        **data_card.resources,
    params:
        **data_card.params,
    message:
        data_card.message
    shell:
        data_card.command
