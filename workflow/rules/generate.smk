"""Generative models, trained, sampled from and scored."""

generate_judge = StageRule(plan, "generate judge")


rule generate_judge:
    input:
        generate_judge.inputs,
    output:
        generate_judge.manifest,
    log:
        generate_judge.log,
    priority: generate_judge.priority
    threads: generate_judge.threads
    resources:
        **generate_judge.resources,
    params:
        **generate_judge.params,
    message:
        generate_judge.message
    shell:
        generate_judge.command


generate_train = StageRule(plan, "generate train")


rule generate_train:
    input:
        generate_train.inputs,
    output:
        generate_train.manifest,
    log:
        generate_train.log,
    priority: generate_train.priority
    threads: generate_train.threads
    resources:
        **generate_train.resources,
    params:
        **generate_train.params,
    message:
        generate_train.message
    shell:
        generate_train.command


generate_evaluate = StageRule(plan, "generate evaluate")
drawn = "samples" if plan.config.data.kind == "image" else "marginals"


rule generate_evaluate:
    input:
        generate_evaluate.inputs,
    output:
        generate_evaluate.manifest,
        report(
            f"{generate_evaluate.folder}/{drawn}.png",
            caption=f"../report/{drawn}.rst",
            category="generate",
            labels={"model": "{model}", "seed": "{seed}", "plot": drawn},
        ),
    log:
        generate_evaluate.log,
    priority: generate_evaluate.priority
    resources:
        **generate_evaluate.resources,
    params:
        **generate_evaluate.params,
    message:
        generate_evaluate.message
    shell:
        generate_evaluate.command


generate_synthesize = StageRule(plan, "generate synthesize")


rule generate_synthesize:
    input:
        generate_synthesize.inputs,
    output:
        generate_synthesize.manifest,
        report(
            f"{generate_synthesize.folder}/synthetic.png",
            caption="../report/synthetic.rst",
            category="generate",
            labels={"policy": "{policy}", "plot": "drawn copies"},
        ),
    log:
        generate_synthesize.log,
    priority: generate_synthesize.priority
    resources:
        **generate_synthesize.resources,
    params:
        **generate_synthesize.params,
    message:
        generate_synthesize.message
    shell:
        generate_synthesize.command


generate_fold = StageRule(plan, "generate fold")


rule generate_fold:
    input:
        generate_fold.inputs,
    output:
        generate_fold.manifest,
    log:
        generate_fold.log,
    priority: generate_fold.priority
    threads: generate_fold.threads
    resources:
        **generate_fold.resources,
    params:
        **generate_fold.params,
    message:
        generate_fold.message
    shell:
        generate_fold.command
