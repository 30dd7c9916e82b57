"""Classifiers and detectors of rows through their stages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from darkroom import files
from darkroom.augment import apply
from darkroom.augment.config import Policy
from darkroom.classify import evaluate, fold, predict, train
from darkroom.classify.config import EvaluateSpec, TrainSpec
from darkroom.classify.tuning.config import FoldSpec
from darkroom.detect import evaluate as judge
from darkroom.detect import fit, score
from darkroom.detect.config import EvaluateSpec as JudgeSpec
from darkroom.detect.config import FitSpec
from darkroom.log import silent

from .conftest import through

SMALL: dict[str, dict[str, Any]] = {"ft_transformer": {"width": 8, "depth": 1}, "random_forest": {"trees": 20}}
EPOCHS = {"ft_transformer": 40}
"""Of a network that needs more steps than the 12 of six epochs: over five seeds, its AUROC is then above .95."""
TRAINED = {name: {"epochs": 5, "optimizer": {"lr": 0.01}} for name in ("table_autoencoder", "table_vae")}
NAMES = ("gradient_boosting", "logistic_regression", "random_forest", "table_mlp", "ft_transformer")


def trained(name: str, data: Path, out: Path, *, copies: Path | None = None, **more: Any) -> dict[str, Any]:
    network = {"name": name, **SMALL.get(name, {})}
    training = {"epochs": EPOCHS.get(name, 6), "optimizer": {"name": "adamw", "lr": 0.01}}
    spec = TrainSpec.model_validate({"network": network, "seed": 0, "training": training, **more})
    train.run(spec, data=data, copies=copies, out=out / "model", log=silent)
    judged = {"network": network, "tta": [], "tta_merge": "mean", "resamples": 20, "seed": 0}
    evaluate.run(EvaluateSpec.model_validate(judged), data=data, model=out / "model", out=out / "found", log=silent)
    found: dict[str, Any] = files.read_json(out / "found" / "metrics.json")
    return found


@pytest.mark.training
@pytest.mark.parametrize("name", NAMES)
def test_networks_and_estimators_learn_the_rare_class(name: str, prepared: Path, tmp_path: Path) -> None:
    found = trained(name, prepared, tmp_path)
    assert found["views"]["plain"]["raw"]["macro_auroc"]["value"] > 0.85


def test_a_table_of_one_class_has_nothing_to_classify_in_one_line(tmp_path: Path, table: pd.DataFrame) -> None:
    table.assign(**{"class": "good"}).to_csv(tmp_path / "parts.csv", index=False)
    with pytest.raises(ValueError, match="good") as caught:
        trained("gradient_boosting", through(tmp_path / "parts.csv", tmp_path), tmp_path)
    assert "\n" not in str(caught.value)


def test_a_seed_repeats(prepared: Path, tmp_path: Path) -> None:
    first, again = (trained("random_forest", prepared, tmp_path / name) for name in "ab")
    assert first["views"] == again["views"]


def test_estimators_take_copies_weights_and_sampling(numbers: Path, tmp_path: Path) -> None:
    apply.run(Policy(offline=["smote"]).copied_by("table"), data=numbers, out=tmp_path / "smote", log=silent)
    recall = {
        "plain": trained("logistic_regression", numbers, tmp_path / "plain"),
        "smote": trained("logistic_regression", numbers, tmp_path / "1", copies=tmp_path / "smote"),
        **{
            name: trained("logistic_regression", numbers, tmp_path / name, policy={"imbalance": {"name": name}})
            for name in ("class_weights", "oversampling", "undersampling")
        },
    }
    values = {name: found["views"]["plain"]["raw"]["balanced_accuracy"]["value"] for name, found in recall.items()}
    assert all(value > values["plain"] for name, value in values.items() if name != "plain"), values


def test_estimators_refuse_what_needs_batches(numbers: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="random_forest is not trained in batches, but its policy"):
        trained("random_forest", numbers, tmp_path, policy={"online": ["mixup"]})


def test_a_fold_of_a_policy_with_synthetic_rows(numbers: Path, tmp_path: Path) -> None:
    apply.run(Policy(offline=["smote"]).copied_by("table"), data=numbers, out=tmp_path / "smote", log=silent)
    spec = FoldSpec.model_validate({"network": "random_forest", "seed": 0, "folds": 3, "fold": 1})
    fold.run(spec, data=numbers, copies=tmp_path / "smote", out=tmp_path / "fold", log=silent)
    assert files.read_json(tmp_path / "fold" / "fold.json")["scores"]["balanced_accuracy"] > 0.6


@pytest.mark.parametrize(
    "name", ["isolation_forest", "knn", "lof", "ecod", "copod", "table_pca", "one_class_svm", *TRAINED]
)
def test_detectors_find_the_other_class(name: str, numbers: Path, tmp_path: Path) -> None:
    common: dict[str, Any] = {"detector": name, "normal": ["good"], "seed": 0}
    fit.run(
        FitSpec.model_validate({**common, "training": TRAINED.get(name)}),
        data=numbers,
        out=tmp_path / "model",
        log=silent,
    )
    judged = {"false_alarms": 0.1, "threshold": "quantile", "examples": 5, "resamples": 20}
    spec = JudgeSpec.model_validate({**common, **judged})
    judge.run(spec, data=numbers, model=tmp_path / "model", out=tmp_path / "found", log=silent)
    found = files.read_json(tmp_path / "found" / "metrics.json")
    assert found["image"]["auroc"]["value"] > 0.8
    assert np.isfinite(found["threshold"])


def test_costs_are_measured_and_cheapest_decisions_cost_less(numbers: Path, tmp_path: Path) -> None:
    trained("logistic_regression", numbers, tmp_path)
    judged = {"network": "logistic_regression", "tta": [], "tta_merge": "mean", "resamples": 50, "seed": 0}
    spec = EvaluateSpec.model_validate({**judged, "costs": {"bad": {"good": 20}}})
    evaluate.run(spec, data=numbers, model=tmp_path / "model", out=tmp_path / "priced", log=silent)
    found = files.read_json(tmp_path / "priced" / "metrics.json")
    assert found["costs"]["matrix"] == [[0, 20], [1, 0]]
    assert found["costs"]["cheapest"]["value"] < found["costs"]["most_probable"]["value"]
    assert 0 <= found["costs"]["threshold"]["validation"] <= 1
    assert 0 < found["per_class"]["plain"]["bad"]["average_precision"]["value"] <= 1
    assert 0 <= found["per_class"]["plain"]["bad"]["recall_at_precision"]["value"] <= 1
    wrong = EvaluateSpec.model_validate({**judged, "costs": {"bd": {"good": 20}}})
    with pytest.raises(ValueError, match=r'classify.costs: no class "bd"'):
        evaluate.run(wrong, data=numbers, model=tmp_path / "model", out=tmp_path / "no", log=silent)


def test_new_tables_are_predicted_and_scored_as_in_the_evaluation(
    prepared: Path, tmp_path: Path, table: pd.DataFrame, capsys: pytest.CaptureFixture[str]
) -> None:
    seed = tmp_path / "seed-0"
    network = {"name": "gradient_boosting"}
    spec = TrainSpec.model_validate({"network": network, "seed": 0, "training": {"epochs": 1}})
    train.run(spec, data=prepared, out=seed / "model", log=silent)
    judged = {"network": network, "tta": [], "tta_merge": "mean", "resamples": 20, "seed": 0}
    evaluate.run(
        EvaluateSpec.model_validate(judged), data=prepared, model=seed / "model", out=seed / "evaluation", log=silent
    )
    new = tmp_path / "new"
    new.mkdir()
    table.drop(columns="class")[["made", "color", "weight", "length"]].to_csv(new / "a.csv", index=False)
    (new / "b.csv").write_text("length\n1\n")
    (new / "c.csv").write_text("length,weight,color,made\nabc,1,red,2026-01-01\n")
    (new / "d.csv").write_text("color,made,weight,other,length\ngreen,,,1,\n")
    assert predict.run(model=seed, samples=new, out=tmp_path / "predicted") == 3
    found = pd.read_csv(tmp_path / "predicted" / "predictions.csv").set_index("file")
    assert len(found) == 403
    assert 'no column "weight"' in found.loc["b.csv", "note"]
    assert found.loc["c.csv", "note"].startswith('column "length": number, but no cell is one')
    assert 0 < found.loc["d.csv row 2", "p/bad"] < 1  # an unseen category and missing cells
    assert not (seed / "evaluation" / "curves.png").exists()  # fitted at once
    known = pd.read_parquet(seed / "evaluation" / "predictions.parquet")
    rows = [f"a.csv row {int(name.removeprefix('row-')) + 2}" for name in known["id"]]
    np.testing.assert_allclose(found.loc[rows, "p/bad"], known["p_plain_0"], atol=1e-6)
    assert "403 rows" in capsys.readouterr().out


def test_a_new_table_is_scored_as_in_the_evaluation(numbers: Path, tmp_path: Path, table: pd.DataFrame) -> None:
    seed = tmp_path / "seed-0"
    common: dict[str, Any] = {"detector": "knn", "normal": ["good"], "seed": 0}
    fit.run(FitSpec.model_validate({**common, "training": None}), data=numbers, out=seed / "model", log=silent)
    judged = {"false_alarms": 0.1, "threshold": "quantile", "examples": 5, "resamples": 20}
    judge.run(
        JudgeSpec.model_validate({**common, **judged}),
        data=numbers,
        model=seed / "model",
        out=seed / "evaluation",
        log=silent,
    )
    table.to_csv(tmp_path / "new.csv", index=False)
    assert score.run(model=seed, samples=tmp_path / "new.csv", out=tmp_path / "scored") == 0
    found = pd.read_csv(tmp_path / "scored" / "scores.csv").set_index("file")["score"]
    known = pd.read_parquet(seed / "evaluation" / "scores.parquet")
    rows = [f"new.csv row {int(name.removeprefix('row-')) + 2}" for name in known["id"]]
    np.testing.assert_allclose(found.loc[rows], known["score"], rtol=1e-5)
