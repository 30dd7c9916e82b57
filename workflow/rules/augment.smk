"""Augmentation: a store of transformed copies for each policy, and a picture of every technique."""


rule augment_apply:
    input:
        rules.data_prepare.output,
    output:
        f"{RESULTS}/augment/{{policy}}/manifest.json",
    log:
        f"{RESULTS}/logs/augment/{{policy}}.log",
    # classifiers wait for it: first, while all cores are free
    priority: 10
    threads: 2
    resources:
        **needs("augment apply"),
    params:
        spec=lambda wildcards: plan.spec("augment apply", **wildcards),
        code=lambda wildcards: plan.code("augment apply", **wildcards),
        data=f"{DATA}/prepared",
        out=f"{RESULTS}/augment/{{policy}}",
    message:
        "augment: {wildcards.policy}"
    shell:
        "python -m darkroom augment apply --spec {params.spec:q} --data {params.data} --out {params.out}"
        " --workers {threads} > {log} 2>&1"


rule augment_gallery:
    input:
        rules.data_prepare.output,
    output:
        f"{RESULTS}/gallery/manifest.json",
    log:
        f"{RESULTS}/logs/gallery.log",
    resources:
        **needs("augment gallery"),
    params:
        spec=lambda wildcards: plan.spec("augment gallery"),
        code=lambda wildcards: plan.code("augment gallery"),
        data=f"{DATA}/prepared",
        out=f"{RESULTS}/gallery",
    message:
        "gallery of {plan.config.name}"
    shell:
        "python -m darkroom augment gallery --spec {params.spec:q} --data {params.data} --out {params.out}"
        " > {log} 2>&1"
