"""The simulation on real images: what is asked, what is predicted, and what the page says about it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.pretrain.small import written
from tests.report.conftest import write_tree
from tests.report.page import findings

from darkroom import files, registry
from darkroom.data.config import LabelBudget
from darkroom.data.hide import hide
from darkroom.data.store import open_store
from darkroom.log import silent
from darkroom.measure.intervals import Difference
from darkroom.measure.resampled import holm
from darkroom.randomness import derive
from darkroom.report.config import ResultEntry
from darkroom.report.sections import suggest as section
from darkroom.suggest import simulate
from darkroom.suggest.config import SimulateSpec, Suggest

SPEC: dict[str, Any] = {
    "network": {"name": "mlp", "hidden": [16]},
    "training": {"epochs": 12, "batch_size": 32, "optimizer": {"lr": 0.01}},
    "start": 1,
    "step": 6,
    "rounds": 2,
}


def spec(rule: str = "margin", seed: int = 0, **changes: Any) -> SimulateSpec:
    return SimulateSpec.model_validate({**SPEC, "acquisition": rule, "seed": seed, **changes})


def table(folder: Path) -> pd.DataFrame:
    return pd.read_parquet(folder / simulate.PREDICTIONS)


@pytest.mark.parametrize("rule", registry.entries("acquisition"))
def test_every_rule_labels_as_many_as_asked_from_the_same_start_and_repeats(
    rule: str, digits: Path, tmp_path: Path
) -> None:
    for name in ("one", "two"):
        simulate.run(spec(rule), data=digits, out=tmp_path / name, log=silent)
    assert (tmp_path / "one" / simulate.CHOSEN).read_bytes() == (tmp_path / "two" / simulate.CHOSEN).read_bytes()
    store, chosen = open_store(digits), pd.read_csv(tmp_path / "one" / simulate.CHOSEN, dtype={"label": str})
    assert chosen["id"].is_unique
    assert set(chosen["id"]) <= set(store.items["id"].iloc[store.rows("train")])
    assert chosen["round"].value_counts().to_dict() == {0: 10, 1: 6, 2: 6}
    assert sorted(chosen["label"][chosen["round"] == 0]) == list("0123456789")
    assert [name for name in table(tmp_path / "one") if name.startswith("labels_")] == [
        "labels_10",
        "labels_16",
        "labels_22",
    ]
    simulate.run(spec("random", rounds=1), data=digits, out=tmp_path / "random", log=silent)
    assert (table(tmp_path / "random")["labels_10"] == table(tmp_path / "one")["labels_10"]).all()


def test_labels_that_no_rule_asked_for_change_nothing(digits: Path, tmp_path: Path) -> None:
    simulate.run(spec(), data=digits, out=tmp_path / "before", log=silent)
    store, chosen = open_store(digits), pd.read_csv(tmp_path / "before" / simulate.CHOSEN)
    last = max(derive(0, "start", id_) for id_ in chosen["id"][chosen["round"] == 0])
    ids, train = store.items["id"], store.items["split"] == "train"
    unasked = train & ~ids.isin(chosen["id"]) & (ids.map(lambda id_: derive(0, "start", id_)) > last)
    assert unasked.sum() > 500
    wrong = store.items.assign(label=store.items["label"].where(~unasked, (store.labels + 1) % 10))
    changed = written(store, tmp_path / "changed", store.samples, wrong)
    simulate.run(spec(), data=changed, out=tmp_path / "after", log=silent)
    pd.testing.assert_frame_equal(table(tmp_path / "before"), table(tmp_path / "after"))


def test_hidden_labels_can_be_asked_for(digits: Path, tmp_path: Path) -> None:
    store = open_store(digits)
    items, _ = hide(LabelBudget(per_class=2), store.classes, store.items)
    hidden = written(store, tmp_path / "hidden", store.samples, items)
    simulate.run(spec(), data=hidden, out=tmp_path / "hid", log=silent)
    simulate.run(spec(), data=digits, out=tmp_path / "shown", log=silent)
    assert (tmp_path / "hid" / simulate.CHOSEN).read_bytes() == (tmp_path / "shown" / simulate.CHOSEN).read_bytes()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"start": 500}, 'suggest.start: 500 labels per class, but the class "0" has'),
        ({"rounds": 500}, "suggest: 500 rounds of 6 labels after the first 10 ask for 3010 labels, but there are"),
        ({"rule": "bald", "network": {"name": "mlp", "dropout": 0}}, "bald compares draws of dropout"),
    ],
)
def test_what_cannot_be_simulated_is_refused_in_a_line(
    changes: dict[str, Any], said: str, digits: Path, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=r"suggest|bald") as error:
        simulate.run(spec(**changes), data=digits, out=tmp_path / "out", log=silent)
    assert str(error.value).startswith(said)
    assert "\n" not in str(error.value)


def test_random_and_each_rule_once_are_required() -> None:
    assert next(rule.name for rule in Suggest().rules) == "random"  # type: ignore[attr-defined]
    for rules, said in ((["margin"], "random is missing"), (["random", "margin", "margin"], "margin is listed twice")):
        with pytest.raises(ValueError, match=said):
            Suggest.model_validate({"rules": rules})
    without = {"network": {"name": "mlp", "dropout": 0}}
    with pytest.raises(ValueError, match=r"set network\.dropout above 0"):
        Suggest.model_validate(without)
    Suggest.model_validate(without | {"rules": ["random", "margin"]})


@pytest.mark.parametrize(("better", "seeds"), [(0.2, 4), (0.0, 4), (0.2, 1)])
def test_a_rule_is_recommended_only_if_it_is_clearly_better_than_random(
    better: float, seeds: int, tmp_path: Path
) -> None:
    tree, entries = write_tree(tmp_path / "tree", classifiers=(), generators=(), detectors=()), []
    generator = np.random.default_rng(0)
    label = np.arange(200) % 2
    for rule in ("random", "margin", "entropy"):
        for seed in range(seeds):
            found = pd.DataFrame({"id": [f"{n:03}" for n in range(200)], "label": label})
            for labels in (2, 4, 6):
                share = 0.6 + (better if rule == "margin" and labels > 2 else 0.0)
                found[f"labels_{labels}"] = np.where(generator.random(200) < share, label, 1 - label)
            entries.append(ResultEntry(name=f"{rule}/{seed}", folder=f"suggest/{rule}/seed-{seed}"))
            with files.folder(tree.results / entries[-1].folder) as fresh:
                found.to_parquet(fresh / simulate.PREDICTIONS, index=False)
    page = type(tree)(tree.spec.model_copy(update={"simulations": entries}), tree.data, tree.results)
    html = page.build(tmp_path / "page")
    [words] = findings(html)["Which image to label next"]
    if better and seeds > 1:
        assert words.startswith("better than random: From 2 to 6 labels, choosing images by margin (+")
        assert "entropy" not in words
    else:
        assert words.startswith("no clear difference")
        assert ("A single seed cannot show it" in words) == (seeds == 1)
    assert "Accuracy with 6 labels, %" in html
    assert f"--by {'margin' if better and seeds > 1 else 'random'} " in html


@pytest.mark.parametrize(
    ("low", "p", "better"), [(0.01, 0.01, True), (-0.01, 0.01, False), (0.01, 0.2, False), (0.01, None, False)]
)
def test_interval_and_p_value_both_have_to_speak_for_a_rule(low: float, p: float | None, better: bool) -> None:
    assert section.Against("margin", Difference(0.05, low, 0.09), p).better is better


def test_p_values_are_adjusted_for_the_number_of_rules() -> None:
    generator = np.random.default_rng(0)
    found: dict[str, dict[str, pd.DataFrame]] = {}
    for rule, share in {"random": 0.5, "margin": 0.6, "entropy": 0.55, "badge": 0.52}.items():
        for seed in "0123":
            right = generator.random((100, 2)) < share
            found.setdefault(rule, {})[seed] = pd.DataFrame(
                {"label": 1, "labels_2": right[:, 0], "labels_4": right[:, 1]}
            )
    for table in (table for tables in found.values() for table in tables.values()):
        table[["labels_2", "labels_4"]] = table[["labels_2", "labels_4"]].astype(int)
    compared = section._compared(found)
    raw = [section._compared({"random": found["random"], one.rule: found[one.rule]})[0].p for one in compared]
    assert [one.p for one in compared] == pytest.approx(holm([p for p in raw if p is not None]))
    assert [one.p for one in compared] != pytest.approx(raw)
