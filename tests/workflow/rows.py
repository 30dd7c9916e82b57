"""The rows of docs/reruns.md: what is changed, and which jobs that makes stale."""

from __future__ import annotations

from tests.workflow import config_rows, pretrained_rows, tuning_rows, unlabeled_rows
from tests.workflow.edits import (
    added_file,
    away,
    branch_and_back,
    code,
    copied,
    edited,
    moved,
    other_version,
    settings,
    together,
)
from tests.workflow.row import (
    EVERYTHING,
    LR,
    MLP,
    ONLY_REPORT,
    RESNETS,
    TRAINED,
    Row,
)

ROWS = [
    *config_rows.ROWS,
    *tuning_rows.ROWS,
    *pretrained_rows.ROWS,
    *unlabeled_rows.ROWS,
    # --- code
    Row(
        "one network",
        code("nets/resnet.py", "changed + shortcut", "shortcut + changed"),
        RESNETS,
        "what trains or judges with it",
        "nets/resnet.py: function ",
        when="always",
    ),
    Row(
        "one generator's losses",
        code("generate/gan/losses.py", "softplus", "relu"),
        ("generator: gan",),
        "its training and evaluation",
    ),
    Row(
        "one detector",
        code("detect/methods/pca.py", "def __init__", "EXTRA = 1\n\n    def __init__"),
        ("detector: pca",),
        "its fits and evaluations",
        "detect/methods/pca.py: class PCA",
    ),
    Row(
        "one transform",
        code("augment/transforms/affine.py", "draw(-rotate, rotate)", "draw(rotate, -rotate)"),
        ("augment: ", "gallery", "audit: ", "on standard"),
        "policies that name it, the gallery",
    ),
    Row(
        "an option added to one plug-in",
        code("nets/mlp.py", "        *,\n", "        *,\n        scale: Annotated[int, Field(description='x')] = 1,\n"),
        MLP,
        "what names it",
        "network.scale nothing → 1",
        when="always",
    ),
    Row(
        "an option added to another plug-in of the same file",
        code("fit/optimizers.py", "momentum:", "other: Annotated[int, Field(description='x')] = 1,\n    momentum:"),
        when="thorough",
    ),
    Row(
        "a new kind of plug-in",
        added_file(
            "src/darkroom/fit/novel.py",
            'from darkroom.registry import register\n\n\n@register("novelty", "first")\ndef first() -> None: ...\n',
        ),
        when="thorough",
    ),
    Row(
        "an error reworded: in `settings`, in `files`, in a package",
        together(
            code("settings.py", "is listed twice", "appears twice"),
            code("files.py", "could not write {target}", "cannot write {target}"),
            code("data/store.py", "no split", "there is no split"),
        ),
        when="always",
    ),
    Row(
        "layers that two kinds of networks share",
        code("nets/layers.py", "clamp_min(1e-3)", "clamp_min(1e-4)"),
        ("^pretrain: ", "classifier", "fold", "audit", "train judge of", "evaluate generator", "draw"),
        "what uses either",
    ),
    Row(
        "the training loop",
        code("fit/trainer.py", "num_sanity_val_steps=0", "num_sanity_val_steps=1"),
        TRAINED,
        "what trains",
    ),
    Row(
        "a color in the data card",
        code("data/pictures.py", "(220, 38, 38)", "(38, 220, 38)"),
        ("data card",),
        "the data card",
        when="always",
    ),
    Row(
        "the layout of contact sheets",
        code("augment/sheet.py", "ORIGINALS, COPIES = 10, 8", "ORIGINALS, COPIES = 10, 9"),
        ("contact sheet",),
        "the contact sheets",
        when="thorough",
    ),
    Row(
        "the color of plots",
        code("figures.py", '"savefig.facecolor": "white"', '"savefig.facecolor": "ivory"'),
        ("card", "gallery", "^audit: ", "evaluate "),
        "what draws plots: the data card, the gallery, audits, evaluations",
        when="thorough",
    ),
    Row("what every stage uses", code("files.py", "with_name(", 'with_name("" + '), EVERYTHING, "all"),
    Row(
        "a comment, a docstring, the format",
        together(
            code("fit/trainer.py", "def fit(", "# a comment\n\n\ndef fit("),
            code("files.py", '"""Return the sha256 of a', '"""Give the sha256 of a'),
            code("data/prepare.py", "from darkroom.log import Log", "from darkroom.log import (\n    Log,\n)"),
        ),
    ),
    Row("the tracking code", code("tracking/spool.py", "patience: float = 20.0", "patience: float = 21.0")),
    Row(
        "the report's template",
        code("report/templates/page.html", "<body", "<!-- --><body"),
        ONLY_REPORT,
        why="report/templates/page.html: changed",
    ),
    Row(
        "the command of a rule",
        edited("workflow/rules/detect.smk", "detect_evaluate.command", 'detect_evaluate.command + " "'),
        ("evaluate detector",),
        "that rule's",
        "the command of its rule changed",
    ),
    Row(
        "a rule's comment",
        edited("workflow/rules/augment.smk", "rule augment_apply:", "# a comment\nrule augment_apply:"),
    ),
    Row(
        "the version of a library",
        other_version("albumentations"),
        ("augment: ", "gallery", "audit: ", "on standard"),
        "what imports it, and what follows",
        "albumentations 2.0.8 → 99",
    ),
    Row("the version of a library that no stage imports", other_version("snakemake")),
    # --- how it is run
    Row(
        "cores, threads, resources",
        settings(),
        arguments=("--cores", "1", "--set-threads", "augment_apply=1", "--set-resources", "classify_train:mem_mb=900"),
    ),
    Row("another profile", edited("profiles/default/config.yaml", "keep-going: true", "keep-going: false")),
    # --- where it is
    Row("the clone moved to another folder", moved),
    Row("results copied to another clone, `.snakemake/` too", copied(memory=True, times=False)),
    Row("results copied to another clone with their times", copied(memory=False, times=True)),
    Row(
        "results copied to another clone, and the learning rate of one classifier",
        together(LR, copied(memory=False, times=True)),
        MLP,
        "its trainings and evaluations",
        "training.optimizer.lr 0.001 → 0.01",
    ),
    Row("`.snakemake/` deleted", away(".snakemake")),
    Row(
        "`.snakemake/` deleted, and the learning rate of one classifier",
        together(LR, away(".snakemake")),
        MLP,
        "its trainings and evaluations",
        "training.optimizer.lr 0.001 → 0.01",
        when="thorough",
    ),
    Row("a branch checked out and left again", branch_and_back),
    Row(
        "a result deleted",
        away("results/stale/classify/none/mlp/seed-0/model"),
        ("classifier: mlp on none, seed 0",),
        "it, and what follows",
        "it was deleted, or its first run failed",
    ),
    Row(
        "a result's manifest deleted, as by a training that failed",
        away("results/stale/classify/none/mlp/seed-0/model/manifest.json"),
        ("classifier: mlp on none, seed 0",),
        "it, and what follows",
        "its last run failed or was interrupted",
    ),
]
