"""Configs to start from, and ways in which a person, a script or a broken disk might change them."""

from __future__ import annotations

import copy
import datetime
import json
import math
import random
from pathlib import Path
from typing import Any

import yaml

from darkroom import registry

ROOT = Path(__file__).parents[2]
ODD: list[Any] = [
    None, True, False, -1, 0, 1, 2, 0.5, 1.5, 1e300, math.inf, math.nan, 10**30, -(10**5000), "", "x", "x" * 5000, "\0",
    "\ud800", "a\nb\u2028c\u202e", "none", "heavy", "mlp", "sgd", "hflip", "../..", "<b>&", "é", [], {}, [[]], [None], [0],
    [True], ["a", "a"], {"": 1}, {"a\nb": 1}, {1: 2}, {None: None}, {True: {}}, {"name": None}, {"name": "hflip"},
    {"name": ["sgd"]}, {"network": None}, datetime.date(2020, 1, 1), b"x", {1}, (1, 2), object(), [[[[[[[[[[1]]]]]]]]]],
    "x" * 300, "~nobody/x", "~nobody://x", "http://[x", "{wildcards.seed}", "$(id)`id`'\"", "2**63", 2**63 - 1, -(2**63), 10**6,
    1e-300, -0.0, [0, 0], [1, 2, 3], ["1", ["1"]], {"a": {"b": {"c": 1}}},
]  # fmt: skip


def defaults(kind: str, name: str) -> dict[str, Any]:
    """A plug-in with every option that has a default written out."""
    fields = registry.options(kind, name).model_fields
    given = {key: field.default for key, field in fields.items() if not field.is_required()}
    return json.loads(json.dumps(given)) | ({"of": ["pca", "padim"]} if name == "average" else {})


def steps(kind: str) -> list[dict[str, Any]]:
    return [defaults(kind, name) for name in registry.taking(kind, "image")]


def everything() -> dict[str, Any]:
    """A config that names every plug-in for images but the sources, with all its options."""

    def named(kind: str, key: str) -> dict[str, Any]:
        return {name: {key: defaults(kind, name)} for name in registry.taking(kind, "image")}

    mixing = [step for step in steps("batch transform") if step["name"] != "augmix"]
    optimizers = {
        f"with-{o}": {"network": "mlp", "training": {"optimizer": defaults("optimizer", o)}}
        for o in registry.entries("optimizer")
    }
    schedules = {
        f"with-{s}": {"network": "mlp", "training": {"schedule": defaults("schedule", s)}}
        for s in registry.entries("schedule")
    }
    return {
        "name": "everything",
        "data": {
            "source": {"name": "sklearn"}, "size": [8, 8], "resize": "crop", "color": "gray", "label_preserving": {"rotate": 200},
            "split": {"method": "kfold", "folds": 4, "fold": 1, "keep": {"1": 5}, "long_tail": 10},
        },
        "augment": {
            "offline": {
                "offline": steps("transform"), "balance": True, "classes": {"1": {"copies": 2, "strength": {"hflip": 0.5}}},
            },
            "online": {"online": mixing, "imbalance": "class_weights"},
            "drawn": {"synthetic": {"model": "gan", "seed": 1, "images": 20, "confidence": 0.4, "distance": 1.5}},
        },
        "audit": {"network": defaults("network", "resnet"), "policies": ["offline"], "folds": 2, "images": 20},
        "classify": {"models": named("network", "network") | optimizers | schedules, "tta": steps("view"), "seeds": [0, 4]},
        "generate": {
            "models": named("generator", "generator"), "seeds": 2, "steps": [2, 5], "snapshots": 3,
            "judge": {"network": defaults("network", "resnet"), "online": [defaults("batch transform", "hflip")]},
        },
        "detect": {
            "normal": [["1", "2"], ["3", "4"]], "detectors": named("detector", "detector"), "threshold": "best_f1",
            "contamination": [0, 0.1],
        },
        "tracking": {"uri": "http://localhost:5000"},
    }  # fmt: skip


TUNED: dict[str, Any] = {
    "name": "tuned",
    "data": {"source": "sklearn"},
    "classify": {
        "training": {"epochs": 9, "optimizer": {"lr": "auto"}},
        "models": {"mlp": None, "resnet": {"network": {"width": 8}}},
        "cross_validate": 3,
        "learning_curve": [0.1, 0.5, 1],
        "search": {
            "drawn": {
                "model": "mlp",
                "trials": 3,
                "seed": 1,
                "space": {
                    "training.optimizer.lr": {"low": 0.001, "high": 0.1, "log": True},
                    "network.hidden": [[8], [16]],
                    "loss": ["focal", {"name": "cross_entropy", "label_smoothing": 0.1}],
                },
            },
            "halved": {"model": "resnet", "method": "halving", "policy": "none", "space": {"network.width": [8, 16]}},
            "bayes": {
                "model": "mlp",
                "method": "tpe",
                "trials": 12,
                "space": {"training.batch_size": {"low": 8, "high": 64}},
            },
        },
    },
}
"""Every key that chooses or compares settings of classifiers."""


