"""Runs workflow/Snakefile, which is where Snakemake's workflow catalog and `snakedeploy` look for a workflow."""


include: "workflow/Snakefile"


workflow.default_target = "all"  # an included file sets none
