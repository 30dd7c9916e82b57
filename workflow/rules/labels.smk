"""Labels that are probably wrong, by judges that have not seen the images."""

labels_find = StageRule(plan, "labels find")


rule labels_find:
    input:
        labels_find.inputs,
    output:
        labels_find.manifest,
    log:
        labels_find.log,
    priority: labels_find.priority
    resources:
        **labels_find.resources,
    params:
        **labels_find.params,
    message:
        labels_find.message
    shell:
        labels_find.command


labels_effect = StageRule(plan, "labels effect")


rule labels_effect:
    input:
        labels_effect.inputs,
    output:
        labels_effect.manifest,
    log:
        labels_effect.log,
    priority: labels_effect.priority
    threads: labels_effect.threads
    resources:
        **labels_effect.resources,
    params:
        **labels_effect.params,
    message:
        labels_effect.message
    shell:
        labels_effect.command
