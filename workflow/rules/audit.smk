"""The audit: classifiers that judge images which they never saw, and what each policy does to the labels."""

audit_train = StageRule(plan, "audit train")


rule audit_train:
    input:
        audit_train.inputs,
    output:
        audit_train.manifest,
    log:
        audit_train.log,
    priority: audit_train.priority
    threads: audit_train.threads
    resources:
        **audit_train.resources,
    params:
        **audit_train.params,
    message:
        audit_train.message
    shell:
        audit_train.command


audit_measure = StageRule(plan, "audit measure")


rule audit_measure:
    input:
        audit_measure.inputs,
    output:
        audit_measure.manifest,
        report(
            f"{audit_measure.folder}/heatmap.png",
            caption="../report/audit.rst",
            category="audit",
            labels={"policy": "{policy}", "plot": "labels kept"},
        ),
    log:
        audit_measure.log,
    priority: audit_measure.priority
    resources:
        **audit_measure.resources,
    params:
        **audit_measure.params,
    message:
        audit_measure.message
    shell:
        audit_measure.command
