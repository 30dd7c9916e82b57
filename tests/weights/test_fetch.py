"""Remote weights are fetched once, checked, recorded, and read offline afterwards."""

from __future__ import annotations

import functools
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from darkroom import files, registry
from darkroom.config.load import ConfigError, load
from darkroom.log import silent
from darkroom.nets import pretrained
from darkroom.nets.backbone import Backbone
from darkroom.planning.plan import Plan
from darkroom.weights import fetch
from darkroom.weights.config import FetchSpec

if not pretrained.timm_installed():
    pytest.skip("timm is not installed", allow_module_level=True)

ARCHITECTURE = "test_efficientnet"


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import timm

    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("served") / "weights.pth"
    torch.save({"state_dict": timm.create_model(ARCHITECTURE).state_dict(), "epoch": 3}, path)
    return path


@pytest.fixture(scope="module")
def server(weights: Path) -> Iterator[str]:
    """Serves the folder of the weights on the loopback interface."""
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(weights.parent))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_address[1]}"
        running.shutdown()


def spec(source: str, sha256: str | None = None, architecture: str = ARCHITECTURE) -> FetchSpec:
    return FetchSpec(architecture=architecture, weights=source, sha256=sha256)


def test_weights_from_a_url_are_checked_recorded_and_kept(server: str, weights: Path, tmp_path: Path) -> None:
    wanted, out = spec(f"{server}/weights.pth", files.sha256(weights)), tmp_path / "fetched"
    fetch.run(wanted, out=out, log=silent)
    assert set(files.read_manifest(out)) == {pretrained.FETCHED, fetch.SOURCE}
    assert files.read_json(out / fetch.SOURCE)["sha256"] == files.sha256(weights)
    theirs = torch.load(weights, weights_only=True)["state_dict"]
    ours = Backbone(ARCHITECTURE, weights=out / pretrained.FETCHED).network.state_dict()
    assert all(torch.equal(value, theirs[name]) for name, value in ours.items())
    before = files.read_manifest(out)
    (out / files.MANIFEST).unlink()  # as Snakemake does before a re-run
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fetch, "downloaded", None)  # offline
        fetch.run(wanted, out=out, log=silent)
    assert files.read_manifest(out) == before


def test_a_wrong_sha256_a_missing_file_and_other_weights_are_refused(
    server: str, weights: Path, tmp_path: Path
) -> None:
    sha256, url, out = files.sha256(weights), f"{server}/weights.pth", tmp_path / "fetched"
    with pytest.raises(ValueError, match=f"sha256: {url} has the sha256 {sha256}, expected {'0' * 64}"):
        fetch.run(spec(url, "0" * 64), out=out, log=silent)
    with pytest.raises(ValueError, match=r"weights: could not download .*/none\.pth: .*404"):
        fetch.run(spec(f"{server}/none.pth", sha256), out=out, log=silent)
    with pytest.raises(
        ValueError, match=rf"weights: {url} does not fit test_resnet: of \d+ tensors, \d+ missing \(conv1"
    ):
        fetch.run(spec(url, sha256, "test_resnet"), out=out, log=silent)
    pickled = weights.with_name("pickled.pth")
    torch.save([Backbone], pickled)
    with pytest.raises(ValueError, match=rf"weights: {server}/pickled.pth is not a state dict"):
        fetch.run(spec(f"{server}/pickled.pth", files.sha256(pickled)), out=out, log=silent)
    assert not out.exists()


def test_a_hub_is_asked_by_name_and_may_be_out_of_reach(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import timm

    asked, create = [], timm.create_model

    def hub(name: str, pretrained: bool = False, **more: Any) -> Any:
        asked.append((name, pretrained))
        return create(name, pretrained=False, **more)

    monkeypatch.setattr(timm, "create_model", hub)
    fetch.run(spec("hub"), out=tmp_path / "fetched", log=silent)
    assert asked[0] == (ARCHITECTURE, True)
    assert not any(downloads for _, downloads in asked[1:])

    def offline(name: str, **more: Any) -> Any:
        raise ConnectionError("no route to host\nand much more")

    monkeypatch.setattr(timm, "create_model", offline)
    with pytest.raises(
        ValueError, match=r"could not fetch .* the hub: no route to host\. Offline, set weights to"
    ) as caught:
        fetch.run(spec("hub"), out=tmp_path / "other", log=silent)
    assert "\n" not in str(caught.value)


def config(tmp_path: Path, **weights: Any) -> Any:
    (tmp_path / "images").mkdir(exist_ok=True)
    backbone = {"backbone": ARCHITECTURE, **weights}
    source = {"name": "folder", "path": str(tmp_path / "images")}
    own = {"network": {"name": "pretrained", **backbone}}
    padim = {"name": "padim", "backbone": ARCHITECTURE, **weights}
    averaged = {"detector": {"name": "average", "of": [padim, "pca"]}}
    raw = {"name": "x", "data": {"source": source}, "classify": {"models": {"own": own}}}
    return load(raw | {"detect": {"normal": "a", "detectors": {"both": averaged}}}, path="test.yaml")


def test_jobs_wait_for_their_weights_and_read_the_file_that_was_fetched(tmp_path: Path) -> None:
    plan = Plan(config(tmp_path, weights="https://example.org/w.pt", sha256="a" * 64))
    (job,) = plan.jobs_of("weights fetch")  # one for the classifier and the detector
    folder = plan.folder(*job[:1], **job.wildcards)
    for stage, names in (
        ("classify train", {"policy": "none", "model": "own", "seed": 0}),
        ("detect fit", {"task": "normal-a", "detector": "both", "seed": 0}),
    ):
        assert ("weights", "data/weights", (job,)) in list(plan.inputs(stage, **names))
        resolved: Any = plan.resolved(stage, **names)
        assert resolved.backbone == "a" * 64
        (local,) = pretrained.choices(pretrained.localized(resolved, Path("data/weights")))
        assert (local.weights, local.sha256) == (f"{folder}/{pretrained.FETCHED}", None)
    assert not Plan(config(tmp_path)).jobs_of("weights fetch")


@pytest.mark.parametrize(
    ("weights", "problem"),
    [
        ({"weights": "https://example.org/w.pt"}, "sha256: weights from https://example.org/w.pt need their sha256"),
        ({"sha256": "a" * 64}, "sha256: only weights from a URL have one; leave it out"),
    ],
    ids=str,
)
def test_a_url_has_a_sha256_and_nothing_else_has(weights: dict[str, str], problem: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=problem):
        config(tmp_path, **weights)


def test_remote_weights_without_their_folder_are_an_error() -> None:
    options = registry.options("network", "pretrained").model_validate({"weights": "hub"})
    with pytest.raises(ValueError, match="weights: hub is read from the folder of `weights fetch`; got none"):
        pretrained.localized(options, None)
