"""Anomaly detectors, fitted on normal images and evaluated on the test split."""

detect_fit = StageRule(plan, "detect fit")


rule detect_fit:
    input:
        detect_fit.inputs,
    output:
        detect_fit.manifest,
    log:
        detect_fit.log,
    priority: detect_fit.priority
    group:
        bundle(detect_fit, "detect")
    threads: detect_fit.threads
    resources:
        **detect_fit.resources,
    params:
        **detect_fit.params,
    message:
        detect_fit.message
    shell:
        detect_fit.command


detect_evaluate = StageRule(plan, "detect evaluate")
pictured = "gallery" if plan.config.data.kind == "image" else "histogram"


rule detect_evaluate:
    input:
        detect_evaluate.inputs,
    output:
        detect_evaluate.manifest,
        report(
            f"{detect_evaluate.folder}/{pictured}.png",
            caption=f"../report/{pictured}.rst",
            category="detect",
            labels={
                "task": "{task}",
                "detector": "{detector}",
                "seed": "{seed}",
                "plot": pictured,
            },
        ),
    log:
        detect_evaluate.log,
    priority: detect_evaluate.priority
    group:
        bundle(detect_evaluate, "detect")
    resources:
        **detect_evaluate.resources,
    params:
        **detect_evaluate.params,
    message:
        detect_evaluate.message
    shell:
        detect_evaluate.command
