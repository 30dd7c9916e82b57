"""Rows of docs/reruns.md that change the config or the pictures."""

from __future__ import annotations

import shutil

from tests.workflow.edits import (
    ALL,
    added,
    new_class,
    pictures,
    renamed,
    replaced,
    settings,
    together,
    touched,
)
from tests.workflow.row import (
    EVERYTHING,
    EXPLAINED,
    GENERATORS,
    JUDGED,
    LR,
    MLP,
    NEW,
    OF_GENERATORS,
    OF_POLICY,
    ONLINE,
    ONLY_REPORT,
    PREPARED,
    PRETRAINED,
    STANDARD,
    SYNTHETIC_COPIES,
    Row,
)

AUDITS = "the audit's judges and audits"
ROWS = [
    Row("nothing", settings()),
    Row("`data.size`", settings(data__size=12), PREPARED, "prepare, and what follows", "size nothing → 12"),
    Row("`data.largest_side`", settings(data__largest_side=5000), ONLY_REPORT),
    Row("`data.resize`", settings(data__resize="crop"), PREPARED, "prepare, and what follows"),
    Row("`data.color`", settings(data__color="gray"), PREPARED, "prepare, and what follows"),
    Row(
        "`data.split`",
        settings(data__split={"val": 0.2, "test": 0.3}),
        PREPARED,
        "prepare, and what follows",
        "split.test",
    ),
    Row("`data.label_preserving`", settings(data__label_preserving={"hflip": False}), ONLY_REPORT),
    Row(
        "`data.source.path`, the same pictures elsewhere",
        together(pictures(), settings(data__source__path="kept")),
        EVERYTHING,
        "all",
        "source.path pictures → kept",
    ),
    Row(
        "`augment.standard.copies`",
        settings(augment__standard__copies=2),
        STANDARD,
        OF_POLICY,
        "copies 1 → 2",
    ),
    Row("`augment.standard.offline`", settings(augment__standard__offline=["hflip"]), STANDARD, OF_POLICY),
    Row("`augment.standard.classes`", settings(augment__standard__classes={"0": {"copies": 2}}), STANDARD, OF_POLICY),
    Row("`augment.standard.balance`", settings(augment__standard__balance=True), STANDARD, OF_POLICY),
    Row("`augment.standard.seed`", settings(augment__standard__seed=1), STANDARD, OF_POLICY),
    Row(
        "`augment.standard.imbalance`",
        settings(augment__standard={"copies": 1, "offline": ["affine"], "imbalance": "class_weights"}),
        ONLINE,
        "this policy's audit, classifiers on it",
    ),
    Row(
        "`augment.standard.allow_label_breaking`",
        settings(augment__standard__allow_label_breaking=["hflip"]),
        ("audit: standard",),
        "this policy's audit",
    ),
    Row(
        "`augment.drawn.synthetic`",
        settings(augment__drawn__synthetic={"model": "gan"}),
        SYNTHETIC_COPIES,
        "drawn copies and classifiers on them",
        "generator vae → gan",
    ),
    Row(
        "`augment.standard.online`",
        settings(augment__standard__online=["hflip"]),
        ONLINE,
        "this policy's audit, classifiers on it",
        "policy.online: with hflip",
    ),
    Row("`audit.images`", settings(audit__images=20), ("audit: ",), "audits", "images 200 → 20"),
    Row("`audit.training`", settings(audit__training__epochs=2), JUDGED, AUDITS),
    Row("`audit.network`", settings(audit__network={"name": "mlp"}), JUDGED, AUDITS),
    Row("`audit.transfer`", settings(audit__network="pretrained", audit__transfer="probe"), JUDGED, AUDITS),
    Row("`audit.seed`", settings(audit__seed=1), JUDGED, AUDITS),
    Row("`audit.folds`", settings(audit__folds=3), JUDGED, AUDITS, "folds 2 → 3", new=("train judge: fold 2",)),
    Row("`audit.tolerance`", settings(audit__tolerance=0.1), ("audit: ",), "audits"),
    Row("`audit.draws`", settings(audit__draws=3), ("audit: ",), "audits"),
    Row("`audit.resamples`", settings(audit__resamples=50), ("audit: ",), "audits"),
    Row("`audit.policies`, the same ones by name", settings(audit__policies=["standard"]), ONLY_REPORT),
    Row("`audit` taken out", settings(audit=None), ONLY_REPORT, why="audit taken out"),
    Row("`classify.training`", settings(classify__training={"epochs": 2}), ("classifier",), "classifiers"),
    Row(
        "`classify.training.threads`, on which sums depend",
        settings(classify__training={"epochs": 1, "threads": 2}),
        ("classifier",),
        "classifiers",
        "training.threads 1 → 2",
    ),
    Row(
        "`classify.models.mlp.network`",
        settings(classify__models__mlp__network={"hidden": [16]}),
        MLP,
        "its trainings and evaluations",
        "network.hidden",
    ),
    Row(
        "`classify.models.mlp.loss`",
        settings(classify__models__mlp__loss="focal"),
        MLP,
        "its trainings and evaluations",
        "loss cross_entropy → focal",
    ),
    Row(
        "`classify.models.mlp.semi`",
        settings(classify__models__mlp__semi="fixmatch"),
        MLP,
        "its trainings and evaluations",
        "fixmatch",
    ),
    Row("`classify.baseline`", settings(classify__baseline="mlp"), ONLY_REPORT),
    Row(
        "`classify.policies` without one",
        settings(classify__policies=["none", "standard"]),
        EXPLAINED,
        "the explanation",
    ),
    Row(
        "the learning rate of one classifier",
        LR,
        MLP,
        "its trainings and evaluations",
        "training.optimizer.lr 0.001 → 0.01",
    ),
    Row(
        "two values swapped",
        settings(classify__models__mlp__training__optimizer={"lr": 0.002, "weight_decay": 0.001}),
        MLP,
        "its trainings and evaluations",
        "training.optimizer.lr 0.001 → 0.002; training.optimizer.weight_decay 0.002 → 0.001",
    ),
    Row(
        "keys in another order, a default written out",
        settings(
            classify__models__mlp__training__optimizer={
                "weight_decay": 0.002,
                "beta1": 0.9,
                "lr": 0.001,
                "name": "adamw",
            },
            generate__seeds=1,
        ),
    ),
    *(
        Row(
            f"`classify.{key}`",
            settings(**{f"classify__{key}": value}),
            ("evaluate classifier",),
            "evaluations of classifiers",
        )
        for key, value in {"tta": ["hflip"], "tta_merge": "max", "resamples": 50, "costs": {"0": {"1": 5}}}.items()
    ),
    Row("`pretrain.training`", settings(pretrain__training={"epochs": 2}), PRETRAINED, "pretrainings"),
    Row("`pretrain.seed`", settings(pretrain__seed=1), PRETRAINED, "pretrainings", when="thorough"),
    Row(
        "a pretraining added",
        settings(pretrain__models__more={"objective": "rotation", "network": "cnn"}),
        which=NEW,
        new=("pretrain: more",),
    ),
    Row("`generate.training`", settings(generate__training={"epochs": 2}), GENERATORS, OF_GENERATORS),
    Row("`generate.snapshots`", settings(generate__snapshots=2), GENERATORS, OF_GENERATORS),
    Row(
        "`generate.inception`",
        settings(generate__inception="weights.pt"),
        ("evaluate generator",),
        "evaluations of generators",
    ),
    Row("`generate.steps`", settings(generate__steps=[2]), ("evaluate generator",), "evaluations of generators"),
    Row(
        "`generate.seeds`, one added",
        settings(generate__seeds=[0, 1]),
        new=tuple(f"{do} generator: {model}, seed 1" for do in ("train", "evaluate") for model in ("vae", "gan")),
    ),
    Row(
        "`generate.inception`",
        settings(generate__inception="inception.pt"),
        ("evaluate generator",),
        "evaluations of generators",
    ),
    Row("`generate.samples`", settings(generate__samples=8), ("evaluate generator",), "evaluations of generators"),
    Row(
        "`generate.judge`",
        settings(generate__judge={"training": {"epochs": 1}}),
        ("train judge of", "evaluate generator", *SYNTHETIC_COPIES),
        "the judge, evaluations of generators, drawn copies and classifiers on them",
    ),
    Row(
        "`generate.models.gan.training`",
        settings(generate__models__gan={"training": {"epochs": 3}}),
        ("generator: gan",),
        "its training and evaluation",
    ),
    Row(
        "`detect.detectors.pca.detector`",
        settings(detect__detectors__pca={"detector": {"components": 3}}),
        ("detector: pca",),
        "its fits and evaluations",
        "detector.components ",
    ),
    Row(
        "`detect.false_alarms`", settings(detect__false_alarms=0.1), ("evaluate detector",), "evaluations of detectors"
    ),
    Row("`detect.recall`", settings(detect__recall=0.9), ("evaluate detector",), "evaluations of detectors"),
    Row(
        "`detect.threshold`", settings(detect__threshold="best_f1"), ("evaluate detector",), "evaluations of detectors"
    ),
    Row("`detect.examples`", settings(detect__examples=10), ("evaluate detector",), "evaluations of detectors"),
    Row("`detect.resamples`", settings(detect__resamples=50), ("evaluate detector",), "evaluations of detectors"),
    Row(
        "`detect.training`",
        settings(detect__training={"epochs": 1}),
        ("detector: autoencoder",),
        "fits and evaluations of what is trained",
    ),
    Row(
        "`detect.contamination`, one added",
        settings(detect__contamination=[0.0, 0.1]),
        new=tuple(
            f"{do} detector: {name} on normal-{n}.contamination-0.1, seed 0"
            for do in ("fit", "evaluate")
            for name in ("pca", "autoencoder")
            for n in (1, 2)
        ),
    ),
    Row(
        "`detect.seeds`, one added",
        settings(detect__seeds=[0, 1]),
        new=tuple(
            f"{do} detector: {name} on normal-{n}, seed 1"
            for do in ("fit", "evaluate")
            for name in ("pca", "autoencoder")
            for n in (1, 2)
        ),
    ),
    Row("`tracking.uri`", settings(tracking={"uri": "sqlite:///results/other.db"})),
    # --- what there is
    Row(
        "a classifier added",
        settings(classify__models__wide={"network": "mlp"}),
        new=tuple(
            f"{do} classifier: wide on {policy}, seed {seed}"
            for do in ("train", "evaluate")
            for policy in ("none", "standard", "drawn")
            for seed in (0, 1)
        ),
        why="never made",
    ),
    Row("a classifier removed", settings(classify__models__mlp=None), EXPLAINED, "the explanation"),
    Row(
        "a policy added",
        settings(augment__strong={"copies": 2}),
        new=(
            "augment: strong",
            "augment: strong, contact sheet",
            "audit: strong",
            *(
                f"{do} classifier: {model} on strong, seed {seed}"
                for do in ("train", "evaluate")
                for model in ("mlp", "resnet")
                for seed in (0, 1)
            ),
        ),
    ),
    Row("a policy removed", settings(augment__drawn=None), EXPLAINED, "the explanation"),
    Row(
        "a seed added",
        settings(classify__seeds=[0, 1, 2]),
        new=tuple(job.replace("seed 1", "seed 2") for job in sorted(ALL) if "classifier" in job and "seed 1" in job),
    ),
    Row("a seed removed", settings(classify__seeds=[0]), ONLY_REPORT),
    Row(
        "a generator added",
        settings(generate__models__diffusion={}),
        new=tuple(f"{do} generator: diffusion, seed 0" for do in ("train", "evaluate")),
    ),
    Row("a generator removed", settings(generate__models__gan=None), ONLY_REPORT),
    Row(
        "a detector added",
        settings(detect__detectors__near={"detector": "mahalanobis"}),
        new=tuple(f"{do} detector: near on normal-{n}, seed 0" for do in ("fit", "evaluate") for n in (1, 2)),
    ),
    Row("a detector removed", settings(detect__detectors__pca=None), ONLY_REPORT),
    Row(
        "a class added to `detect.normal`",
        settings(detect__normal=["1", "2", "0"]),
        new=tuple(
            f"{do} detector: {name} on normal-0, seed 0"
            for do in ("fit", "evaluate")
            for name in ("pca", "autoencoder")
        ),
    ),
    Row("a class taken out of `detect.normal`", settings(detect__normal=["1"]), ONLY_REPORT),
    # --- pictures
    Row("a class of pictures added", pictures(new_class), EVERYTHING, "all", "1 new image"),
    Row(
        "a class of pictures deleted",
        pictures(lambda folder: shutil.rmtree(folder / "0")),
        EVERYTHING,
        "all",
        "removed",
    ),
    Row("three pictures added", pictures(added), EVERYTHING, "all", "3 new images"),
    Row(
        "a picture replaced, under the old time and size",
        pictures(lambda folder: replaced(folder / "0" / "0.png")),
        EVERYTHING,
        "all",
        "1 replaced image",
        when="thorough",
    ),
    Row("a picture deleted", pictures(lambda p: (p / "0" / "0.png").unlink()), EVERYTHING, "all", "1 removed image"),
    Row("a picture renamed", pictures(renamed), EVERYTHING, "all", "1 renamed image"),
    Row(
        "pictures, modules or manifests touched",
        touched("pictures/0/0.png", "src/darkroom/nets/resnet.py", "data/stale/prepared/manifest.json"),
    ),
]
