"""Copies of rows: balanced classes, parents, categories that exist, ADASYN's refusal, and nothing of held-out rows."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from darkroom import registry
from darkroom.augment import apply, copies
from darkroom.augment.config import Policy
from darkroom.augment.rows.noise import partners
from darkroom.augment.rows.training import training
from darkroom.data.store import Store, open_store
from darkroom.log import silent

from .conftest import frame, through

NUMERIC = ("smote", "borderline_smote", "svm_smote", "adasyn")


def applied(data: Path, out: Path, **policy: Any) -> Store:
    apply.run(Policy(**policy).copied_by("table"), data=data, out=out, log=silent)
    return open_store(out)


@pytest.mark.parametrize("name", NUMERIC)
def test_synthetic_rows_balance_the_classes(name: str, numbers: Path, tmp_path: Path) -> None:
    store, made = open_store(numbers), applied(numbers, tmp_path / "made", offline=[name])
    train = store.rows("train")
    counts = np.bincount(store.labels[train])
    assert set(made.labels) == {0}
    assert counts[0] + len(made.items) == counts[1]
    own = store.samples[train[store.labels[train] == 0]]
    assert np.isfinite(made.samples).all()
    assert not (made.samples[:, None] == own[None]).all(2).any()
    assert (made.samples >= np.nanmin(own, 0) - 3 * np.nanstd(own, 0)).all()
    parents = store.items.set_index("id").loc[made.items["parent"]]
    assert (parents["split"] == "train").all()
    assert (parents["label"].to_numpy() == made.labels).all()
    assert made.items["id"].is_unique
    assert json.loads(made.items["transforms"][0]) == [{"name": name}]


def test_a_synthetic_row_lies_between_two_training_rows_of_its_class(numbers: Path, tmp_path: Path) -> None:
    store, made = open_store(numbers), applied(numbers, tmp_path / "made", offline=["smote"])
    rows = store.rows("train")
    given = training(store.samples[rows], store.labels[rows], store.shape)
    own = given.rows[given.labels == 0]
    for row in given.standard(np.asarray(made.samples))[:20]:
        ends = np.linalg.norm(own - row, axis=1)[:, None] + np.linalg.norm(own - row, axis=1)
        between = np.linalg.norm(own[:, None] - own, axis=2)
        np.fill_diagonal(ends, np.inf)
        assert (ends - between).min() < 1e-3


def test_categories_of_smotenc_exist(prepared: Path, numbers: Path, tmp_path: Path) -> None:
    made = applied(prepared, tmp_path / "made", offline=["smotenc"])
    assert set(np.unique(made.samples[:, 2])) <= {0.0, 1.0}
    with pytest.raises(ValueError, match=r"the policy's smotenc is for tables with columns of categories"):
        applied(numbers, tmp_path / "no", offline=["smotenc"])


@pytest.mark.parametrize("name", NUMERIC)
def test_an_inferred_category_is_refused_with_the_keys_that_cure_it(name: str, prepared: Path, tmp_path: Path) -> None:
    (tmp_path / "many").mkdir()
    table = frame().assign(**{f"c{k}": np.where(np.arange(400) % (k + 2), "yes", "no") for k in range(4)})
    table.to_csv(tmp_path / "many" / "parts.csv", index=False)
    many = through(tmp_path / "many" / "parts.csv", tmp_path / "many")
    for data, cure in (
        (
            prepared,
            "column color holds categories; use smotenc in its place, or leave them out with data.source.columns: {",
        ),
        (many, "columns color, c0, c1 and 2 more hold categories"),
    ):
        with pytest.raises(
            ValueError, match=re.escape(f"the policy's {name} interpolates numbers, but the {cure}")
        ) as told:
            applied(data, tmp_path / "no", offline=[name])
    [keys] = re.findall("{(.*), ...}", str(told.value))
    assert yaml.safe_load(f"{{{keys}}}") == {"color": "drop", "c0": "drop", "c1": "drop"}
    columns = {"color": "drop", **{f"c{k}": "drop" for k in range(4)}}
    applied(
        through(tmp_path / "many" / "parts.csv", tmp_path / "cured", columns=columns), tmp_path / "yes", offline=[name]
    )


def test_classes_of_three_sizes_come_out_even_in_folds_too(tmp_path: Path, make: Callable[..., Store]) -> None:
    labels = np.repeat(["x", "y", "z"], [109, 78, 34])
    values = np.random.default_rng(0).normal(size=(len(labels), 2))
    store = make(pd.DataFrame(values, columns=["a", "b"]).assign(y=labels), tmp_path)
    made = applied(tmp_path / "prepared", tmp_path / "made", offline=["smote"])
    train = store.rows("train")
    for rows, synthetic in ((train, made), (train[::2], copies.opened(tmp_path / "made", store, train[::2]))):
        counts = np.bincount(store.labels[rows])
        assert (counts + np.bincount(synthetic.labels) == counts.max()).all()
        assert counts[0] < 1.5 * counts[1]  # whole copies per row would add none


def test_rows_of_a_class_with_strength_0_and_of_none_are_copied_as_they_are(
    tmp_path: Path, make: Callable[..., Store]
) -> None:
    labels = np.repeat(["x", "y", ""], 30)
    values = np.random.default_rng(0).normal(size=(len(labels), 2))
    store = make(pd.DataFrame(values, columns=["a", "b"]).assign(y=labels), tmp_path)
    made = applied(
        tmp_path / "prepared", tmp_path / "made", offline=["smote"], copies=1, classes={"y": {"strength": 0}}
    )
    same = [(store.samples == row).all(1).any() for row in made.samples]
    assert same == (made.labels != 0).tolist()


def test_two_makers_and_late_ones_are_refused() -> None:
    for offline in (["smote", "adasyn"], ["row_noise", "smote"]):
        with pytest.raises(ValueError, match="keep one such transform, the first in offline"):
            Policy(offline=offline, copies=1)


@pytest.fixture
def apart(tmp_path: Path, make: Callable[..., Store]) -> Path:
    """Two classes far apart, for which ADASYN is undefined."""
    generator = np.random.default_rng(0)
    values = np.concatenate([generator.normal(0, 1, (80, 2)), generator.normal(100, 1, (30, 2))])
    make(pd.DataFrame(values, columns=["a", "b"]).assign(y=["x"] * 80 + ["z"] * 30), tmp_path)
    return tmp_path / "prepared"


def test_what_adasyn_refuses_is_an_error_or_replaced_with_a_note(
    apart: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ValueError, match=r"ADASYN is not suited .* set otherwise to smote or repeat"):
        applied(apart, tmp_path / "no", offline=["adasyn"])
    made = applied(apart, tmp_path / "made", offline=[{"name": "adasyn", "otherwise": "smote"}])
    assert "adasyn cannot make rows of the class z" in capsys.readouterr().err
    assert json.loads(made.items["transforms"][0]) == [{"name": "adasyn", "otherwise": "smote"}]
    repeated = applied(apart, tmp_path / "more", offline=[{"name": "adasyn", "otherwise": "repeat"}])
    own = open_store(apart).samples
    assert all((own == row).all(1).any() for row in repeated.samples)


def test_noise_and_mixup_change_copies_within_their_class(prepared: Path, tmp_path: Path) -> None:
    store = open_store(prepared)
    for name in ("row_noise", "row_mixup"):
        made = applied(prepared, tmp_path / name, offline=[name], copies=1)
        assert len(made.items) == len(store.rows("train"))
        before = store.samples[[int(np.flatnonzero(store.items["id"] == parent)[0]) for parent in made.items["parent"]]]
        assert set(np.unique(made.samples[:, 2])) <= {0.0, 1.0}
        assert (made.samples[:, 0] != before[:, 0]).mean() > 0.9
        gap = np.abs(made.samples[:, 0] - before[:, 0]).mean() / before[:, 0].std()
        assert 0.02 < gap < 0.8
    rows = store.rows("train")
    given = training(store.samples[rows], store.labels[rows], store.shape)
    found = partners(given, store.labels[rows], np.random.default_rng(0))
    assert (given.labels[found] == store.labels[rows]).all()


def test_a_seed_repeats_and_another_does_not(numbers: Path, tmp_path: Path) -> None:
    one, again = (applied(numbers, tmp_path / str(k), offline=["smote"]).samples for k in (1, 2))
    other = applied(numbers, tmp_path / "3", offline=["smote"], seed=1).samples
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)


@pytest.mark.parametrize("name", [*NUMERIC, "smotenc", "row_noise", "row_mixup"])
def test_nothing_of_a_held_out_row_reaches_the_copies_that_a_fold_trains_on(
    name: str, numbers: Path, prepared: Path, tmp_path: Path
) -> None:
    data = prepared if name == "smotenc" else numbers
    store, folder = open_store(data), tmp_path / "made"
    applied(data, folder, offline=[name], balance=True)
    trained = store.rows("train")[::2]
    before = copies.opened(folder, store, trained)
    assert set(before.items["parent"]) <= set(store.items["id"].to_numpy()[trained])
    changed = np.array(store.samples)
    changed[np.setdiff1d(np.arange(len(changed)), trained)] = 1e6  # validation, test, and the other half
    after = copies.opened(
        folder, Store(store.name, store.classes, changed, store.items, None, None, "table", store.sizes), trained
    )
    assert np.array_equal(before.samples, after.samples, equal_nan=True)
    assert np.nanmax(np.abs(before.samples)) < 1e5


def test_every_registered_transform_of_rows_is_tested() -> None:
    assert set(registry.taking("transform", "table")) == {*NUMERIC, "smotenc", "row_noise", "row_mixup"}


@pytest.mark.parametrize("name", NUMERIC)
def test_smote_without_its_package_names_the_extra(
    name: str, numbers: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "imblearn", None)
    with pytest.raises(OSError, match="uv sync --extra table"):
        applied(numbers, tmp_path / "made", offline=[name])
