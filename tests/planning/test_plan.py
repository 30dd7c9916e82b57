"""What a job's spec says of things outside the config."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from darkroom import registry
from darkroom.config import load as config
from darkroom.nets import pretrained
from darkroom.planning.plan import Plan


def test_other_weights_of_a_backbone_make_a_detector_stale(tmp_path: Path) -> None:
    file = tmp_path / "weights.pt"
    padim = {"name": "padim", "backbone": "resnet10t", "weights": str(file)}
    both = {"name": "average", "of": [padim, "patchcore", "pca"]}
    detectors = {"padim": {"detector": padim}, "patchcore": {}, "pca": {}, "both": {"detector": both}}
    raw = {"name": "seen", "data": {"source": "sklearn"}, "detect": {"normal": "1", "detectors": detectors}}

    def specs(detector: str) -> list[str]:
        plan = Plan(config.load(raw, path="seen.yaml"))
        return [plan.spec(f"detect {job}", task="normal-1", detector=detector, seed=0) for job in ("fit", "evaluate")]

    file.write_bytes(b"some weights")
    before = specs("padim") + specs("both")
    file.write_bytes(b"other weights")
    assert all(old != new for old, new in zip(before, specs("padim") + specs("both"), strict=True))
    assert all(f'"backbone":"{pretrained.installed()}"' in spec for spec in specs("patchcore"))
    assert all('"backbone":null' in spec for spec in specs("pca"))


@pytest.mark.parametrize("path", ["~nobody-of-this-name/x", "x" * 300, "a\nb", "~nobody-of-this-name://x"])
def test_a_path_where_nothing_can_be_makes_no_plan_fail(path: str) -> None:
    detectors = {"padim": {"detector": {"weights": path}}}
    raw = {"name": "nowhere", "data": {"source": "sklearn"}, "detect": {"normal": "1", "detectors": detectors}}
    assert '"backbone":null' in Plan(config.load(raw, path="c.yaml")).spec(
        "detect fit", task="normal-1", detector="padim", seed=0
    )
    raw = {"name": "nowhere", "data": {"source": {"name": "folder", "path": path}}}
    plan = Plan(config.load(raw, path="c.yaml", need_data=False))
    assert '"fingerprint":null' in plan.spec("data fetch")
    assert plan.need("data fetch", [], 1).mem_mb > 0


@pytest.mark.parametrize(
    ("model", "sampling", "training"),
    [
        ("gan", {"temperature": 0.9}, {"width": 16}),
        ("diffusion", {"guidance": 1.5, "sampler": "ddim", "steps": 50, "eta": 0.5, "clip_x0": False}, {"width": 16}),
    ],
)
def test_what_only_sampling_uses_trains_no_generator_anew(
    model: str, sampling: dict[str, Any], training: dict[str, Any]
) -> None:
    def specs(options: dict[str, Any]) -> list[str]:
        raw = {"name": "drawn", "data": {"source": "sklearn"}, "generate": {"models": {model: {"generator": options}}}}
        plan = Plan(config.load(raw, path="drawn.yaml"))
        return [plan.spec(f"generate {job}", model=model, seed=0) for job in ("train", "evaluate")]

    before = specs({})
    for name, value in sampling.items():
        train, evaluate = specs({name: value})
        assert train == before[0], name
        assert evaluate != before[1], name
    assert all(old != new for old, new in zip(before, specs(training), strict=True))


def test_a_detector_waits_for_the_classifier_that_it_looks_through() -> None:
    padim = {"name": "padim", "classifier": "own"}
    detectors = {"padim": padim, "pca": "pca", "both": {"name": "average", "of": [padim, "patchcore"]}}
    raw = {
        "name": "seen",
        "data": {"source": "sklearn"},
        "augment": {"standard": {"copies": 1}},
        "classify": {
            "models": {"own": {"network": {"name": "resnet", "width": 8}}},
            "policies": ["standard"],
            "seeds": 2,
        },
        "detect": {"normal": "1", "detectors": {k: {"detector": v} for k, v in detectors.items()}, "seeds": 2},
    }
    plan = Plan(config.load(raw, path="seen.yaml"))

    def classifier(detector: str, seed: int) -> str | None:
        wild = {"task": "normal-1", "detector": detector, "seed": seed}
        found = {option: folder for option, folder, _ in plan.inputs("detect fit", **wild)}
        return found.get("classifier")

    trained = [plan.folder(*job[:1], **job.wildcards) for job in plan.jobs_of("classify train")]
    assert classifier("pca", 0) is None
    assert classifier("padim", 1) == "results/seen/classify/standard/own/seed-1/model"
    assert classifier("both", 0) in trained
    for job in ("detect fit", "detect evaluate"):
        wild = {"task": "normal-1", "seed": 0}
        assert '"backbone":"standard/own","' in plan.spec(job, detector="padim", **wild)
        assert f'"backbone":"{pretrained.installed()} standard/own"' in plan.spec(job, detector="both", **wild)
        modules = [found.module for found in registry.used(plan.resolved(job, detector="both", **wild))]
        assert "darkroom.nets.resnet" in modules  # an edit of the network makes the detector stale
        assert "darkroom.nets.resnet" not in [
            found.module for found in registry.used(plan.resolved(job, detector="pca", **wild))
        ]


def test_a_spec_too_long_for_a_command_is_handed_over_in_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    content: dict[str, Any] = {
        "name": "many",
        "data": {"source": "sklearn"},
        "augment": {"mirrored": {"online": ["hflip"]}},
    }
    few, many = (Plan(config.load({**content, "classify": {"seeds": seeds}}, path="many.yaml")) for seeds in (2, 1000))
    assert few.argument("report build") == few.spec("report build")
    assert not any(tmp_path.iterdir())
    given = many.argument("report build")
    assert given == many.argument("report build")
    assert given != Plan(config.load({**content, "classify": {"seeds": 999}}, path="many.yaml")).argument(
        "report build"
    )
    assert json.loads(Path(given.removeprefix("@")).read_text()) == json.loads(many.spec("report build"))


def test_what_others_wait_for_goes_first() -> None:
    plan = Plan(config.read(Path(__file__).parents[2] / "config" / "config.yaml"))
    for stage, wildcards in plan.jobs:
        for _, _, made in plan.inputs(stage, **wildcards):
            for source in {job.stage for job in made}:
                ahead = plan.priorities[source] - plan.priorities[stage]
                assert ahead >= plan.stages[source].cost.seconds, (source, stage)


def test_every_rule_takes_its_priority() -> None:
    """A rule without it runs last, and what waits for it keeps a core idle."""
    for path in (Path(__file__).parents[2] / "workflow/rules").glob("*.smk"):
        for rule in path.read_text(encoding="utf-8").split("\nrule ")[1:]:
            name = rule.split(":")[0]
            assert f"    priority: {name}.priority\n" in rule, f"{path.name}: {name}"


def test_another_file_in_a_folder_of_noise_makes_the_copies_stale(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "noise").mkdir()
    noisy = {"offline": [{"name": "background_noise", "folder": str(tmp_path / "noise")}]}
    raw = {
        "name": "spoken",
        "data": {"source": {"name": "audio_folder", "path": str(tmp_path)}},
        "augment": {"noisy": noisy, "plain": {"offline": ["gain"]}},
        "classify": None,
    }

    def specs() -> list[str]:
        plan = Plan(config.load(raw, path="c.yaml"))
        return [str(plan.spec("augment apply", policy=policy)) for policy in ("noisy", "plain")]

    before = specs()
    (tmp_path / "noise" / "hum.wav").write_bytes(b"x")
    after = specs()
    assert before[0] != after[0]
    assert before[1] == after[1]
    assert "folders" not in after[1]
