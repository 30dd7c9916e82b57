"""Runs workflow/Snakefile, which is where Snakemake's workflow catalog and `snakedeploy` look for a workflow."""


include: "workflow/Snakefile"
