"""Networks pretrained on the training images without labels, and features to compare theirs with."""

pretrain_train = StageRule(plan, "pretrain train")


rule pretrain_train:
    input:
        pretrain_train.inputs,
    output:
        pretrain_train.manifest,
    log:
        pretrain_train.log,
    priority: pretrain_train.priority
    threads: pretrain_train.threads
    resources:
        **pretrain_train.resources,
    params:
        **pretrain_train.params,
    message:
        pretrain_train.message
    shell:
        pretrain_train.command


pretrain_baselines = StageRule(plan, "pretrain baselines", "--workers {threads}")


rule pretrain_baselines:
    input:
        pretrain_baselines.inputs,
    output:
        pretrain_baselines.manifest,
    log:
        pretrain_baselines.log,
    priority: pretrain_baselines.priority
    threads: pretrain_baselines.threads
    resources:
        **pretrain_baselines.resources,
    params:
        **pretrain_baselines.params,
    message:
        pretrain_baselines.message
    shell:
        pretrain_baselines.command
