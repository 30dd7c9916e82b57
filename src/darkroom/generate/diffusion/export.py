"""The command `generate export`: write a trained diffusion model as a folder that diffusers loads.

    unet/        the denoiser, for UNet2DModel.from_pretrained
    scheduler/   the sampler, for the scheduler class named in its file
    usage.json   what the caller must do that diffusers' own pipelines do not

The caller pads sides with zeros to `multiple`, cuts patches with `pixel_unshuffle` and joins them with `pixel_shuffle`,
passes the label `null_class` for the unconditional prediction and mixes both by `guidance`, and maps [-1, 1] to [0, 1].
DDIM's `step` in diffusers needs `eta` and `use_clipped_model_output=True`, and a number of steps that divides the number of
noise steps: otherwise it takes steps to be shorter than they are. Other generators cannot be exported, nor can models with
classifier guidance, for which diffusers has no network.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from safetensors.torch import save

from darkroom import files, registry
from darkroom.fit.model import read_about, say_if_kept
from darkroom.generate.diffusion.model import Diffusion
from darkroom.generate.diffusion.noise_schedule import FIRST_BETA, LAST_BETA
from darkroom.generate.model import read_generator
from darkroom.nets.unet import GROUPS, UNet
from darkroom.settings import Section

SCHEDULERS = {"ancestral": "DDPMScheduler", "ddim": "DDIMScheduler", "dpm_solver": "DPMSolverMultistepScheduler"}
BETAS = {"linear": "linear", "cosine": "squaredcos_cap_v2"}
PREDICTIONS = {"epsilon": "epsilon", "x0": "sample", "v": "v_prediction"}


def run(*, model: Path, out: Path, options: Path | None = None) -> None:
    """Export the diffusion model in `model`, a folder of `generate train`, to the folder `out`.

    `options` is a JSON file with the contents of `generator` in the config, for a sampler or guidance other than the
    defaults. Raises ValueError for other generators, and for classifier guidance.
    """
    about = read_about(model)
    if about.plugin["name"] != "diffusion":
        raise ValueError(f'{model} holds a "{about.plugin["name"]}"; diffusers loads only a "diffusion" model')
    network = read_generator(model, _options(options))
    assert isinstance(network, Diffusion)
    if network.classifier is not None:
        raise ValueError(
            f"{model} uses classifier guidance, for which diffusers has no network; train it with "
            "guidance_by: classifier_free"
        )
    say_if_kept(model)
    with files.folder(out) as fresh:
        (fresh / "unet").mkdir()
        files.write_json(fresh / "unet" / "config.json", unet_config(network))
        weights = {name: value.contiguous() for name, value in network.denoiser.unet.state_dict().items()}
        (fresh / "unet" / "diffusion_pytorch_model.safetensors").write_bytes(save(weights, metadata={"format": "pt"}))
        (fresh / "scheduler").mkdir()
        scheduler = scheduler_config(network, about.plugin["noise_schedule"])
        files.write_json(fresh / "scheduler" / "scheduler_config.json", scheduler)
        files.write_json(fresh / "usage.json", usage(network))


def _options(path: Path | None) -> Section | None:
    return None if path is None else registry.options("generator", "diffusion").model_validate(files.read_json(path))


def unet_config(network: Diffusion) -> dict[str, Any]:
    """Return the config of `UNet2DModel`."""
    unet: UNet = network.denoiser.unet
    levels = len(unet.widths)
    height, width = (-(-side // network.denoiser.multiple) * network.denoiser.multiple for side in network.shape[1:])
    patch = network.denoiser.patch
    return {
        "_class_name": "UNet2DModel",
        "sample_size": [height // patch, width // patch],
        "in_channels": unet.conv_in.in_channels,
        "out_channels": unet.conv_out.out_channels,
        "down_block_types": ["DownBlock2D"] * levels,
        "up_block_types": ["UpBlock2D"] * levels,
        "block_out_channels": list(unet.widths),
        "layers_per_block": unet.blocks,
        "norm_num_groups": GROUPS,
        "add_attention": False,
        "num_class_embeds": network.classes + 1 if network.conditional else None,
    }


def scheduler_config(network: Diffusion, noise_schedule: str) -> dict[str, Any]:
    """Return the config of the scheduler."""
    config: dict[str, Any] = {
        "_class_name": SCHEDULERS[network.sampler],
        "num_train_timesteps": len(network.schedule),
        "beta_schedule": BETAS[noise_schedule],
        "beta_start": FIRST_BETA,
        "beta_end": LAST_BETA,
        "prediction_type": PREDICTIONS[network.prediction],
        "timestep_spacing": "trailing",
    }
    if network.sampler == "dpm_solver":  # a dynamic threshold capped at 1 is static
        return config | {"thresholding": network.clip_x0, "sample_max_value": 1.0, "lower_order_final": False}
    return config | {"clip_sample": network.clip_x0}


def usage(network: Diffusion) -> dict[str, Any]:
    """Return what the caller must know besides."""
    return {
        "shape": list(network.shape),
        "patch": network.denoiser.patch,
        "multiple": network.denoiser.multiple,
        "null_class": network.classes if network.conditional else None,
        "guidance": network.guidance if network.conditional else None,
        "steps": network.steps,
        "eta": network.eta,
    }
