"""Features of all images without a look at their labels, and clusters of them."""

explore_embed = StageRule(plan, "explore embed", "--workers {threads}")


rule explore_embed:
    input:
        explore_embed.inputs,
    output:
        explore_embed.manifest,
    log:
        explore_embed.log,
    priority: explore_embed.priority
    threads: explore_embed.threads
    resources:
        **explore_embed.resources,
    params:
        **explore_embed.params,
    message:
        explore_embed.message
    shell:
        explore_embed.command


explore_cluster = StageRule(plan, "explore cluster")


rule explore_cluster:
    input:
        explore_cluster.inputs,
    output:
        explore_cluster.manifest,
    log:
        explore_cluster.log,
    priority: explore_cluster.priority
    resources:
        **explore_cluster.resources,
    params:
        **explore_cluster.params,
    message:
        explore_cluster.message
    shell:
        explore_cluster.command
