"""How the images of an explanation read, by the kind of the target: what is true, what was predicted, and titles of strips."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from darkroom.report.words import text


@dataclass(frozen=True)
class Caption:
    """What is true, what was predicted, and what else matters; `right` is None where nothing is right or wrong."""

    truth: str
    answer: str
    rest: str
    right: bool | None


class Reading(Protocol):
    """How one kind of target reads; `names` are those of the classes, labels or numbers."""

    def caption(self, item: dict[str, Any], names: Sequence[str]) -> Caption: ...

    def strips(self, one: dict[str, Any], names: Sequence[str]) -> dict[str, tuple[str, str]]:
        """Return title and explanation of the strips that there are."""

    def pair(self, pair: dict[str, Any], names: Sequence[str]) -> tuple[str, str]:
        """Return title and explanation of a pair."""


class OneClass:
    """One class per image."""

    STRIPS = {
        "highest_loss": ("Highest loss", "Their labels got the lowest probabilities: look here for wrong labels."),
        "confident_mistakes": ("Most confident mistakes", "Wrong answers of the highest confidence."),
        "unsure_right": ("Least certain right answers", "Right answers of the lowest confidence."),
    }

    def caption(self, item: dict[str, Any], names: Sequence[str]) -> Caption:
        return Caption(
            names[item["label"]],
            f"{names[item['predicted']]} {_percent(item['confidence'])}",
            f"{names[item['rival']]} {_percent(item['rival_confidence'])}",
            item["predicted"] == item["label"],
        )

    def strips(self, one: dict[str, Any], names: Sequence[str]) -> dict[str, tuple[str, str]]:
        """With two classes, the highest losses are the most confident mistakes.

        Right answers among the highest losses are counted, because they say that there are few mistakes.
        """
        found, mistakes = one["strips"], one["mistakes"]
        titles = {name: words for name, words in self.STRIPS.items() if name in found}
        items = found.get("highest_loss", {"items": []})["items"]
        if right := sum(item["predicted"] == item["label"] for item in items):
            made = text.plural(mistakes, "mistake") if mistakes else "no mistakes"
            title, about = titles["highest_loss"]
            words = f"{about} Right answers among them: {right} of {len(items)}, as the classifier made {made}."
            titles["highest_loss"] = title, words
        both = [[item["id"] for item in found[name]["items"]] for name in list(titles)[:2]]
        if "confident_mistakes" in titles and both[0] == both[1]:
            titles["highest_loss"] = ("Highest loss and most confident mistakes", titles["highest_loss"][1])
            del titles["confident_mistakes"]
        return titles

    def pair(self, pair: dict[str, Any], names: Sequence[str]) -> tuple[str, str]:
        title = f"{names[pair['true']]} predicted as {names[pair['predicted']]}"
        return title, text.plural(pair["count"], "image")


class SeveralLabels:
    """Several labels per image."""

    def caption(self, item: dict[str, Any], names: Sequence[str]) -> Caption:
        of, called, labels = item["of"], item["called"], item["labels"]
        there = "called" if of in called else "missed" if of in labels else "not called"
        return Caption(
            _labels(labels, names),
            f"{names[of]} {there}, {_percent(item['confidence'])}",
            f"called: {_labels(called, names)}",
            (of in labels) == (of in called),
        )

    def strips(self, one: dict[str, Any], names: Sequence[str]) -> dict[str, tuple[str, str]]:
        titles = {}
        for name in sorted(one["strips"], key=_place):
            kind, _, place = name.partition("-")
            if kind == "highest_loss":
                about = "Their labels got the lowest probabilities, all labels together: look here for wrong labels."
                titles[name] = "Highest loss", f"{about} The answer is that of the label with the highest loss."
            elif kind == "called":
                titles[name] = f"{names[int(place)]}, called where it is not", "Highest probability first."
            else:
                titles[name] = f"{names[int(place)]}, missed", "Lowest probability first."
        return titles

    def pair(self, pair: dict[str, Any], names: Sequence[str]) -> tuple[str, str]:
        true, predicted = names[pair["true"]], names[pair["predicted"]]
        often = f"{text.plural(pair['count'], 'image')}, where {text.compact(pair['expected'])} would be expected"
        if pair["kind"] == "confused":
            return f"{predicted} called where {true} is missed", often
        return f"{true} and {predicted} missed together", often


class Numbers:
    """One or several numbers per image."""

    def caption(self, item: dict[str, Any], names: Sequence[str]) -> Caption:
        true, predicted = item["true"], item["predicted"]
        return Caption(text.compact(true), text.compact(predicted), text.signed(predicted - true, "compact"), None)

    def strips(self, one: dict[str, Any], names: Sequence[str]) -> dict[str, tuple[str, str]]:
        titles = {}
        for name in sorted(one["strips"], key=_place):
            kind, _, place = name.partition("-")
            words = "overestimates" if kind == "over" else "underestimates"
            titles[name] = f"Largest {words} of {names[int(place)]}", "The largest error first."
        return titles

    def pair(self, pair: dict[str, Any], names: Sequence[str]) -> tuple[str, str]:
        raise ValueError("numbers are not mistaken for one another")


READINGS: dict[str, Reading] = {"class": OneClass(), "labels": SeveralLabels(), "numbers": Numbers()}


def _place(strip: str) -> tuple[int, str]:
    """Sort strips of all outputs first, then by output; their names are sorted in files."""
    kind, _, output = strip.partition("-")
    return int(output or -1), kind


def _labels(labels: Sequence[int], names: Sequence[str]) -> str:
    return ", ".join(names[label] for label in labels) or "no label"


def _percent(share: float) -> str:
    return f"{text.percent(share)}%"
