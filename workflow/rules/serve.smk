"""The best models as MLflow serves them, for its registry."""

serve_package = StageRule(plan, "serve package")
packages = expand(serve_package.manifest, model=registered(plan.config))


rule serve_package:
    input:
        serve_package.inputs,
    output:
        serve_package.manifest,
    log:
        serve_package.log,
    priority: serve_package.priority
    threads: serve_package.threads
    resources:
        **serve_package.resources,
    params:
        **serve_package.params,
    message:
        serve_package.message
    shell:
        serve_package.command
