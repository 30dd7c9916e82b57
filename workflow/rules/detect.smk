"""Anomaly detectors, fitted on normal images and evaluated on the test split."""

DETECTOR = f"{RESULTS}/detect/{{task}}/{{detector}}/seed-{{seed}}"


def classifier_of(wildcards):
    """The trained classifier that the detector looks through, where it does."""
    folder = plan.looks_through(wildcards.detector, wildcards.seed)
    return [f"{folder}/manifest.json"] if folder else []


rule detect_fit:
    input:
        data=rules.data_prepare.output,
        classifier=classifier_of,
    output:
        f"{DETECTOR}/model/manifest.json",
    log:
        f"{RESULTS}/logs/detect/{{task}}/{{detector}}/seed-{{seed}}/fit.log",
    group:
        bundle("detect", "detect fit")
    threads: lambda wildcards: plan.threads("detect fit", **wildcards)
    resources:
        **needs("detect fit"),
    params:
        spec=lambda wildcards: plan.spec("detect fit", **wildcards),
        code=lambda wildcards: plan.code("detect fit", **wildcards),
        data=f"{DATA}/prepared",
        classifier=lambda wildcards: (
            f"--classifier {plan.looks_through(wildcards.detector, wildcards.seed)}"
            if plan.looks_through(wildcards.detector, wildcards.seed)
            else ""
        ),
        checkpoints=f"{RESULTS}/checkpoints",
        out=f"{DETECTOR}/model",
    message:
        "fit detector: {wildcards.detector} on {wildcards.task}, seed {wildcards.seed}"
    shell:
        "python -m darkroom detect fit --spec {params.spec:q} --data {params.data} {params.classifier}"
        " --checkpoints {params.checkpoints} --out {params.out} > {log} 2>&1"


rule detect_evaluate:
    input:
        data=rules.data_prepare.output,
        model=rules.detect_fit.output,
    output:
        f"{DETECTOR}/evaluation/manifest.json",
        report(
            f"{DETECTOR}/evaluation/gallery.png",
            caption="../report/gallery.rst",
            category="detect",
            labels={
                "task": "{task}",
                "detector": "{detector}",
                "seed": "{seed}",
                "plot": "gallery",
            },
        ),
    log:
        f"{RESULTS}/logs/detect/{{task}}/{{detector}}/seed-{{seed}}/evaluate.log",
    group:
        bundle("detect", "detect evaluate")
    resources:
        **needs("detect evaluate"),
    params:
        spec=lambda wildcards: plan.spec("detect evaluate", **wildcards),
        code=lambda wildcards: plan.code("detect evaluate", **wildcards),
        data=f"{DATA}/prepared",
        model=f"{DETECTOR}/model",
        out=f"{DETECTOR}/evaluation",
    message:
        "evaluate detector: {wildcards.detector} on {wildcards.task}, seed {wildcards.seed}"
    shell:
        "python -m darkroom detect evaluate --spec {params.spec:q} --data {params.data} --model {params.model}"
        " --out {params.out} > {log} 2>&1"
