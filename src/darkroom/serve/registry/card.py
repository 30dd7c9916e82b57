"""The model card: what a model is for, what it was made of, what was measured, and where it is weak (Mitchell et al. 2019)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from darkroom import files
from darkroom.report.page import TEMPLATES, environment, inlined
from darkroom.report.results import Results
from darkroom.report.sections import data as data_card
from darkroom.report.words import text
from darkroom.report.words.nouns import IMAGE, naming
from darkroom.serve.registry.choice import Chosen
from darkroom.serve.registry.config import PackageSpec

OWN = Path(__file__).parent / "templates"
FEW = 100
"""With fewer test images, the card says that its intervals are wide."""
STATED = {
    "intended_use": "Intended use",
    "license": "License of the model",
    "data_license": "License of the images",
    "contact": "Contact",
}
"""The fields of the config that the card shows."""


def page(spec: PackageSpec, chosen: Chosen, results: Results) -> str:
    """Return the card as a page that needs no network."""
    about = results.data / "card.json"
    with naming(*(files.read_json(about).get("nouns", IMAGE) if about.is_file() else IMAGE)):
        data = data_card.read(results)
        return (
            environment(TEMPLATES, OWN)
            .get_template("card.html")
            .render(
                style=inlined("style.css"),
                script="",
                registered=spec.registered,
                kind=spec.kind,
                chosen=chosen,
                data=data,
                splits={split: data.splits[split] for split in data_card.SPLITS if split in data.splits},
                stated=[(title, key, getattr(spec.card, key)) for key, title in STATED.items()],
                limits=_limits(chosen, data),
                made=_made(chosen),
            )
        )


def _limits(chosen: Chosen, data: data_card.Card) -> list[str]:
    """List what the numbers do not cover, and where the model is weak."""
    metrics = chosen.run.metrics
    tested = int(metrics.get("items", metrics.get("n_normal", 0) + metrics.get("n_anomalous", 0)))
    found = [
        "The numbers hold for images like those of the data set: same subjects, same camera, same light. They say nothing about "
        "others."
    ]
    if not chosen.by_validation:
        found.append(
            "The model was chosen by numbers on the test images themselves: the best of several is optimistic."
        )
    if tested < FEW:
        found.append(f"There are only {text.plural(tested, 'test image')}, so the intervals are wide.")
    if chosen.weak:
        found.append(f"Classes clearly below the mean F1: {', '.join(chosen.weak)}.")
    elif chosen.weak is not None:
        found.append("No class is clearly below the mean F1.")
    if "out_of_distribution" in metrics:
        share = metrics["out_of_distribution"]["expected"]
        found.append(
            "Answers for images that are flagged as out of distribution should not be used; of images like those of the data "
            f"set, {100 * share:.3g}% are flagged."
        )
    return [*found, *data.warnings]


def _made(chosen: Chosen) -> dict[str, str]:
    """Return how the model was made, as text by title."""
    folder = chosen.run.model_folder
    record: dict[str, Any] = files.read_json(folder / files.RECORD)
    libraries = "\n".join(f"{name} {version}" for name, version in record["libraries"].items())
    return {
        "Settings": json.dumps(record["spec"], indent=1, sort_keys=True, ensure_ascii=False),
        "Libraries": libraries,
        "Weights (SHA-256)": files.sha256(folder / "weights.pt"),
        "Code": record["code"],
    }
