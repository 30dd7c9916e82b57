"""Rows of docs/reruns.md about comparing and choosing settings of classifiers."""

from __future__ import annotations

from tests.workflow.edits import settings
from tests.workflow.row import MLP, Row

CLASSIFIERS = [
    (model, policy, seed) for model in ("mlp", "resnet") for policy in ("none", "standard", "drawn") for seed in (0, 1)
]
UNSEEN = [each for each in CLASSIFIERS if each[1] != "drawn"]
"""Classifiers whose policy draws no images from a generator that saw all training images."""
ROWS = [
    Row(
        "`classify.cross_validate` added",
        settings(classify__cross_validate=2),
        new=(
            *(
                f"train classifier: {model} on {policy}, seed {seed} without fold {fold}"
                for model, policy, seed in CLASSIFIERS
                for fold in (0, 1)
            ),
            *(f"draw copies for drawn, seed {seed} without fold {fold}" for seed in (0, 1) for fold in (0, 1)),
            "pool the folds of the classifiers of stale",
        ),
        when="thorough",
    ),
    Row(
        "`classify.learning_curve` added",
        settings(classify__learning_curve=[0.5, 1]),
        new=(
            *(
                f"train classifier: {model} on {policy}, seed {seed} with a share of 0.5"
                for model, policy, seed in UNSEEN
            ),
            "learning curves of the classifiers of stale",
        ),
    ),
    Row(
        "`classify.search`, one added",
        settings(classify__search={"tuned": {"model": "mlp", "trials": 2, "space": {"network.dropout": [0.1, 0.2]}}}),
        new=(
            "search tuned: round 0, trial 0",
            "search tuned: round 0, trial 1",
            "search tuned: choose the best trial",
            *(f"{do} classifier: tuned on none, seed {seed}" for do in ("train", "evaluate") for seed in (0, 1)),
        ),
        when="thorough",
    ),
    Row(
        "the learning rate of one classifier to `auto`",
        settings(classify__models__mlp__training__optimizer={"lr": "auto", "weight_decay": 0.002}),
        MLP,
        "its range tests, trainings and evaluations",
        "training.optimizer.lr 0.001 → auto",
        new=tuple(f"learning-rate range test: mlp on {policy}" for policy in ("none", "standard", "drawn")),
        when="thorough",
    ),
]
