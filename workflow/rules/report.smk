"""The one page that shows it all."""

report_build = StageRule(plan, "report build")


rule report_build:
    input:
        report_build.inputs,
    output:
        report_build.manifest,
        page=report(
            f"{report_build.folder}/index.html",
            caption="../report/report.rst",
            category="report",
        ),
    log:
        report_build.log,
    priority: report_build.priority
    resources:
        **report_build.resources,
    params:
        **report_build.params,
    message:
        report_build.message
    shell:
        report_build.command
