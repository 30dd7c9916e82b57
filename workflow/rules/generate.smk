"""Generative models, trained, sampled from and scored."""

GENERATOR = f"{RESULTS}/generate/{{model}}/seed-{{seed}}"


rule generate_judge:
    input:
        rules.data_prepare.output,
    output:
        f"{RESULTS}/generate/judge/manifest.json",
    log:
        f"{RESULTS}/logs/generate/judge.log",
    priority: 4
    threads: lambda wildcards: plan.threads("generate judge")
    resources:
        **needs("generate judge"),
    params:
        spec=lambda wildcards: plan.spec("generate judge"),
        code=lambda wildcards: plan.code("generate judge"),
        data=f"{DATA}/prepared",
        checkpoints=f"{RESULTS}/checkpoints",
        out=f"{RESULTS}/generate/judge",
    message:
        "train judge of generators"
    shell:
        "python -m darkroom generate judge --spec {params.spec:q} --data {params.data}"
        " --checkpoints {params.checkpoints} --out {params.out} > {log} 2>&1"


rule generate_train:
    input:
        data=rules.data_prepare.output,
    output:
        f"{GENERATOR}/model/manifest.json",
    log:
        f"{RESULTS}/logs/generate/{{model}}/seed-{{seed}}/train.log",
    threads: lambda wildcards: plan.threads("generate train", **wildcards)
    resources:
        **needs("generate train"),
    params:
        spec=lambda wildcards: plan.spec("generate train", **wildcards),
        code=lambda wildcards: plan.code("generate train", **wildcards),
        data=f"{DATA}/prepared",
        checkpoints=f"{RESULTS}/checkpoints",
        out=f"{GENERATOR}/model",
    message:
        "train generator: {wildcards.model}, seed {wildcards.seed}"
    shell:
        "python -m darkroom generate train --spec {params.spec:q} --data {params.data}"
        " --checkpoints {params.checkpoints} --out {params.out} > {log} 2>&1"


rule generate_evaluate:
    input:
        data=rules.data_prepare.output,
        model=rules.generate_train.output,
        judge=rules.generate_judge.output,
    output:
        f"{GENERATOR}/evaluation/manifest.json",
        report(
            f"{GENERATOR}/evaluation/samples.png",
            caption="../report/samples.rst",
            category="generate",
            labels={"model": "{model}", "seed": "{seed}", "plot": "samples"},
        ),
    log:
        f"{RESULTS}/logs/generate/{{model}}/seed-{{seed}}/evaluate.log",
    resources:
        **needs("generate evaluate"),
    params:
        spec=lambda wildcards: plan.spec("generate evaluate", **wildcards),
        code=lambda wildcards: plan.code("generate evaluate", **wildcards),
        data=f"{DATA}/prepared",
        model=f"{GENERATOR}/model",
        judge=f"{RESULTS}/generate/judge",
        out=f"{GENERATOR}/evaluation",
    message:
        "evaluate generator: {wildcards.model}, seed {wildcards.seed}"
    shell:
        "python -m darkroom generate evaluate --spec {params.spec:q} --data {params.data} --model {params.model}"
        " --judge {params.judge} --out {params.out} > {log} 2>&1"


rule generate_synthesize:
    input:
        data=rules.data_prepare.output,
        judge=rules.generate_judge.output,
        model=lambda wildcards: expand(
            rules.generate_train.output,
            model=plan.synthetic(wildcards.policy).model,
            seed=plan.synthetic(wildcards.policy).seed,
        ),
    output:
        f"{RESULTS}/generate/synthetic/{{policy}}/manifest.json",
        report(
            f"{RESULTS}/generate/synthetic/{{policy}}/synthetic.png",
            caption="../report/synthetic.rst",
            category="generate",
            labels={"policy": "{policy}", "plot": "drawn copies"},
        ),
    log:
        f"{RESULTS}/logs/generate/synthetic/{{policy}}.log",
    priority: 10
    resources:
        **needs("generate synthesize"),
    params:
        spec=lambda wildcards: plan.spec("generate synthesize", **wildcards),
        code=lambda wildcards: plan.code("generate synthesize", **wildcards),
        data=f"{DATA}/prepared",
        model=lambda wildcards: (
            f"{RESULTS}/generate/{plan.synthetic(wildcards.policy).model}"
            f"/seed-{plan.synthetic(wildcards.policy).seed}/model"
        ),
        judge=f"{RESULTS}/generate/judge",
        out=f"{RESULTS}/generate/synthetic/{{policy}}",
    message:
        "draw copies for {wildcards.policy}"
    shell:
        "python -m darkroom generate synthesize --spec {params.spec:q} --data {params.data} --model {params.model}"
        " --judge {params.judge} --out {params.out} > {log} 2>&1"
