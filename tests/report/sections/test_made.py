"""How the page was made, and how often the test images have been looked at."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
from tests.report.conftest import Tree

from darkroom import files
from darkroom.report import looks
from darkroom.report.sections import made


def test_looks_at_the_test_images_are_counted_and_warned_of_beyond_the_page(plant: Callable[..., Tree]) -> None:
    tree = plant()
    assert made.answer(made.read(tree.read())).findings == ()
    shown = made.read(tree.read()).shown
    pd.DataFrame({"id": ["a"], "split": ["test"]}).to_parquet(tree.data / "items.parquet")
    for number in range(shown + 3):
        model = tree.results / "classify/none/mlp/seed-9/model"
        with files.folder(model) as fresh:
            (fresh / "weights.pt").write_text(str(number))
        files.write_json(model / files.RECORD, {"spec": {"lr": number}})
        looks.note("classify evaluate", {}, data=tree.data, model=model, out=model.parent / "evaluation")
        found = made.answer(made.read(tree.read())).findings
        assert len(found) == (number >= shown)
    assert f"<b>{shown + 3} configurations</b>" in found[0].words
    page = tree.build(tree.results / "report")
    assert f"seen {shown + 3} times" in page
    assert f"{shown + 3} configurations of classifiers and detectors, {shown + 3} trained models, have been" in page
