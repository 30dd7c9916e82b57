"""The audit: classifiers that judge images which they never saw, and what each policy does to the labels."""


rule audit_train:
    input:
        rules.data_prepare.output,
    output:
        f"{RESULTS}/audit/models/fold-{{fold}}/manifest.json",
    log:
        f"{RESULTS}/logs/audit/fold-{{fold}}.log",
    threads: lambda wildcards: plan.threads("audit train", **wildcards)
    resources:
        **needs("audit train"),
    params:
        spec=lambda wildcards: plan.spec("audit train", **wildcards),
        code=lambda wildcards: plan.code("audit train", **wildcards),
        data=f"{DATA}/prepared",
        checkpoints=f"{RESULTS}/checkpoints",
        out=f"{RESULTS}/audit/models/fold-{{fold}}",
    message:
        "train judge: fold {wildcards.fold}"
    shell:
        "python -m darkroom audit train --spec {params.spec:q} --data {params.data}"
        " --checkpoints {params.checkpoints} --out {params.out} > {log} 2>&1"


rule audit_measure:
    input:
        data=rules.data_prepare.output,
        models=expand(rules.audit_train.output, fold=plan.audit_folds),
    output:
        f"{RESULTS}/audit/policies/{{policy}}/manifest.json",
        report(
            f"{RESULTS}/audit/policies/{{policy}}/heatmap.png",
            caption="../report/audit.rst",
            category="audit",
            labels={"policy": "{policy}", "plot": "labels kept"},
        ),
    log:
        f"{RESULTS}/logs/audit/{{policy}}.log",
    resources:
        **needs("audit measure"),
    params:
        spec=lambda wildcards: plan.spec("audit measure", **wildcards),
        code=lambda wildcards: plan.code("audit measure", **wildcards),
        data=f"{DATA}/prepared",
        models=f"{RESULTS}/audit/models",
        out=f"{RESULTS}/audit/policies/{{policy}}",
    message:
        "audit: {wildcards.policy}"
    shell:
        "python -m darkroom audit measure --spec {params.spec:q} --data {params.data} --models {params.models}"
        " --out {params.out} > {log} 2>&1"
