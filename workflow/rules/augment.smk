"""Augmentation: a store of transformed copies and a contact sheet for each policy, and a picture of every technique."""

augment_apply = StageRule(plan, "augment apply", "--workers {threads}")


rule augment_apply:
    input:
        augment_apply.inputs,
    output:
        augment_apply.manifest,
    log:
        augment_apply.log,
    priority: augment_apply.priority
    threads: max(1, workflow.cores // 4) if workflow.cores else 1
    resources:
        **augment_apply.resources,
    params:
        **augment_apply.params,
    message:
        augment_apply.message
    shell:
        augment_apply.command


augment_sheet = StageRule(plan, "augment sheet")


rule augment_sheet:
    input:
        augment_sheet.inputs,
    output:
        augment_sheet.manifest,
    log:
        augment_sheet.log,
    priority: augment_sheet.priority
    resources:
        **augment_sheet.resources,
    params:
        **augment_sheet.params,
    message:
        augment_sheet.message
    shell:
        augment_sheet.command


augment_gallery = StageRule(plan, "augment gallery")


rule augment_gallery:
    input:
        augment_gallery.inputs,
    output:
        augment_gallery.manifest,
    log:
        augment_gallery.log,
    priority: augment_gallery.priority
    resources:
        **augment_gallery.resources,
    params:
        **augment_gallery.params,
    message:
        augment_gallery.message
    shell:
        augment_gallery.command
