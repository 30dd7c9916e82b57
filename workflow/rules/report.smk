"""The one page that shows it all."""


rule report_build:
    input:
        # a list with a name of its own would be hashed anew for each of its files
        rules.data_prepare.output,
        *(
            f"{folder}/manifest.json"
            for section in ("augment", "audit")
            for folder in plan.folders(section)
        ),
        *(rules.augment_gallery.output if plan.entries.gallery else ()),
        *(
            f"{folder}/{step}/manifest.json"
            for section in ("classify", "generate", "detect")
            for folder in plan.folders(section)
            for step in ("model", "evaluation")
        ),
    output:
        f"{RESULTS}/report/manifest.json",
        page=report(
            f"{RESULTS}/report/index.html",
            caption="../report/report.rst",
            category="report",
        ),
    log:
        f"{RESULTS}/logs/report.log",
    resources:
        **needs("report build"),
    params:
        spec=lambda wildcards: plan.argument("report build"),
        code=plan.code("report build"),
        data=f"{DATA}/prepared",
        out=f"{RESULTS}/report",
    message:
        "write {output.page}"
    shell:
        f"python -m darkroom report build --spec {{params.spec:q}} --data {{params.data}} --results {RESULTS}"
        " --out {params.out} > {log} 2>&1"
