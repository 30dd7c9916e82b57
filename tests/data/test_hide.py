"""Hidden labels: which stay known, what keeps the others, and budgets that cannot be met."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from darkroom.data.config import LabelBudget, PrepareSpec

Run = Callable[..., Any]
SPLIT = {"val": 0.2, "test": 0.2}


def known(prepared: Any) -> set[str]:
    table = prepared.store.items
    return set(table["id"][(table["split"] == "train") & (table["label"] >= 0)])


def test_each_class_keeps_its_share_and_the_others_are_kept_apart(run: Run, classes: Path) -> None:
    source = {"name": "folder", "path": str(classes)}
    plain = run(source, split=SPLIT)
    got = run(source, to="few", split=SPLIT, labels={"share": 0.5})
    before, after = plain.store.items, got.store.items
    hidden = after["hidden_label"] >= 0
    assert Counter(after["label"][(after["split"] == "train") & ~hidden]) == {0: 3, 1: 3}
    assert (after["label"].where(~hidden, after["hidden_label"]) == before["label"]).all()
    assert (after["label"][hidden] == -1).all()
    assert set(after["split"][hidden]) == {"train"}
    pd.testing.assert_frame_equal(after.drop(columns=["label", "hidden_label"]), before.drop(columns="label"))
    assert got.card["labels"] == {"labeled": {"cat": 3, "dog": 3}, "hidden": {"cat": 3, "dog": 3}}
    assert got.card["unlabeled"] == 6
    assert "labels" not in plain.card
    assert "hidden_label" not in before


def test_more_labels_include_those_of_fewer_and_the_seed_chooses(run: Run, classes: Path) -> None:
    source = {"name": "folder", "path": str(classes)}
    budgets = [{"share": 0.01}, {"per_class": 2}, {"share": 0.5}, {"per_class": 5}, {"share": 1}]
    found = [known(run(source, to=str(number), labels=budget)) for number, budget in enumerate(budgets)]
    assert [len(ids) for ids in found] == [2, 4, 8, 10, 16]
    assert all(few < many for few, many in itertools.pairwise(found))
    assert known(run(source, to="seed", labels={"per_class": 5, "seed": 1})) != found[3]


def test_a_class_with_too_few_images_is_named_a_line_each(run: Run, classes: Path) -> None:
    with pytest.raises(ValueError, match=r"data\.labels") as error:
        run({"name": "folder", "path": str(classes)}, labels={"per_class": 9})
    lines = str(error.value).splitlines()
    assert [line.partition(";")[0] for line in lines] == [
        f'data.labels.per_class: 9: the class "{name}" has 8 labeled training images' for name in ("cat", "dog")
    ]


@pytest.mark.parametrize("budget", [{}, {"share": 0.1, "per_class": 3}, {"share": 0}, {"share": 1.1}, {"per_class": 0}])
def test_a_budget_is_one_number_above_zero(budget: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"share|per_class"):
        LabelBudget(**budget)


def test_corrected_images_keep_their_label_and_hidden_ones_lose_both(run: Run, classes: Path) -> None:
    source = {"name": "folder", "path": str(classes)}
    few = run(source, labels={"per_class": 1}).store.items
    asked = few["id"][few["hidden_label"] == 0].iloc[0]
    got = run(source, to="asked", labels={"per_class": 1}, corrected={asked: "cat"}).store.items
    assert got.set_index("id").loc[asked, ["label", "hidden_label"]].tolist() == [0, -1]
    hidden = got["hidden_label"] >= 0
    assert (got["given_label"][hidden] == -1).all()
    assert hidden.sum() == (few["hidden_label"] >= 0).sum() - 1


def test_a_spec_without_hidden_labels_has_no_such_key() -> None:
    spec = PrepareSpec(name="a", source={"name": "sklearn"})
    assert "labels" not in json.loads(spec.model_dump_json())
    assert PrepareSpec(name="a", source={"name": "sklearn"}, labels={"share": 1}).model_dump()["labels"]["share"] == 1


def test_an_empty_cell_of_a_table_is_an_unlabeled_row(run: Run, picture: Callable[..., Path], tmp_path: Path) -> None:
    rows = [f"{picture(tmp_path / f'{n}.png', n).name},{('cat', 'dog', '')[n % 3]}" for n in range(30)]
    (tmp_path / "t.csv").write_text("\n".join(["path,label", *rows]))
    got = run({"name": "manifest", "path": str(tmp_path / "t.csv")})
    assert got.store.classes == ("cat", "dog")
    assert Counter(got.store.labels.tolist()) == {-1: 10, 0: 10, 1: 10}
