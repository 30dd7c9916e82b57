"""From a source to one array of images and one table of what they are."""


rule data_fetch:
    output:
        f"{DATA}/raw/manifest.json",
    log:
        f"{RESULTS}/logs/data/fetch.log",
    resources:
        **needs("data fetch"),
    params:
        spec=lambda wildcards: plan.spec("data fetch"),
        code=plan.code("data fetch"),
        out=f"{DATA}/raw",
    message:
        "fetch {plan.config.name}"
    shell:
        "python -m darkroom data fetch --spec {params.spec:q} --out {params.out} > {log} 2>&1"


rule data_prepare:
    input:
        f"{DATA}/raw/manifest.json",
    output:
        f"{DATA}/prepared/manifest.json",
    log:
        f"{RESULTS}/logs/data/prepare.log",
    resources:
        **needs("data prepare"),
    params:
        spec=lambda wildcards: plan.spec("data prepare"),
        code=plan.code("data prepare"),
        raw=f"{DATA}/raw",
        out=f"{DATA}/prepared",
    message:
        "prepare {plan.config.name}"
    shell:
        "python -m darkroom data prepare --spec {params.spec:q} --raw {params.raw} --out {params.out} > {log} 2>&1"
