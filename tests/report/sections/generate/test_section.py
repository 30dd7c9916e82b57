"""The generators side by side: order, real images as reference, advice, collapse and near-copies."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.report.page import findings

from darkroom import files
from darkroom.report.sections.generate import section as generators
from darkroom.report.sections.generate.section import Generators
from darkroom.report.sections.generate.tables import too_many_copies

MODELS = ("vae", "diffusion", "gan")


def change(tree: Any, model: str, seed: int = 0, **values: Any) -> None:
    """Overwrite parts of a model's metrics; dictionaries are merged."""
    path = tree.results / f"generate/{model}/seed-{seed}/evaluation/metrics.json"
    metrics = files.read_json(path)
    for key, value in values.items():
        metrics[key] = {**metrics.get(key, {}), **value} if isinstance(value, dict) else value
    files.write_json(path, metrics)


def section(tree: Any) -> Generators:
    found = generators.read(tree.read())
    assert found is not None
    return found


def test_the_closest_to_the_real_images_comes_first_below_them(plant: Callable[..., Any]) -> None:
    tree = plant(generators=MODELS, classifiers=(), detectors=())
    for model, fid in zip(MODELS, (3.0, 1.0, 2.0), strict=True):
        change(tree, model, judge={"fid": fid})
    found = section(tree)
    assert [m.title for m in found.ranked] == ["diffusion", "gan", "vae"]
    (space,) = found.spaces
    assert [row.title for row in space.table.rows] == ["real images", "diffusion", "gan", "vae"]
    assert [row.cells[0].main for row in space.table.rows] == ["0.02", "1", "2", "3"]


def test_families_compare_at_neutral_sampling_too(plant: Callable[..., Any]) -> None:
    tree = plant(generators=MODELS, classifiers=(), detectors=())
    assert len(section(tree).spaces) == 1
    change(tree, "diffusion", neutral={"options": {"guidance": 1.0}, "fid": 9.0})
    change(tree, "gan", neutral={"options": {"truncation": None}})
    neutral = section(tree).spaces[1]
    rows = {row.title: row.cells[0].main for row in neutral.table.rows}
    assert rows["diffusion (guidance 1)"] == "9"
    assert {"gan (truncation off)", "vae"} < set(rows)


def test_the_answer_names_the_closest_family_at_neutral_sampling_too(plant: Callable[..., Any], tmp_path: Path) -> None:
    tree = plant(generators=("gan", "vae"), classifiers=(), detectors=())
    change(tree, "gan", judge={"fid": 1.0}, neutral={"options": {"truncation": None}, "fid": 3.0})
    change(tree, "vae", judge={"fid": 2.0}, neutral={"options": {}, "fid": 2.0})
    (sentence,) = findings(tree.build(tmp_path / "page"))["Generation"]
    assert "gan comes closest to the test images: FID (judge features) 1 " in sentence
    assert "With neutral sampling, vae is closest with FID 2." in sentence


def test_a_distance_is_named_by_its_features(plant: Callable[..., Any]) -> None:
    tree = plant(generators=MODELS, classifiers=(), detectors=())
    for model in MODELS:
        found = {"fid": 5.0, "kid": 0.1, "samples": 30, "against": 30}
        change(tree, model, inception=found, inception_floor={"fid": 1.0, "samples": 30})
    judge, inception = section(tree).spaces
    assert judge.table.columns[0] == "FID (judge)"
    assert inception.table.columns[0] == "FID (Inception)"
    assert "not comparable" in str(judge.basis)
    assert "not comparable" not in str(inception.basis)


def test_advice_is_clear_only_if_the_seeds_agree(plant: Callable[..., Any]) -> None:
    tree = plant(generators=("gan", "vae"), seeds=(0, 1, 2), classifiers=(), detectors=())
    for seed in (0, 1, 2):
        change(tree, "gan", seed, judge={"fid": 1.0 + 0.01 * seed, "coverage": 0.5 + 0.1 * seed})
        change(tree, "vae", seed, judge={"fid": 2.0 + 0.01 * seed, "coverage": 0.55 + 0.1 * seed})
    advice = {item.purpose: str(item.words) for item in section(tree).advice}
    overall, diverse = advice["Closest to the real images overall"], advice["Images as diverse as the real ones"]
    assert overall.startswith("<b>gan</b>")
    assert "(a clear difference)" in overall
    assert diverse.startswith("<b>vae</b>")
    assert "no clear difference" in diverse
    assert advice["A latent space to encode into and interpolate in"].startswith("<b>vae</b>")


def test_one_seed_says_nothing_about_the_spread_and_one_model_needs_no_advice(plant: Callable[..., Any]) -> None:
    advice = section(plant(generators=MODELS, classifiers=(), detectors=())).advice
    assert "one seed" in str(advice[0].words)
    assert section(plant(generators=("gan",), classifiers=(), detectors=())).advice == []


def test_collapse_and_near_copies_lead_the_page(plant: Callable[..., Any], tmp_path: Path) -> None:
    tree = plant(generators=("gan", "vae"))
    change(tree, "gan", collapse={"collapsed": True, "reasons": ["no sample is taken for <3>"]})
    change(tree, "vae", memorization={"near_copies": {"value": 0.3, "low": 0.25, "high": 0.35}})
    page = tree.build(tmp_path / "page")
    answer = page[: page.index('id="data"')]
    assert "no sample is taken for &lt;3&gt;" in answer
    assert "memorizes" in answer
    assert "near-copies of training images" in answer


@pytest.mark.parametrize(("share", "low", "many"), [(0.3, 0.25, True), (0.014, 0.011, False), (0.03, 0.005, False)])
def test_copies_are_too_many_when_clearly_above_those_of_held_out_images(
    plant: Callable[..., Any], share: float, low: float, many: bool
) -> None:
    tree = plant(generators=("gan",), classifiers=(), detectors=())
    change(tree, "gan", memorization={"near_copies": {"value": share, "low": low, "high": 0.5}})
    assert too_many_copies(section(tree).best) is many


def test_missing_numbers_show_their_reason(plant: Callable[..., Any], tmp_path: Path) -> None:
    tree = plant(generators=("gan",))
    change(tree, "gan", accuracy={"value": None, "reason": "the model knows no classes"}, memorization=None)
    assert "the model knows no classes" in tree.build(tmp_path / "page")
