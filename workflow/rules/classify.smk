"""Classifiers: a network under a policy with a seed, trained and evaluated."""

classify_features = StageRule(plan, "classify features", "--workers {threads}")


rule classify_features:
    input:
        classify_features.inputs,
    output:
        classify_features.manifest,
    log:
        classify_features.log,
    priority: classify_features.priority
    threads: classify_features.threads
    resources:
        **classify_features.resources,
    params:
        **classify_features.params,
    message:
        classify_features.message
    shell:
        classify_features.command


classify_lr_range = StageRule(plan, "classify lr_range")


rule classify_lr_range:
    input:
        classify_lr_range.inputs,
    output:
        classify_lr_range.manifest,
        report(
            f"{classify_lr_range.folder}/lr_range.png",
            caption="../report/lr_range.rst",
            category="classify",
            labels={"policy": "{policy}", "model": "{model}", "plot": "learning rate"},
        ),
    log:
        classify_lr_range.log,
    priority: classify_lr_range.priority
    threads: classify_lr_range.threads
    resources:
        **classify_lr_range.resources,
    params:
        **classify_lr_range.params,
    message:
        classify_lr_range.message
    shell:
        classify_lr_range.command


classify_train = StageRule(plan, "classify train")


rule classify_train:
    input:
        classify_train.inputs,
    output:
        classify_train.manifest,
    log:
        classify_train.log,
    priority: classify_train.priority
    group:
        bundle(classify_train, "classify")
    threads: classify_train.threads
    resources:
        **classify_train.resources,
    params:
        **classify_train.params,
    message:
        classify_train.message
    shell:
        classify_train.command


classify_evaluate = StageRule(plan, "classify evaluate", "--workers {threads}")
FIGURES = {
    "class": ("confusion", "reliability"),
    "labels": ("labels", "precision_recall"),
    "numbers": ("predicted", "residuals"),
}


rule classify_evaluate:
    input:
        classify_evaluate.inputs,
    output:
        classify_evaluate.manifest,
        *(
            report(
                f"{classify_evaluate.folder}/{figure}.png",
                caption=f"../report/{figure}.rst",
                category="classify",
                labels={
                    "policy": "{policy}",
                    "model": "{model}",
                    "seed": "{seed}",
                    "plot": figure,
                },
            )
            for figure in FIGURES[plan.config.target]
        ),
    log:
        classify_evaluate.log,
    priority: classify_evaluate.priority
    group:
        bundle(classify_evaluate, "classify")
    threads: classify_evaluate.threads
    resources:
        **classify_evaluate.resources,
    params:
        **classify_evaluate.params,
    message:
        classify_evaluate.message
    shell:
        classify_evaluate.command


classify_explain = StageRule(plan, "classify explain")


rule classify_explain:
    input:
        classify_explain.inputs,
    output:
        classify_explain.manifest,
    log:
        classify_explain.log,
    priority: classify_explain.priority
    resources:
        **classify_explain.resources,
    params:
        **classify_explain.params,
    message:
        classify_explain.message
    shell:
        classify_explain.command


classify_fold = StageRule(plan, "classify fold")


rule classify_fold:
    input:
        classify_fold.inputs,
    output:
        classify_fold.manifest,
    log:
        classify_fold.log,
    priority: classify_fold.priority
    threads: classify_fold.threads
    resources:
        **classify_fold.resources,
    params:
        **classify_fold.params,
    message:
        classify_fold.message
    shell:
        classify_fold.command


classify_cross_validate = StageRule(plan, "classify cross_validate")


rule classify_cross_validate:
    input:
        classify_cross_validate.inputs,
    output:
        classify_cross_validate.manifest,
    log:
        classify_cross_validate.log,
    priority: classify_cross_validate.priority
    threads: classify_cross_validate.threads
    resources:
        **classify_cross_validate.resources,
    params:
        **classify_cross_validate.params,
    message:
        classify_cross_validate.message
    shell:
        classify_cross_validate.command


classify_share = StageRule(plan, "classify share")


rule classify_share:
    input:
        classify_share.inputs,
    output:
        classify_share.manifest,
    log:
        classify_share.log,
    priority: classify_share.priority
    threads: classify_share.threads
    resources:
        **classify_share.resources,
    params:
        **classify_share.params,
    message:
        classify_share.message
    shell:
        classify_share.command


classify_learning_curve = StageRule(plan, "classify learning_curve")


rule classify_learning_curve:
    input:
        classify_learning_curve.inputs,
    output:
        classify_learning_curve.manifest,
    log:
        classify_learning_curve.log,
    priority: classify_learning_curve.priority
    threads: classify_learning_curve.threads
    resources:
        **classify_learning_curve.resources,
    params:
        **classify_learning_curve.params,
    message:
        classify_learning_curve.message
    shell:
        classify_learning_curve.command


classify_trial = StageRule(plan, "classify trial")


rule classify_trial:
    input:
        classify_trial.inputs,
    output:
        classify_trial.manifest,
    log:
        classify_trial.log,
    priority: classify_trial.priority
    threads: classify_trial.threads
    resources:
        **classify_trial.resources,
    params:
        **classify_trial.params,
    message:
        classify_trial.message
    shell:
        classify_trial.command


classify_search = StageRule(plan, "classify search")


rule classify_search:
    input:
        classify_search.inputs,
    output:
        classify_search.manifest,
    log:
        classify_search.log,
    priority: classify_search.priority
    threads: classify_search.threads
    resources:
        **classify_search.resources,
    params:
        **classify_search.params,
    message:
        classify_search.message
    shell:
        classify_search.command
