"""An exported model, loaded by diffusers, predicts and samples as it does here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from diffusers import DDIMScheduler, DDPMScheduler, DPMSolverMultistepScheduler, UNet2DModel
from torch import Tensor

from darkroom import files, registry
from darkroom.__main__ import main
from darkroom.fit.model import save_model
from darkroom.generate.config import trained
from darkroom.generate.diffusion import model
from darkroom.generate.diffusion.model import Diffusion, noise_of

SHAPE = (3, 9, 14)
SCHEDULERS = {"ancestral": DDPMScheduler, "ddim": DDIMScheduler, "dpm_solver": DPMSolverMultistepScheduler}


def saved(folder: Path, classes: int, **options: Any) -> Diffusion:
    torch.manual_seed(0)
    plugin = registry.options("generator", "diffusion")(width=8, steps=10, **options)
    network: Diffusion = registry.build(plugin, SHAPE, classes)
    for parameter in network.parameters():
        parameter.data.add_(0.1 * torch.randn_like(parameter))
    with files.folder(folder) as fresh:
        save_model(fresh, network, plugin=trained(plugin), shape=SHAPE, classes=("a", "b")[:classes], fitted=None)
    files.write_json(folder.with_name("options.json"), plugin.model_dump(mode="json"))
    return network.eval()


def export(folder: Path, name: str) -> int:
    """The exit code."""
    given = {"--model": folder / name, "--options": folder / "options.json", "--out": folder / "exported"}
    return main(["generate", "export", *(str(word) for pair in given.items() for word in pair)])


@pytest.mark.parametrize("classes", [0, 2])
@pytest.mark.parametrize("sampler", SCHEDULERS)
@torch.inference_mode()
def test_diffusers_predicts_and_samples_the_same(
    sampler: str, classes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model, "resolve", lambda wanted: "fp32")
    network = saved(tmp_path / "model", classes, sampler=sampler)
    out = tmp_path / "exported"
    assert export(tmp_path, "model") == 0
    unet = UNet2DModel.from_pretrained(out / "unet").eval()
    scheduler = SCHEDULERS[sampler].from_pretrained(out / "scheduler")
    usage = files.read_json(out / "usage.json")
    height, width = SHAPE[1:]

    def predict(noisy: Tensor, time: Tensor, labels: Tensor | None) -> Tensor:
        pad = (0, -width % usage["multiple"], 0, -height % usage["multiple"])
        cut = F.pixel_unshuffle(F.pad(noisy, pad), usage["patch"])
        return F.pixel_shuffle(unet(cut, time, labels).sample, usage["patch"])[..., :height, :width]

    labels = torch.tensor([1, 0, 1]) if classes else None
    noisy, time = torch.randn(3, *SHAPE), torch.tensor(400)
    assert torch.allclose(predict(noisy, time, labels), network.denoiser(noisy, time.expand(3), labels), atol=1e-4)

    if sampler == "ancestral":
        return  # draws within diffusers' step are its own
    given = torch.tensor([1, 0, 1])
    seeds = torch.randint(2**62, (3,), generator=torch.Generator().manual_seed(0)).tolist()
    noisy = noise_of([torch.Generator().manual_seed(seed) for seed in seeds], SHAPE, torch.device("cpu"))
    scheduler.set_timesteps(usage["steps"])
    more = {"eta": usage["eta"], "use_clipped_model_output": True} if sampler == "ddim" else {}
    for time in scheduler.timesteps:
        predicted = predict(noisy, time, labels)
        if usage["guidance"] is not None:
            unguided = predict(noisy, time, torch.full_like(given, usage["null_class"]))
            predicted = unguided + usage["guidance"] * (predicted - unguided)
        noisy = scheduler.step(predicted, time, noisy, **more).prev_sample
    ours = network.sample(given, torch.Generator().manual_seed(0))
    assert torch.allclose((noisy.clamp(-1, 1) + 1) / 2, ours, atol=1e-4)


def test_what_diffusers_cannot_load_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    saved(tmp_path / "guided", 2, guidance_by="classifier")
    plugin = registry.options("generator", "vae")()
    with files.folder(tmp_path / "vae") as fresh:
        save_model(fresh, registry.build(plugin, SHAPE, 0), plugin=plugin, shape=SHAPE, classes=(), fitted=None)
    for name, expected in (
        ("guided", "guidance_by: classifier_free"),
        ("vae", 'holds a "vae"; diffusers loads only a "diffusion"'),
    ):
        assert export(tmp_path, name) == 1
        assert expected in capsys.readouterr().err
        assert not (tmp_path / "exported").exists()


def test_options_of_another_model_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    saved(tmp_path / "model", 2)
    (tmp_path / "options.json").write_text('{"name": "diffusion", "width": 16}')
    assert export(tmp_path, "model") == 1
    assert "only sampling options may differ from training" in capsys.readouterr().err
