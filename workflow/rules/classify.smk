"""Classifiers: a network under a policy with a seed, trained and evaluated."""

CLASSIFIER = f"{RESULTS}/classify/{{policy}}/{{model}}/seed-{{seed}}"


def copies_of(wildcards):
    """The copies to train on, where the policy has any made beforehand."""
    folder = plan.copies(wildcards.policy)
    return [f"{folder}/manifest.json"] if folder else []


rule classify_train:
    input:
        data=rules.data_prepare.output,
        copies=copies_of,
    output:
        f"{CLASSIFIER}/model/manifest.json",
    log:
        f"{RESULTS}/logs/classify/{{policy}}/{{model}}/seed-{{seed}}/train.log",
    # the longest jobs of most runs: early, so that none is left alone at the end
    priority: 5
    group:
        bundle("classify", "classify train")
    threads: lambda wildcards: plan.threads("classify train", **wildcards)
    resources:
        **needs("classify train"),
    params:
        spec=lambda wildcards: plan.spec("classify train", **wildcards),
        code=lambda wildcards: plan.code("classify train", **wildcards),
        data=f"{DATA}/prepared",
        copies=lambda wildcards: (
            f"--copies {plan.copies(wildcards.policy)}"
            if plan.copies(wildcards.policy)
            else ""
        ),
        checkpoints=f"{RESULTS}/checkpoints",
        out=f"{CLASSIFIER}/model",
    message:
        "train classifier: {wildcards.model} on {wildcards.policy}, seed {wildcards.seed}"
    shell:
        "python -m darkroom classify train --spec {params.spec:q} --data {params.data} {params.copies}"
        " --checkpoints {params.checkpoints} --out {params.out} > {log} 2>&1"


rule classify_evaluate:
    input:
        data=rules.data_prepare.output,
        model=rules.classify_train.output,
    output:
        f"{CLASSIFIER}/evaluation/manifest.json",
        report(
            f"{CLASSIFIER}/evaluation/confusion.png",
            caption="../report/confusion.rst",
            category="classify",
            labels={
                "policy": "{policy}",
                "model": "{model}",
                "seed": "{seed}",
                "plot": "confusion",
            },
        ),
        report(
            f"{CLASSIFIER}/evaluation/reliability.png",
            caption="../report/reliability.rst",
            category="classify",
            labels={
                "policy": "{policy}",
                "model": "{model}",
                "seed": "{seed}",
                "plot": "reliability",
            },
        ),
    log:
        f"{RESULTS}/logs/classify/{{policy}}/{{model}}/seed-{{seed}}/evaluate.log",
    group:
        bundle("classify", "classify evaluate")
    resources:
        **needs("classify evaluate"),
    params:
        spec=lambda wildcards: plan.spec("classify evaluate", **wildcards),
        code=lambda wildcards: plan.code("classify evaluate", **wildcards),
        data=f"{DATA}/prepared",
        model=f"{CLASSIFIER}/model",
        out=f"{CLASSIFIER}/evaluation",
    message:
        "evaluate classifier: {wildcards.model} on {wildcards.policy}, seed {wildcards.seed}"
    shell:
        "python -m darkroom classify evaluate --spec {params.spec:q} --data {params.data} --model {params.model}"
        " --out {params.out} > {log} 2>&1"
