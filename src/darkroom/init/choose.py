"""Choose the keys of a config for what was seen, each with the reason that is printed and written beside it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from darkroom.config import photographs
from darkroom.data.kind import PLURAL, SINGULAR
from darkroom.data.words import shown
from darkroom.fit.config import Training
from darkroom.init import cost
from darkroom.init.scene import Listed, Scene
from darkroom.nets import pretrained

FROM_SCRATCH = 64
"""Side in pixels at which networks learn from scratch."""
UPSCALED = 128
"""Side to which a pretrained network enlarges images of at most `FROM_SCRATCH` pixels."""
FEW = 10
"""Images of the smallest class that validation and test should have at least."""
ENOUGH = 100
"""Images that validation and test should have in all."""
SHARES = 0.1, 0.2
"""Smallest and largest share of each."""
PATIENCE = 30.0
"""Minutes that fine-tuning may take to be part of a first run."""
RARE = 3.0
"""Largest class over smallest one from which rare classes are drawn as often as the others."""
FEWEST_STEPS, MOST_EPOCHS = 400, 60
"""Optimizer steps that a network needs from random weights, and the epochs that a small set is shown for them at most."""
CROPPED = 1.5
"""Longer over shorter side up to which images are cropped to a square."""


@dataclass(frozen=True)
class Choice:
    """A key of the config with its value, and why."""

    key: str
    """With dots: `data.size`."""
    value: Any
    why: str = ""
    """Empty for what the user asked for."""


def choose(scene: Scene, *, name: str) -> list[Choice]:
    """Return the keys of a config in order."""
    found = [Choice("name", name), Choice("data.source", scene.found.source), *_size(scene)]
    if scene.anomaly_set:
        return [*found, *_detect(scene)]
    if len(scene.trained) < 2:
        return [*found, *splits(scene), *_generate(scene)]
    return [*found, *splits(scene), *_labels(scene), *_augment(scene), *_classify(scene)]


def uses_pretrained(scene: Scene) -> bool:
    """Return whether classifiers start from a pretrained network: for photographs, if its weights are installed."""
    return scene.photographs and pretrained.installed() is not None


def _size(scene: Scene) -> Iterator[Choice]:
    (height, width), detects = scene.size, scene.anomaly_set and photographs.suit(max(scene.size))
    if detects:
        yield Choice("data.size", photographs.SIDE, "the size on which the detectors' pretrained network was trained")
        return
    if scene.one_size and max(height, width) <= FROM_SCRATCH:
        return  # kept
    transfer = uses_pretrained(scene) and len(scene.trained) > 1
    best = photographs.SIDE if transfer else FROM_SCRATCH
    side = min(best, height, width)
    why = "the size on which the pretrained network was trained" if transfer else "keeps training from scratch fast"
    if side < best:
        why = "the shorter side of a typical image: a larger size would add pixels but no detail"
    if scene.one_shape and height != width:
        scale = side / min(height, width)
        sides = [max(8, round(length * scale / 8) * 8) for length in (height, width)]
        yield Choice("data.size", sides, f"{why}; every image has this shape, so nothing is cut off or padded")
        yield Choice("data.resize", "stretch", "shapes differ by a few pixels at most")
        return
    yield Choice("data.size", side, why)
    if scene.one_shape:
        return
    ratio = max(height, width) / min(height, width)
    lost = f"{1 - 1 / ratio:.0%} of a typical image ({width}×{height})"
    if ratio <= CROPPED:
        yield Choice(
            "data.resize", "crop", f"cuts off {lost}; padding would show the classifier each image's aspect ratio"
        )
    else:
        yield Choice("data.resize", "pad", f"a square crop would cut off {lost}")


def splits(scene: Listed) -> Iterator[Choice]:
    """Choose the parts to validate and test on."""
    if not scene.trained:
        return
    chosen: dict[str, Any] = {}
    reasons = []
    if scene.only_val:
        chosen["held_out"] = "test"
        reasons.append("tests on the one part that your own split holds out, val, and draws validation from train")
    if missing := scene.missing_parts:
        share, why = _share(scene, missing)
        if share != SHARES[0]:
            chosen |= dict.fromkeys(missing, share)
            reasons.append(why)
    if chosen:
        yield Choice("data.split", chosen, "; ".join(reasons))


def _share(scene: Listed, missing: list[str]) -> tuple[float, str]:
    """Return the share of each missing part, by the size of the smallest class, and why."""
    rarest = min(scene.trained, key=lambda name: scene.trained[name])
    count, total = scene.trained[rarest], sum(scene.trained.values())
    share = round(min(max(FEW / count, ENOUGH / total, SHARES[0]), SHARES[1]), 2)
    number, each = max(1, round(share * total)), " each" if len(missing) > 1 else ""
    parts = " and ".join({"val": "validation", "test": "testing"}[part] for part in missing)
    unit = (SINGULAR if number == 1 else PLURAL)[scene.kind]
    why = f"more than the default 0.1 because the set is small: about {number} {unit}{each} for {parts}"
    if len(scene.trained) > 1:
        smallest = f"the smallest class, {shown(rarest)} ({count})"
        of_it = f"{max(1, round(share * count))} of them from {smallest}"
        why += f", {of_it}" if count > 2 else f"; {smallest}, has too few"
    if scene.groups:
        why += f"; as nearly as {scene.groups:,} groups, each in one split, allow"
    return share, why


def _labels(scene: Scene) -> Iterator[Choice]:
    if scene.characters:
        yield Choice(
            "data.label_preserving",
            {"hflip": False, "vflip": False, "rotate": 15},
            "the classes are named like digits or letters: mirrored or turned far, one can become another",
        )
    elif scene.sides:
        yield Choice(
            "data.label_preserving",
            {"hflip": False, "vflip": False},
            f"the class {shown(scene.sides[0])} names a direction, which a flip changes",
        )
    elif not scene.turns:
        yield Choice("data.label_preserving", {"vflip": False}, scene.about_upright)


def _augment(scene: Scene) -> Iterator[Choice]:
    small = max(scene.size) <= FROM_SCRATCH
    online: list[Any] = ["hflip"] if scene.mirrors else []
    online += ["vflip"] if scene.turns else []
    if small or scene.characters:
        online.append("affine" if scene.characters else {"name": "affine", "rotate": 10})
    else:
        online.append({"name": "crop", "area": 0.6, "interpolation": "linear"})
    online += ["brightness", "contrast"] if scene.photographs else []
    colors = "; brightness and contrast vary, but not the hue, which may be what defines a class"
    why = scene.about_sides + (colors if scene.photographs and scene.sample.color else "")
    yield Choice("augment.standard.online", online, why)
    largest, smallest = max(scene.trained.values()), min(scene.trained.values())
    if largest >= RARE * smallest:
        yield Choice(
            "augment.standard.imbalance",
            "oversampling",
            f"draws all classes equally often; the largest has {largest / smallest:.0f} times as many images as the smallest",
        )


def _classify(scene: Scene) -> Iterator[Choice]:
    yield from _models(scene)
    views = [name for name, keeps in (("hflip", scene.mirrors), ("vflip", scene.turns)) if keeps] or ["shift"]
    flips = "with the flips of the policy" if scene.mirrors else "without flips"
    yield Choice("classify.tta", views, f"test-time augmentation {flips}")


def _models(scene: Scene) -> Iterator[Choice]:
    if uses_pretrained(scene):
        small = max(scene.size) <= FROM_SCRATCH
        network: Any = {"name": "pretrained", "size": UPSCALED} if small else "pretrained"
        why = (
            "the images look like photographs: a linear classifier on a pretrained network's features trains in seconds"
        )
        minutes = cost.fine_tuning(scene, UPSCALED if small else photographs.SIDE)
        if minutes > PATIENCE:
            why += f"; fine-tuning would take {cost.about(minutes)}, to try it, add a model with transfer: fine_tune"
        yield Choice("classify.models.probe", {"network": network, "transfer": "probe"}, why)
        if minutes <= PATIENCE:
            why = "trains the whole pretrained network: slower; the report compares it with the probe"
            yield Choice("classify.models.fine_tune", {"network": network, "transfer": "fine_tune"}, why)
    else:
        yield from _from_scratch(scene)


def _from_scratch(scene: Scene) -> Iterator[Choice]:
    why = "trained from scratch: the images do not look like ImageNet's photographs"
    if scene.photographs:
        why = f"trained from scratch; with pretrained weights ({pretrained.EXTRA}) photographs need far fewer images"
    usual = Training()
    steps = math.ceil(sum(scene.trained.values()) * cost.TRAINED / usual.batch_size)
    epochs = min(MOST_EPOCHS, round(FEWEST_STEPS / steps))
    if epochs <= usual.epochs:
        yield Choice("classify.models.resnet", {}, why)
        return
    yield Choice(
        "classify.models.resnet",
        {"training": {"epochs": epochs}},
        f"{why}; with so few images, the default {usual.epochs} epochs would be too few steps to learn from",
    )


def _generate(scene: Scene) -> Iterator[Choice]:
    why = (
        "the images have no labels" if not scene.classes else f"there is one class, {shown(next(iter(scene.classes)))}"
    )
    if not scene.classes:
        yield Choice("explore", {}, "clusters of the images, with their typical and odd members, need no labels")
    yield Choice("generate", {}, f"{why}, so there is nothing to classify; generators need no labels")


def _detect(scene: Scene) -> Iterator[Choice]:
    (normal,) = scene.trained
    yield Choice("detect.normal", normal, "every training image belongs to this class")
    if photographs.suit(max(scene.size)):
        reasons = ("detectors on a pretrained network's features, which suit photographs of this size", "", "")
        for detector, why in zip(photographs.DETECTORS, reasons, strict=True):
            yield Choice(f"detect.detectors.{detector}", {}, why)