def bases(folder: str) -> list[dict[str, Any]]:
    """Valid configs to start from: those that come with the project, all plug-ins, every source."""
    shipped = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted((ROOT / "config").glob("*.yaml"))]
    for raw in shipped:
        if isinstance(raw["data"]["source"], dict) and "path" in raw["data"]["source"]:
            raw["data"]["source"]["path"] = folder
    sources = [
        {
            "name": "s",
            "data": {"source": {**defaults("source", name), **needed}},
            **(
                {"detect": {"normal": ["a", "b"]}}
                if registry.taking("detector", registry.entry("source", name).gives)
                else {}
            ),
        }
        for name, needed in ((n, needs(n, folder)) for n in registry.entries("source"))
    ]
    return [*shipped, everything(), everything(), everything(), TUNED, *sources]


def needs(source: str, folder: str) -> dict[str, Any]:
    fields = registry.options("source", source).model_fields
    known = {
        "path": folder,
        "root": folder,
        "dataset": "digits" if source == "sklearn" else "CIFAR10",
        "sha256": "0" * 64,
        "options": {"split": "letters"},
        "classes": ["a", "b"],
        "levels": [0, 9],
    }
    return {key: value for key, value in known.items() if key in fields}


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, item in inner for place in places(item, (*path, key)))]


def mutate(raw: Any, draw: random.Random) -> Any:
    """A copy with one place taken out, moved, wrapped, misspelt, made odd or another value of its kind."""
    raw = copy.deepcopy(raw)
    *path, last = draw.choice(places(raw)[1:])
    parent = raw
    for step in path:
        parent = parent[step]
    match draw.randrange(9):
        case 0:
            del parent[last]
        case 1 | 2:
            parent[last] = copy.deepcopy(draw.choice(ODD))
        case 3:
            other = raw
            for step in draw.choice(places(raw)[1:]):
                other = other[step]
            parent[last] = copy.deepcopy(other)
        case 4 if isinstance(parent, dict) and isinstance(last, str):
            place = draw.randrange(len(last) + 1)
            parent[last[:place] + draw.choice(["", "x", " ", ".", "\n", "é"]) + last[place + 1 :]] = parent.pop(last)
        case 4 | 5:
            parent[last] = draw.choice([[parent[last]], {"name": parent[last]}, {str(last): parent[last]}])
        case _:
            parent[last] = another(parent[last], draw)
    return raw


def another(value: Any, draw: random.Random) -> Any:
    """A value of the same kind, as a person might try."""
    match value:
        case bool():
            return not value
        case int() | float() if abs(value) < 1e300:
            return draw.choice([value + 1, value * 2, value // 2, value / 2, -value, value * 1000])
        case str():
            return draw.choice([value.upper(), value + "2", *registry.entries(draw.choice(sorted(registry.kinds())))])
        case list():
            return draw.choice([value[::-1], value[:1], value[1:], value * 2])
        case dict():
            return dict(list(value.items())[: draw.randrange(len(value) + 1)])
    return draw.choice([1, 0.5, "x", {}, []])


def mutate_text(text: str, draw: random.Random) -> bytes:
    """The bytes of a file with a line doubled, shifted, lost or spoilt, and perhaps another byte."""
    lines = text.splitlines()
    at = draw.randrange(len(lines))
    match draw.randrange(5):
        case 0:
            lines.insert(at, draw.choice(lines))
        case 1:
            lines[at] = draw.choice(["", " ", "  ", "\t", "- "]) + lines[at].lstrip()
        case 2:
            del lines[at]
        case 3:
            odd = draw.choice(
                ["{", "}", "[", "]", ":", "&a", "*a", "!", "!!", "|", ">", "%", "@", "'", '"', "\0", "?", "<<:"]
            )
            cut = draw.randrange(len(lines[at]) + 1)
            lines[at] = f"{lines[at][:cut]}{odd}{lines[at][cut:]}"
    data = "\n".join(lines).encode()
    cut = draw.randrange(len(data))
    return data if draw.random() < 0.7 else data[:cut] + bytes([draw.randrange(256)]) + data[cut + 1 :]
