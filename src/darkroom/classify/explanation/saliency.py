"""Where a network looks: Grad-CAM (Selvaraju et al. 2017) or, for transformers, attention rollout (Abnar & Zuidema 2020).

Grad-CAM weights the channels of the last feature map by the mean gradient of a class's logit and keeps the positive part
of their sum. For a network that ends in global average pooling and a linear layer this is the class activation map of
Zhou et al. 2016, divided by the number of places. Attention rollout multiplies the layers' attention matrices, averaged
over heads, each mixed in equal parts with the identity for the residual connection. It does not depend on the class.

Of a label or number, the negative gradient gives what speaks against it, or lowers it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Method = Literal["grad_cam", "attention_rollout"]


@torch.no_grad()
def method(network: nn.Module, image: Tensor) -> Method | None:
    """Return the method that suits a network, tried on one image (1, C, H, W); None if it has no `feature_maps`."""
    if not hasattr(network, "feature_maps"):
        return None
    with _attention(network) as layers:
        network(image)
    return "attention_rollout" if _global(layers, _sizes(network, image)[-1]) else "grad_cam"


def saliency(network: nn.Module, how: Method, images: Tensor, outputs: Tensor, *, sign: int = 1) -> Tensor:
    """Return maps (B, H, W), at least 0, of images (B, C, H, W) for one output (B,) each, or with `sign` -1 against it."""
    maps = grad_cam(network, images, outputs, sign=sign) if how == "grad_cam" else attention_rollout(network, images)
    large = F.interpolate(maps[:, None], images.shape[-2:], mode="bilinear", align_corners=False)
    return large[:, 0].clamp_min(0)


def grad_cam(network: nn.Module, images: Tensor, outputs: Tensor, *, sign: int = 1) -> Tensor:
    """Return the Grad-CAM (B, h, w) of the last output that has the size of a feature map larger than one place."""
    sizes = {size for size in _sizes(network, images[:1]) if size != (1, 1)}
    last: list[Tensor] = []

    def keep(_module: nn.Module, _inputs: Any, output: Any) -> None:
        if not isinstance(output, Tensor) or output.ndim != 4 or len(output) != len(images):
            return
        if tuple(output.shape[2:]) in sizes or tuple(output.shape[1:3]) in sizes:
            last[:] = [output]

    hooks = [module.register_forward_hook(keep) for module in network.modules() if module is not network]
    try:
        with torch.enable_grad():
            logits = network(images.detach().requires_grad_())
            if not last:
                raise ValueError(f"{type(network).__name__} computes its logits from none of its feature maps")
            (gradients,) = torch.autograd.grad(sign * logits.gather(1, outputs[:, None]).sum(), last[0])
    finally:
        for hook in hooks:
            hook.remove()
    values = last[0].detach()
    if tuple(values.shape[2:]) not in sizes:  # channels come last
        values, gradients = values.permute(0, 3, 1, 2), gradients.permute(0, 3, 1, 2)
    return F.relu((gradients.mean((2, 3), keepdim=True) * values).sum(1))


@torch.no_grad()
def attention_rollout(network: nn.Module, images: Tensor) -> Tensor:
    """Return how much attention the class token, or the mean token without one, pays to each place: (B, h, w)."""
    height, width = _sizes(network, images[:1])[-1]
    with _attention(network) as layers:
        network(images)
    tokens = layers[0].shape[-1]
    identity = torch.eye(tokens)
    rolled = identity.expand(len(images), -1, -1)
    for attention in layers:
        rolled = (attention + identity) / 2 @ rolled
    prefix = tokens - height * width
    row = rolled[:, 0] if prefix else rolled.mean(1)
    return row[:, prefix:].reshape(-1, height, width)


def _sizes(network: nn.Module, images: Tensor) -> list[tuple[int, int]]:
    """Return the height and width of each feature map."""
    with torch.no_grad():
        maps: list[Tensor] = network.feature_maps(images)  # type: ignore[operator]
    return [(found.shape[-2], found.shape[-1]) for found in maps]


def _global(layers: list[Tensor], size: tuple[int, int]) -> bool:
    """Return whether there are layers of attention for one image, all over the whole image and not within windows."""
    shapes = {tuple(layer.shape) for layer in layers}
    return len(shapes) == 1 and (shape := shapes.pop())[0] == 1 and shape[1] >= size[0] * size[1]


@contextlib.contextmanager
def _attention(network: nn.Module) -> Iterator[list[Tensor]]:
    """Collect each attention layer's matrix (B, N, N), averaged over heads, while the network runs.

    Knows timm's layers, whose fused kernel is switched off meanwhile, and torch's `MultiheadAttention`.
    """
    found: list[Tensor] = []
    hooks, fused = [], []

    def of_timm(_module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        found.append(inputs[0].detach().mean(1))  # (B, heads, N, N)

    def ask(_module: nn.Module, inputs: Any, named: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        return inputs, {**named, "need_weights": True, "average_attn_weights": True}

    def of_torch(_module: nn.Module, _inputs: Any, output: tuple[Tensor, Tensor]) -> None:
        found.append(output[1].detach())

    for module in network.modules():
        if isinstance(module, nn.MultiheadAttention):
            hooks += [module.register_forward_pre_hook(ask, with_kwargs=True), module.register_forward_hook(of_torch)]
        elif hasattr(module, "fused_attn") and isinstance(getattr(module, "attn_drop", None), nn.Module):
            fused.append((module, module.fused_attn))
            module.fused_attn = False  # type: ignore[assignment]
            hooks.append(module.attn_drop.register_forward_pre_hook(of_timm))  # type: ignore[union-attr]
    try:
        yield found
    finally:
        for hook in hooks:
            hook.remove()
        for module, before in fused:
            module.fused_attn = before
